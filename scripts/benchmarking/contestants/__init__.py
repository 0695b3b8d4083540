"""The contestants, one per module, each run in a separate process."""
