"""Refusing to write runs into a folder that holds others.

A command may write to a folder again if the runs there are those that it would write there: they
are reused or resumed. Other runs would be overwritten, or counted by a comparison of the folder, so
the command is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from experiments.errors import UserError
from experiments.files.paths import shown
from experiments.files.reading import read_file
from experiments.files.yaml import parse_yaml
from experiments.runs.find import find_runs, run_in
from experiments.runs.identity import Identity, config_hash
from experiments.runs.layout import CHECKSUMS, CONFIG, FILES, PROGRESS, SNAPSHOTS
from experiments.runs.record import Record

IsOwn = Callable[[Record], bool]
"""Whether a run that lies in a folder is the one that a command would write there."""

_NAMED: Final = 3  # most runs that a message names
_CURE: Final = (
    "Choose another folder (hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER for a sweep), or move "
    "or delete this one"
)


def refuse_other_run(folder: Path, identity: Identity) -> None:
    """Refuse a folder with other runs in or below it, or with a file that would be overwritten.

    Parameters
    ----------
    folder : Path
        The run's folder, which may be missing.
    identity : Identity
        The identity of the run to be written.

    Raises
    ------
    UserError
        If the folder holds something else; the message says what, and what to do.
    """
    if not folder.exists():  # as in most sweeps
        return
    there = run_in(folder)
    if there is not None:
        if there.identity != identity.id:
            changes = identity.changes_since(there.identity_parts)
            why = f"; {', '.join(changes)}" if changes else ""
            raise UserError(
                f"{shown(folder)} holds another run: {there.name} ({there.status.words})"
                f"{_trained_by([there])}{why}. {_CURE}"
            )
        return
    below = find_runs(folder)
    if below:
        raise UserError(f"{shown(folder)} holds {_listed(below)}{_trained_by(below)}. {_CURE}")
    present = [name for name in (*FILES, SNAPSHOTS, PROGRESS) if (folder / name).exists()]
    # A record whose writing was cut short has a configuration first and checksums last.
    if present and CHECKSUMS not in present and not _is_config_of(folder / CONFIG, identity):
        raise UserError(
            f"{shown(folder)} holds {', '.join(present)}, which the run would overwrite and which "
            f"no run of this configuration has written. {_CURE}"
        )


def refuse_other_sweep(folder: Path, is_own: IsOwn, files: Mapping[str, str]) -> None:
    """Refuse a sweep's folder that holds runs of another sweep, or files of something else.

    Parameters
    ----------
    folder : Path
        The sweep's folder, which may be missing.
    is_own : callable
        A function that returns whether a run in the folder is one of this sweep.
    files : mapping of str to str
        The YAML that the sweep writes to the folder, by name.

    Raises
    ------
    UserError
        If the folder holds other runs; the message names some of them, and says what to do. If it
        holds none at all, and a file that no sweep has written would be overwritten.
    """
    runs = find_runs(folder)
    if not runs:
        for name, text in files.items():
            _refuse_other_file(folder / name, text)
    others = [run for run in runs if not is_own(run)]
    if others:
        raise UserError(
            f"{shown(folder)} holds {_listed(others, ' of another sweep')}{_trained_by(others)}. "
            f"{_CURE}"
        )


def _refuse_other_file(file: Path, text: str) -> None:
    """Refuse to overwrite a file whose content is not of the same kind as a text of YAML."""
    try:
        there = parse_yaml(read_file(file))
    except FileNotFoundError:
        return
    except ValueError as error:
        why = f"it cannot be read: {error}"
    else:
        if isinstance(there, dict) and there.keys() == parse_yaml(text).keys():
            return
        why = "it has other keys"
    raise UserError(
        f"{shown(file)} would be overwritten, and no sweep of this program has written it ({why}). "
        f"{_CURE}"
    )


def at_their_places(identities: Mapping[Path, Identity]) -> IsOwn:
    """Return a function that recognizes the runs of these identities, each in its folder."""
    places = {folder.resolve(): identity.id for folder, identity in identities.items()}
    return lambda run: places.get(run.folder.resolve()) == run.identity


def _listed(runs: Sequence[Record], which: str = "") -> str:
    """Count runs, and name some of them with their folders."""
    names = [f"{run.name} in {run.folder.name}" for run in runs[:_NAMED]]
    names += ["..."] if len(runs) > _NAMED else []
    return f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}{which} ({', '.join(names)})"


def _is_config_of(file: Path, identity: Identity) -> bool:
    """Whether a file holds the configuration of a run with this identity."""
    try:
        config = parse_yaml(read_file(file))
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(config, dict) and config_hash(config) == identity.config


def _trained_by(runs: Sequence[Record]) -> str:
    commands = dict.fromkeys(run.command for run in runs if run.command)
    return f", trained by `{next(iter(commands))}`" if commands else ""
