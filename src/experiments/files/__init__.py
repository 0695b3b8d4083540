"""Files on disk: atomic writes, locks, array archives, YAML, and the masking of passwords."""
