"""Cards, the registry that finds them, plug-ins, tuned values, and the grammar of a request; no torch here."""
