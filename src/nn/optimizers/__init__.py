"""Optimizers, one update rule a file, here in order of complexity."""

from nn.optimizers.adadelta import Adadelta
from nn.optimizers.adagrad import Adagrad
from nn.optimizers.adam import Adam
from nn.optimizers.adamax import Adamax
from nn.optimizers.adamw import AdamW
from nn.optimizers.amsgrad import AMSGrad
from nn.optimizers.lion import Lion
from nn.optimizers.momentum import Momentum
from nn.optimizers.muon import Muon
from nn.optimizers.nadam import NAdam
from nn.optimizers.nesterov import Nesterov
from nn.optimizers.radam import RAdam
from nn.optimizers.rmsprop import RMSprop
from nn.optimizers.rule import Optimizer, OptimizerStack, Rule
from nn.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "OptimizerStack",
    "RAdam",
    "RMSprop",
    "Rule",
]
