"""The statistics of a comparison, one concept a file: arrays in, numbers out, no records.

What every sweep ends with needs NumPy alone, the rest `scipy.special`.
"""
