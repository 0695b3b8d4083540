"""Neural networks from scratch in NumPy, for a stack of runs at once.

Every array carries a leading run axis: parameters are one array (runs, P), a batch is
(runs, batch, features). One run is a stack of one.

>>> import numpy as np, nn
>>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
>>> y = np.array([[0], [1], [1], [0]])
>>> network = nn.Network(nn.mlp([8], 1, activation=nn.activations.Tanh()), inputs=2,
...                      loss=nn.BinaryCrossEntropy(), seeds=[0, 1, 2])
>>> optimizer = nn.OptimizerStack([nn.Adam(lr=0.1)] * 3, network.layout, network.dtype)
>>> for _ in range(500):
...     _ = network.backpropagate(x, y)
...     optimizer.step(network.parameters, network.gradients)
>>> bool((network.predict(x).round() == y).all())
True
"""

from . import activations, gradient_check, gradients, initializers, layers, losses, schedules
from .activations import Activation
from .architectures import mlp
from .component import Component
from .initializers import Initializer
from .layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from .losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    KLDivergence,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
)
from .network import Network
from .objective import Objective
from .optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Lion,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    Optimizer,
    OptimizerStack,
    RAdam,
    RMSprop,
)
from .schedules import Schedule

__all__ = [
    "SGD",
    "AMSGrad",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Component",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "Huber",
    "Initializer",
    "KLDivergence",
    "Layer",
    "LayerNorm",
    "Lion",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Network",
    "Objective",
    "Optimizer",
    "OptimizerStack",
    "RAdam",
    "RMSprop",
    "Schedule",
    "activations",
    "gradient_check",
    "gradients",
    "initializers",
    "layers",
    "losses",
    "mlp",
    "schedules",
]
