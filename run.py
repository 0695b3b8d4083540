"""Train a network, or sweep over many: `python run.py --help` tells how."""

import sys

from experiments.commands.interrupts import interrupts_deferred, interrupts_end_the_program
from experiments.commands.startup import started_ahead
from experiments.workers.garbage import garbage_left

if __name__ == "__main__":
    with interrupts_end_the_program(), garbage_left(), started_ahead(sys.argv[1:]):
        with interrupts_deferred():  # which may get lost while modules are imported
            import hydra
            from omegaconf import DictConfig

            from experiments.commands.main import friendly_errors, run

        @hydra.main(version_base="1.3", config_path="conf", config_name="config")
        def main(config: DictConfig) -> float:
            return run(config)

        with friendly_errors():
            main()
