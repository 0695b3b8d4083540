"""Probes: what can be measured of networks between the epochs of their training."""

from .class_loss import ClassLoss
from .distance import Distance
from .norms import Norms
from .probe import Probe, Probed
from .sharpness import Sharpness

__all__ = ["ClassLoss", "Distance", "Norms", "Probe", "Probed", "Sharpness"]
