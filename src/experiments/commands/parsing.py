"""Command lines other than Hydra's."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final

from experiments.config.trust import search_working_directory
from experiments.errors import UserError
from experiments.program import program
from experiments.warning import say


def carry_out(
    command: str,
    parser: argparse.ArgumentParser,
    act: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None,
) -> int:
    """Parse a command line and carry out what it asks; print a user's mistake as one message.

    Parameters
    ----------
    command : str
        The command's name, such as ``publish``, with which the message begins.
    parser : argparse.ArgumentParser
        The parser of the command line.
    act : callable
        A function that carries out the parsed command and may return an exit status.
    arguments : sequence of str, optional
        The command line without the program; by default that of this process.

    Returns
    -------
    int
        The exit status: 0, what `act` has returned, or 1 after a user's mistake.
    """
    options = parser.parse_args(arguments)
    search_working_directory()
    try:
        return act(options) or 0
    except UserError as error:
        say(f"{command}: {error}")
        return 1


def command_parser(command: str, description: str) -> argparse.ArgumentParser:
    """Return a parser whose help shows the command as it is typed here.

    Parameters
    ----------
    command : str
        The command's name, such as ``publish``.
    description : str
        A description of the command, with examples that begin with ``descent`` and the name.
    """
    typed = program(command)
    return argparse.ArgumentParser(
        prog=typed,
        description=description.replace(f"descent {command}", typed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


DEFAULT_TRACKER: Final = (
    "MLFLOW_TRACKING_URI, else the file mlflow.db in the checkout's folder, or in the working "
    "directory without a checkout"
)
"""The address that is used without another, in words."""


def add_tracker(parser: argparse._ActionsContainer, default: str = DEFAULT_TRACKER) -> None:
    """Add the option ``--uri``, whose help says what is used without it."""
    parser.add_argument("--uri", help=f"MLflow's server or database (default: {default})")


def add_run(parser: argparse._ActionsContainer) -> None:
    """Add the argument ``RUN``."""
    parser.add_argument(
        "run", metavar="RUN", help="a run's folder, runs:/ID, or a run id in MLflow"
    )


def add_weights(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--weights``."""
    parser.add_argument(
        "--weights",
        choices=("best", "final"),
        default="best",
        help="weights of the epoch that the run reports, or of the last (default: best)",
    )


def keys_of(given: Sequence[str] | None) -> list[str] | None:
    """Return the keys of an option ``--by KEY[,KEY]`` that may be repeated; None if not given."""
    if given is None:
        return None
    return [key.strip() for part in given for key in part.split(",") if key.strip()]
