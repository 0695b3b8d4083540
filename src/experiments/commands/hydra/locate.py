"""Where this project's configuration is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CONF: Final = Path(__file__).resolve().parents[4] / "conf"
"""The folder of all configuration files, beside `src`."""


def config_folder(asked: str | None) -> Path:
    """Return the folder that ``--config-path`` asks for, relative to the project; else `CONF`."""
    return CONF.parent / asked if asked else CONF
