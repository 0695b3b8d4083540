"""Command lines other than Hydra's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from experiments.program import program


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


def add_tracker(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--uri``."""
    parser.add_argument(
        "--uri",
        help="MLflow's server or database (default: MLFLOW_TRACKING_URI, else the file mlflow.db "
        "in the checkout's folder, or in the working directory without a checkout)",
    )


def keys_of(given: Sequence[str] | None) -> list[str] | None:
    """Return the keys of an option ``--by KEY[,KEY]`` that may be repeated; None if not given."""
    if given is None:
        return None
    return [key.strip() for part in given for key in part.split(",") if key.strip()]
