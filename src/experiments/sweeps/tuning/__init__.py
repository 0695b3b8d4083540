"""Tuned comparisons: each optimizer's settings are tuned, then evaluated on other seeds."""
