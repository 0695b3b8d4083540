"""The configuration of a run: its schema, and how it is checked and built."""
