"""The sources of data, one per module."""
