"""Cards, the registry that finds them, plug-ins, and the grammar of a request; nothing here imports torch."""
