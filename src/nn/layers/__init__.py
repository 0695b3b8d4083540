"""Layers: what a network is made of, forward and backward, for a stack of runs at once."""

from .activation import ActivationLayer
from .average_pool import AvgPool1d, AvgPool2d
from .batch_norm import BatchNorm
from .channel_dropout import ChannelDropout
from .conv1d import Conv1d
from .conv2d import Conv2d
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .flatten import Flatten
from .global_average_pool import GlobalAvgPool
from .group_norm import GroupNorm
from .gru import GRU
from .layer import Binding, Layer
from .layer_norm import LayerNorm
from .lstm import LSTM
from .max_pool import MaxPool1d, MaxPool2d
from .positions import Positions
from .random_flip import RandomFlip
from .random_shift import RandomShift
from .reshape import Reshape
from .residual import Residual
from .rnn import RNN
from .self_attention import SelfAttention
from .step_dense import StepDense
from .step_norm import StepNorm

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "ActivationLayer",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm",
    "Binding",
    "ChannelDropout",
    "Conv1d",
    "Conv2d",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "MaxPool1d",
    "MaxPool2d",
    "Positions",
    "RandomFlip",
    "RandomShift",
    "Reshape",
    "Residual",
    "SelfAttention",
    "StepDense",
    "StepNorm",
]
