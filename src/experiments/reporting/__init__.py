"""Present the results of an analysis in words, tables, figures and reports."""
