"""Tuned comparisons: each optimizer's settings are searched, then judged on other seeds."""
