"""Experiments: configuration, data, training, records, tracking and comparison."""
