"""How a sweep is called."""

from __future__ import annotations

from pathlib import Path


def sweep_id(folder: Path) -> str:
    """Return the id of the sweep that writes to `folder`: its last two names, joined."""
    return "_".join(folder.parts[-2:])
