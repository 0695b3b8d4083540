"""Neural networks from scratch in NumPy, for a stack of runs at once.

Every array carries a leading run axis: parameters are one array (runs, P), a batch is
(runs, batch, features). One run is a stack of one.

>>> import numpy as np, nn
>>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
>>> y = np.array([[0], [1], [1], [0]])
>>> layers = nn.mlp([8], 1, activation=nn.activations.Tanh())
>>> network = nn.Network(layers, inputs=2, loss=nn.BinaryCrossEntropy(), seeds=[0, 1, 2])
>>> nn.fit(network, nn.Adam(lr=0.1), x, y, epochs=500)
>>> bool((network.predict(x).round() == y).all())
True

A loop of your own gives access to every step:

>>> optimizer = nn.OptimizerStack.of(network, nn.Adam(lr=0.1))
>>> for _ in range(10):
...     logits = network.backpropagate(x, y)
...     optimizer.step(network.parameters, network.gradients)
"""

from . import (
    activations,
    functions,
    gradient_check,
    gradients,
    initializers,
    layers,
    losses,
    metrics,
    schedules,
)
from .activations import Activation
from .architectures import cnn, mlp, recurrent, resnet, transformer
from .component import Component
from .initializers import Initializer
from .layers import (
    GRU,
    LSTM,
    RNN,
    AvgPool1d,
    AvgPool2d,
    BatchNorm,
    ChannelDropout,
    Conv1d,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Layer,
    LayerNorm,
    MaxPool1d,
    MaxPool2d,
    Positions,
    RandomFlip,
    RandomShift,
    Reshape,
    Residual,
    SelfAttention,
    StepDense,
    StepNorm,
)
from .losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    KLDivergence,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Value,
)
from .metrics import Metric
from .network import Network
from .objective import Objective
from .optimizers import (
    ADOPT,
    LAMB,
    LARS,
    LBFGS,
    MARS,
    SGD,
    SOAP,
    AdaBelief,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Adan,
    AdEMAMix,
    AMSGrad,
    DAdaptation,
    Lion,
    Momentum,
    Muon,
    NAdam,
    Nesterov,
    NovoGrad,
    Optimizer,
    OptimizerStack,
    Prodigy,
    RAdam,
    RMSprop,
    Rprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    Shampoo,
    Signum,
    Yogi,
)
from .schedules import Schedule
from .training import fit

__all__ = [
    "ADOPT",
    "GRU",
    "LAMB",
    "LARS",
    "LBFGS",
    "LSTM",
    "MARS",
    "RNN",
    "SGD",
    "SOAP",
    "AMSGrad",
    "Activation",
    "AdEMAMix",
    "AdaBelief",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm",
    "BinaryCrossEntropy",
    "ChannelDropout",
    "Component",
    "Conv1d",
    "Conv2d",
    "CrossEntropy",
    "DAdaptation",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "Huber",
    "Initializer",
    "KLDivergence",
    "Layer",
    "LayerNorm",
    "Lion",
    "Loss",
    "MaxPool1d",
    "MaxPool2d",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Network",
    "NovoGrad",
    "Objective",
    "Optimizer",
    "OptimizerStack",
    "Positions",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "RandomFlip",
    "RandomShift",
    "Reshape",
    "Residual",
    "Rprop",
    "Schedule",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "SelfAttention",
    "Shampoo",
    "Signum",
    "StepDense",
    "StepNorm",
    "Value",
    "Yogi",
    "activations",
    "cnn",
    "fit",
    "functions",
    "gradient_check",
    "gradients",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mlp",
    "recurrent",
    "resnet",
    "schedules",
    "transformer",
]
