"""Bytes on disk: atomic writes, locks, YAML, and what is masked in what is written."""
