"""Whether the packages that Descent imports are its own; their names are common words."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

_INSTALLED: Final = Path(__file__).resolve().parents[1]


def check_siblings(*packages: str) -> None:
    """Check that packages are those that are installed beside this one.

    Raises
    ------
    ImportError
        Naming the file that would be imported instead, and what to do.
    """
    for package in packages:
        found = _file_of(package)
        if found is None:
            raise ImportError(
                f"Descent's package {package!r} is missing in {_INSTALLED}. "
                "Install it again: pip install --force-reinstall descent-lab"
            )
        if found.parent != _INSTALLED / package:
            own = found.parent if found.name == "__init__.py" else found
            raise ImportError(
                f"{own} stands in the way of Descent: Python imports it as {package!r}, which is "
                f"also the name of Descent's package in {_INSTALLED / package}. Rename it, or work "
                "in another folder, and start Python again."
            )


def _file_of(package: str) -> Path | None:
    """Return the file that is imported, or would be, under a name."""
    try:
        spec = find_spec(package)
    except ValueError:  # a module that was made by hand
        return None
    if spec is None:
        return None
    if spec.origin is None:  # a folder without __init__.py
        folders = list(spec.submodule_search_locations or [])
        return Path(folders[0], "__init__.py").resolve() if folders else None
    return Path(spec.origin).resolve()
