"""Train a network, or sweep over many: `python run.py --help` tells how."""

import sys

from experiments.ahead import begun_ahead
from experiments.garbage import garbage_left
from experiments.interrupts import interrupts_deferred, interrupts_end_the_program
from experiments.leaving import leave_at_once

if __name__ == "__main__":
    with interrupts_end_the_program():
        with garbage_left(), begun_ahead(sys.argv[1:]):
            with interrupts_deferred():  # which may get lost while modules are imported
                import hydra
                from omegaconf import DictConfig

                from experiments.application import friendly_errors, run

            @hydra.main(version_base="1.3", config_path="conf", config_name="config")
            def main(config: DictConfig) -> float:
                return run(config)

            with friendly_errors():
                main()
        leave_at_once()
