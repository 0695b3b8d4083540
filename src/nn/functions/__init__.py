"""Functions to minimize, whose value and gradient are written by hand, for a stack of runs."""

from .absolute import Absolute
from .beale import Beale
from .branin import Branin
from .function import Function, Landscape
from .linear import Linear
from .quadratic import Eigenvalues, Quadratic
from .rosenbrock import Rosenbrock

__all__ = [
    "Absolute",
    "Beale",
    "Branin",
    "Eigenvalues",
    "Function",
    "Landscape",
    "Linear",
    "Quadratic",
    "Rosenbrock",
]
