"""Where models that were published by version 0.1 look for their loader."""

from experiments.serving.loader import _load_pyfunc

__all__ = ["_load_pyfunc"]
