"""The loader at the path that models published by version 0.1 import.

Such a model brings its own copy of this module, which is shadowed when a process has already
imported this project's `experiments`.
"""

from experiments.serving.loader import _load_pyfunc

__all__ = ["_load_pyfunc"]
