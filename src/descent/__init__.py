"""Descent from Python: in a notebook, in a script.

    import descent

    runs = descent.sweep("dataset=digits", optimizer=["sgd", "adam"], seed=range(5))
    runs.frame()    # a pandas DataFrame, one row a run
    runs.compare()  # which optimizer is best, and how sure that is
    runs.plot()     # learning curves, a matplotlib figure

``nn`` is the package of networks and optimizers, which needs NumPy alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from descent._siblings import check_siblings

check_siblings(__name__, "nn", "experiments")

from experiments.program import VERSION as __version__  # noqa: E402 - it may be a foreign one

if TYPE_CHECKING:
    import nn
    from experiments.commands.notebook import Comparison, Results, compare, sweep, train
    from experiments.runs.find import find_records

__all__ = [
    "Comparison",
    "Results",
    "__version__",
    "compare",
    "find_records",
    "nn",
    "sweep",
    "train",
]

_MODULES = {"find_records": "experiments.runs.find"}


def __getattr__(name: str) -> Any:
    # On first use, because Hydra and what else a sweep needs take a second to import.
    if name == "nn":
        found: Any = import_module(name)
    elif name in __all__:
        found = getattr(import_module(_MODULES.get(name, "experiments.commands.notebook")), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
