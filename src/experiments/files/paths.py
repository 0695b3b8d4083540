"""Paths as messages show them."""

from __future__ import annotations

from pathlib import Path


def shown(path: Path) -> str:
    """Return a path, relative to the working directory if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)
