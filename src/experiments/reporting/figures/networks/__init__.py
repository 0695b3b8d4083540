"""Pictures of what networks learnt and how, drawn from records and data."""

from experiments.reporting.figures.networks.choosing import NetworkPicture, figures_for
from experiments.reporting.figures.networks.compared import networks_of

__all__ = ["NetworkPicture", "figures_for", "networks_of"]
