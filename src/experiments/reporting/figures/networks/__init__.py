"""Pictures of what networks learnt and how, drawn from records and data."""

from experiments.reporting.figures.networks.choosing import NetworkPicture, figures_for, figures_of

__all__ = ["NetworkPicture", "figures_for", "figures_of"]
