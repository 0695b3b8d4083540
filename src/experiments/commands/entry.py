"""Where a command line begins and ends: `descent ARGUMENTS`, or `python run.py ARGUMENTS`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

from experiments.commands.interrupts import interrupts_deferred, interrupts_end_the_program
from experiments.commands.startup import started_ahead
from experiments.program import VERSION
from experiments.workers.garbage import garbage_left

COMMANDS: Final = ("compare", "predict", "publish", "pictures", "ui")
"""What can be done beside training; each is a module of `experiments.commands` with a `main`."""


def run() -> None:
    """Do what the command line of this process asks for, and exit if it fails."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in COMMANDS:
        sys.exit(_main_of(arguments[0])(arguments[1:]))
    if arguments == ["--version"]:
        print(f"descent {VERSION}")
        return
    with interrupts_end_the_program(), garbage_left(), started_ahead(arguments):
        with interrupts_deferred():  # while compiled modules are imported
            from experiments.commands.main import main

        main()


def _main_of(command: str) -> Callable[[Sequence[str]], int]:
    main: Callable[[Sequence[str]], int] = import_module(f"experiments.commands.{command}").main
    return main
