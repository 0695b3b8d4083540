"""The names of the United States' census of 1990, which the package `names` brings along."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from experiments.errors import DataError

FEMALE, MALE = "female", "male"


def first_names() -> dict[str, str]:
    """Return the sex of each first name, "female" or "male", in alphabetical order.

    A name of both sexes has the one in which it is more frequent. The few that are as frequent in
    both are left out.

    Raises
    ------
    DataError
        If the package is not installed.
    """
    shares = {sex: _read(f"dist.{sex}.first") for sex in (FEMALE, MALE)}
    sexes = {}
    for name in sorted({*shares[FEMALE], *shares[MALE]}):
        female, male = (shares[sex].get(name, 0.0) for sex in (FEMALE, MALE))
        if female != male:
            sexes[name] = FEMALE if female > male else MALE
    return sexes


def surnames() -> list[str]:
    """Return the surnames, the most frequent first.

    Raises
    ------
    DataError
        If the package is not installed.
    """
    return list(_read("dist.all.last"))


def files() -> tuple[Path, ...]:
    """Return the files of all lists; none if the package is not installed."""
    folder = _folder()
    return () if folder is None else tuple(sorted(folder.glob("dist.*")))


def _read(file: str) -> dict[str, float]:
    """Return the share in per cent of each name of a list."""
    folder = _folder()
    if folder is None:
        raise DataError(
            "dataset names needs the package 'names'. Install it: "
            "pip install 'descent-lab[names]' (or pip install names)"
        )
    lines = (folder / file).read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line]
    return {name: float(share) for name, share, *_ in rows}


def _folder() -> Path | None:
    """Return the folder of the package. Importing it could find a file names.py of the user's."""
    try:
        folder = metadata.distribution("names").locate_file("names")
    except metadata.PackageNotFoundError:
        return None
    return Path(str(folder))
