"""Train a network, or sweep over many: `python run.py --help` tells how."""

import sys

import hydra
from omegaconf import DictConfig

from experiments.ahead import begun_ahead
from experiments.application import friendly_errors, run
from experiments.blas import start_with_one_thread
from experiments.garbage import garbage_left


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    return run(config)


if __name__ == "__main__":
    start_with_one_thread()
    with garbage_left(), begun_ahead(sys.argv[1:]), friendly_errors():
        main()
