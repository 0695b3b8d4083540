"""Where the loader stood that models published by version 0.1 import: their code, packed with them.

It stays for a process in which this project's own `experiments` is imported before such a model.
"""

from experiments.serving.loader import _load_pyfunc

__all__ = ["_load_pyfunc"]
