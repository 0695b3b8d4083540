"""Pictures of what networks learnt and how they got there, drawn from records and data."""

from experiments.reporting.figures.networks.choosing import Picture, figures_for, figures_of

__all__ = ["Picture", "figures_for", "figures_of"]
