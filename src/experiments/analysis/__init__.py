"""The analysis of a comparison: records in, numbers and verdicts out. Nothing here trains."""
