"""Figures of records and statistics, drawn without pyplot in the colours of the palette."""
