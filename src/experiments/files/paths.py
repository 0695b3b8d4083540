"""Paths as messages show them, and names of files."""

from __future__ import annotations

import re
from pathlib import Path


def shown(path: Path) -> str:
    """Return a path, relative to the working directory if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


def slug(text: str) -> str:
    """Convert text to a name that is safe for files."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_.") or "_"
