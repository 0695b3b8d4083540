"""Train a network, or sweep over many: `python run.py --help` tells how."""

import sys
from importlib.util import find_spec

# Hydra's completion for fish looks for the word @hydra.main in a script before it asks it.
if __name__ == "__main__":
    if find_spec("experiments") is None:
        sys.exit(
            "error: Descent is not installed in this Python. In its checkout, run "
            "`make .venv` once and `. .venv/bin/activate` in each terminal."
        )
    from experiments.commands.entry import run

    run()
