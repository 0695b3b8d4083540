"""Optimizers, each update rule in its own module."""

from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .amsgrad import AMSGrad
from .lion import Lion
from .momentum import Momentum
from .muon import Muon
from .nadam import NAdam
from .nesterov import Nesterov
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rule import Rule
from .sgd import SGD
from .stack import OptimizerStack

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
