"""By which Hydra finds ``hydra/sweeper=tune_then_compare``; the work is in `experiments.sweeps`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class TuneThenCompareConf:
    """Settings of the sweeper; `experiments.sweeps.tuning.protocol.Protocol` checks them.

    Seeds are lists, or the first and the last as ``0-9``. `params` are overrides that a preset
    gives, as the command line would; what the command line says goes before them.
    """

    _target_: str = "hydra_plugins.descent_tuner.TuneThenCompareSweeper"
    search: str = "grid"
    budget: int = 9
    search_seed: int = 0
    tuning_seeds: Any = "100-102"
    reporting_seeds: Any = "0-9"
    select: str = "best/val_loss"
    aggregate: str = "mean"
    widenings: int = 2
    target: float | None = None
    params: dict[str, str] | None = None


ConfigStore.instance().store(
    group="hydra/sweeper", name="tune_then_compare", node=TuneThenCompareConf, provider="descent"
)


class TuneThenCompareSweeper(Sweeper):
    """Tunes each optimizer over its own search space, then compares them on fresh seeds."""

    def __init__(self, params: dict[str, str] | None, **protocol: Any) -> None:
        self.params = params or {}
        self.protocol = protocol

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        from experiments.commands.hydra.tune import tune_then_compare
        from experiments.errors import ConfigError
        from hydra_plugins.descent_launcher import StackedLauncher

        assert self.config is not None
        assert self.hydra_context is not None
        if not isinstance(self.launcher, StackedLauncher):
            chosen = self.config.hydra.runtime.choices["hydra/launcher"]
            raise ConfigError(
                f"hydra/launcher={chosen}: hydra/sweeper=tune_then_compare trains through "
                "hydra/launcher=stacked alone, so leave the launcher out"
            )
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        tune_then_compare(
            self.hydra_context,
            self.launcher.open_sweep(),
            self.protocol,
            [*(f"{key}={value}" for key, value in self.params.items()), *arguments],
        )
