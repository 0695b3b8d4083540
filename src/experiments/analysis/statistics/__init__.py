"""The statistics of a comparison, one concept a file: arrays in, numbers out, no records.

They need NumPy and `scipy.special` alone: a sweep's end, too, can afford them.
"""
