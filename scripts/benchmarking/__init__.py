"""The implementation of `scripts/benchmark.py`."""
