"""What is changed in Hydra while it runs, since it offers no other way; each change says why.

A test for each fails when a new version of Hydra makes it needless or breaks it.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig

from experiments.commands.interrupts import interrupts_deferred


def hold_interrupts_while_composing() -> None:
    """Hold interrupts back, for some hundredths of a second, while Hydra composes.

    Where one comes while OmegaConf changes a node, OmegaConf's `finally` clauses fail, and their
    error takes the interrupt's place. Hydra, when it looks whether to sweep, goes on after it.

    Call once, before Hydra composes.
    """
    loader: Any = ConfigLoaderImpl
    compose = loader.load_configuration

    @wraps(compose)
    def load_configuration(*arguments: Any, **named: Any) -> DictConfig:
        with interrupts_deferred():
            config: DictConfig = compose(*arguments, **named)
        return config

    loader.load_configuration = load_configuration
