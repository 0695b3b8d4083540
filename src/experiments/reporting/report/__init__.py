"""Write comparisons to files: the summary of a sweep, and the report of a whole study."""
