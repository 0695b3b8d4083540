"""Train a network, or sweep over many: `python run.py --help` tells how."""

import hydra
from omegaconf import DictConfig

from experiments.application import friendly_errors, run
from experiments.garbage import garbage_left


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    return run(config)


if __name__ == "__main__":
    with garbage_left(), friendly_errors():
        main()
