"""By which Hydra finds ``hydra/sweeper=grid``."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore


@dataclass
class GridSweeperConf:
    """Settings of the sweeper, those of Hydra's basic one."""

    _target_: str = "hydra_plugins.descent_sweeper.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = field(default=None)


ConfigStore.instance().store(
    group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="descent"
)


class GridSweeper(BasicSweeper):
    """Hydra's basic sweeper, which leaves checking the jobs to the launcher.

    The basic one composes every job once more to find the first that is wrong; the stacked
    launcher finds all that are wrong while it composes them.
    """

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        assert self.config is not None
        if self.config.hydra.runtime.choices.get("hydra/launcher") != "stacked":
            super().validate_batch_is_legal(batch)
