"""Results for other tools: everything that is stored, in formats that they read."""
