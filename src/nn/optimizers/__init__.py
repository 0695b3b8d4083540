"""Optimizers, each update rule in its own module."""

from .adabelief import AdaBelief
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .adan import Adan
from .ademamix import AdEMAMix
from .adopt import ADOPT
from .amsgrad import AMSGrad
from .lamb import LAMB
from .lars import LARS
from .lion import Lion
from .momentum import Momentum
from .muon import Muon
from .nadam import NAdam
from .nesterov import Nesterov
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .rule import Rule
from .sgd import SGD
from .signum import Signum
from .stack import OptimizerStack
from .yogi import Yogi

__all__ = [
    "ADOPT",
    "LAMB",
    "LARS",
    "SGD",
    "AMSGrad",
    "AdEMAMix",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "Lion",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "OptimizerStack",
    "RAdam",
    "RMSprop",
    "Rprop",
    "Rule",
    "Signum",
    "Yogi",
]
