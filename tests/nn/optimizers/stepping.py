"""The optimizers whose steps need nothing but a gradient."""

from nn.optimizers import Optimizer
from tests.nn.own import names

STEPPING = [name for name in names(Optimizer) if not Optimizer.class_named(name).searches]
