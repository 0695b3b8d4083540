"""Layers: what a network is made of, forward and backward, for a stack of runs at once."""

from .activation import ActivationLayer
from .batch_norm import BatchNorm
from .dense import Dense
from .dropout import Dropout
from .layer import Binding, Layer
from .layer_norm import LayerNorm

__all__ = ["ActivationLayer", "BatchNorm", "Binding", "Dense", "Dropout", "Layer", "LayerNorm"]
