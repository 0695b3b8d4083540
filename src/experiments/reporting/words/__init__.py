"""The results, methods and limits of a comparison, in words."""
