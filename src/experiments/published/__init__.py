"""Layers, datasets and probes that only published results need, and the stored results.

A run that names a class from here has the source of its module in its identity.
"""
