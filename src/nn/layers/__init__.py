"""Layers: what a network is made of, forward and backward, for a stack of runs at once."""

from .activation import Activation
from .batch_norm import BatchNorm
from .dense import Dense
from .dropout import Dropout
from .layer import Binding, Layer
from .layer_norm import LayerNorm

__all__ = ["Activation", "BatchNorm", "Binding", "Dense", "Dropout", "Layer", "LayerNorm"]
