"""A trained run as a function of raw data."""
