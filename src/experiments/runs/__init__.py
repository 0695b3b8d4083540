"""One run's life on disk: its job, identity, checkpoints and record."""
