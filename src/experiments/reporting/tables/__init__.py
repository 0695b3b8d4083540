"""Comparisons as tables for the terminal, pandas, Markdown and LaTeX."""
