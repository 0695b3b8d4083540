"""Saying what is wrong with a command line that Hydra has refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException

from experiments.errors import ConfigError
from experiments.sweeps.composition import Composer, first_lines


def explain(error: HydraException, arguments: Sequence[str]) -> str:
    """Turn Hydra's complaint into one that lists everything and suggests what was meant.

    Parameters
    ----------
    error : HydraException
        Which Hydra stopped at, the first fault it met.
    arguments : sequence of str
        The command line.
    """
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    try:
        _compose(overrides)
    except ConfigError as found:
        return str(found)
    except Exception:  # noqa: BLE001 - whatever it is, Hydra's own words are better than it
        return first_lines(error)
    return first_lines(error)


def _compose(overrides: Sequence[str]) -> None:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    folder = Path(__file__).resolve().parents[3] / "conf"
    with initialize_config_dir(str(folder), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        master = compose("config", return_hydra_config=True)
        master.hydra.job.config_name = "config"
        Composer(hydra.config_loader, master).compose(overrides)
