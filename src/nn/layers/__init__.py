"""Layers: what a network is made of, forward and backward, for a stack of runs at once."""

from nn.layers.layer import (
    Activation,
    BatchNorm,
    Binding,
    Dense,
    Dropout,
    Layer,
    LayerNorm,
)

__all__ = ["Activation", "BatchNorm", "Binding", "Dense", "Dropout", "Layer", "LayerNorm"]
