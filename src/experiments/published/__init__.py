"""What only published results need: their own layers, datasets and probes, and the stored results.

A run that names a class from here has the source of its module in its identity.
"""
