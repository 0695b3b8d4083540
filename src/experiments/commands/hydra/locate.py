"""Locating the project's configuration files: in the checkout, or packed into the wheel.

A folder called `conf` in the working directory is never used: every Hydra project has one. Further
choices come from the folder that ``--config-dir`` names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_EXPERIMENTS: Final = Path(__file__).resolve().parents[2]


def locate_conf(experiments: Path) -> Path:
    """Return the folder of all configuration files.

    Parameters
    ----------
    experiments : Path
        The folder of the package `experiments`. A wheel has the files in it; in a checkout they
        are beside `src`, also where the installation is editable.
    """
    packed = experiments / "conf"
    return packed if packed.is_dir() else experiments.parents[1] / "conf"


CONF: Final = locate_conf(_EXPERIMENTS)
"""The folder of all configuration files."""


def config_folder(asked: str | None) -> Path:
    """Return the folder that ``--config-path`` asks for; by default `CONF`.

    A relative path starts at the checkout's folder, or at the working directory where there is no
    checkout.
    """
    if not asked:
        return CONF
    return (Path.cwd() if CONF.parent == _EXPERIMENTS else CONF.parent) / asked
