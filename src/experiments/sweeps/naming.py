"""The ids of sweeps."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from experiments.runs.identity import WITHOUT_EFFECT

_DIGITS: Final = 12


def sweep_id(overrides: Sequence[str], identities: Sequence[str], *, rerun: bool = False) -> str:
    """Return the id of a sweep: the same for the same command, until code or data change.

    Parameters
    ----------
    overrides : sequence of str
        The command line's overrides for all runs; those that change no result are ignored.
    identities : sequence of str
        The identities of the runs of the first batch.
    rerun : bool, default False
        Whether the command trains finished runs again. The id then begins like that of the command
        that does not, and ends differently each time.
    """
    counted = [override for override in overrides if not _is_without_effect(override)]
    text = json.dumps([counted, list(identities)])
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return digest + (secrets.token_hex(4) if rerun else "")


def of_same_command(one: str | None, other: str | None) -> bool:
    """Return whether two sweeps are the same but for training again what was finished."""
    return one is not None and other is not None and one[:_DIGITS] == other[:_DIGITS]


def id_by_folder(folder: Path) -> str:
    """Return the id of the sweep that writes to `folder`: the last two parts of its path, joined.

    For jobs of Hydra's own launchers, which do not know the other jobs of the sweep.
    """
    return "_".join(folder.parts[-2:])


def _is_without_effect(override: str) -> bool:
    key = override.lstrip("+~").partition("=")[0].partition("@")[0].replace("/", ".")
    group, _, name = key.partition(".")
    if group == "hydra":  # only a sweeper's settings change which runs a sweep has
        return not name.startswith("sweeper")
    return group in WITHOUT_EFFECT
