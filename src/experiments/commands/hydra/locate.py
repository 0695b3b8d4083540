"""Locating the project's configuration files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CONF: Final = Path(__file__).resolve().parents[4] / "conf"
"""The folder of all configuration files, next to `src`."""


def config_folder(asked: str | None) -> Path:
    """Return the folder of ``--config-path``, relative to the project; by default `CONF`."""
    return CONF.parent / asked if asked else CONF
