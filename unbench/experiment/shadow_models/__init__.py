"""Shadow models: trained on random halves, so that who saw what is known; one pool for all attacks and methods."""
