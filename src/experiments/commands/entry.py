"""The entry point of `descent ARGUMENTS` and of `python run.py ARGUMENTS`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from experiments.commands.interrupts import interrupts_deferred, interrupts_end_the_program
from experiments.commands.startup import started_ahead
from experiments.commands.streams import standard_streams
from experiments.commands.working_directory import check_exists
from experiments.errors import UserError
from experiments.program import VERSION
from experiments.workers.garbage import garbage_left

COMMANDS: Final = ("compare", "predict", "publish", "pictures", "ui")
"""What can be done beside training; each is a module of `experiments.commands` with a `main`."""

_PRINTING: Final = (
    *("-h", "--help", "--hydra-help", "--version", "-c", "--cfg", "-i", "--info"),
    *("-sc", "--shell-completion"),
)
"""The options with which nothing is trained."""


def run(command: str | None = None) -> None:
    """Run the command line of this process; exit with an error status if it fails.

    Parameters
    ----------
    command : str, optional
        One of `COMMANDS`, for a program that runs only this; by default the first argument says it.
    """
    arguments = [*([command] if command else []), *sys.argv[1:]]
    with standard_streams(only_prints=_only_prints(arguments)):
        try:
            check_exists()
        except UserError as error:
            sys.exit(f"error: {error}")
        if arguments and arguments[0] in COMMANDS:
            sys.exit(_main_of(arguments[0])(arguments[1:]))
        if arguments == ["--version"]:
            print(f"descent {VERSION}")
            return
        _train(arguments)


def _train(arguments: Sequence[str]) -> None:
    with interrupts_end_the_program(), garbage_left(), started_ahead(arguments):
        with interrupts_deferred():  # while compiled modules are imported
            from experiments.commands.main import main

        main()
    if arguments[:1] in (["-sc"], ["--shell-completion"]):
        print(*_offered(os.environ.get("COMP_LINE", "")))


def _only_prints(arguments: Sequence[str]) -> bool:
    """Return whether a command line does nothing but print."""
    options = {argument.partition("=")[0] for argument in arguments}
    return arguments[:1] in (["compare"], ["predict"]) or not options.isdisjoint(_PRINTING)


def _offered(line: str) -> list[str]:
    """Return the commands that a shell may complete a line to, beside what Hydra offers."""
    program, _, typed = line.partition(" ")
    if program.endswith(".py") or Path(program).name.startswith("python"):
        return []  # which train only
    return [command for command in COMMANDS if command.startswith(typed)] if line else []


def _main_of(command: str) -> Callable[[Sequence[str]], int]:
    main: Callable[[Sequence[str]], int] = import_module(f"experiments.commands.{command}").main
    return main
