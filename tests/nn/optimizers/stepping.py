"""The optimizers whose steps need nothing but a gradient."""

from nn.optimizers import Optimizer

STEPPING = [name for name in Optimizer.names() if not Optimizer.class_named(name).searches]
