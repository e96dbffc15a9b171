"""Results on disk: schema, tables, atomic writes, locks and checksums."""
