"""Figures, drawn from records and statistics without pyplot. Colours are the palette's."""
