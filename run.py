"""Train a network, or sweep over many: `python run.py --help` tells how."""

from experiments.commands.entry import run

if __name__ == "__main__":
    run()
