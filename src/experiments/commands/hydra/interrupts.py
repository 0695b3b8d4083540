"""Interrupts while Hydra composes: they are heard when it has.

Where one comes while OmegaConf changes a node, what that does at last fails, and an error of its
own takes the interrupt's place. Hydra, when it looks whether to sweep, goes on after it.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig

from experiments.commands.interrupts import interrupts_deferred


def have_hydra_compose_undisturbed() -> None:
    """Have interrupts wait some hundredths of a second; call once, before Hydra composes."""
    loader: Any = ConfigLoaderImpl
    compose = loader.load_configuration

    @wraps(compose)
    def load_configuration(*arguments: Any, **named: Any) -> DictConfig:
        with interrupts_deferred():
            config: DictConfig = compose(*arguments, **named)
        return config

    loader.load_configuration = load_configuration
