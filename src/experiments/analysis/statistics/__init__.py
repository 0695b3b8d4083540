"""The statistics of a comparison, one concept per file: arrays in, numbers out, no records.

The statistics shown at the end of every sweep need only NumPy; the others need `scipy.special`.
"""
