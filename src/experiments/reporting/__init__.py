"""Numbers to words, tables, figures and reports."""
