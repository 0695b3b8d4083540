"""The entry point of `python run.py ARGUMENTS`."""

from __future__ import annotations

import sys

from experiments.commands.interrupts import interrupts_deferred, interrupts_end_the_program
from experiments.commands.startup import started_ahead
from experiments.workers.garbage import garbage_left


def run() -> None:
    """Run the command line of this process; exit with an error status if it fails."""
    with interrupts_end_the_program(), garbage_left(), started_ahead(sys.argv[1:]):
        with interrupts_deferred():  # while compiled modules are imported
            from experiments.commands.main import main

        main()
