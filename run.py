"""Train a network, or sweep over many: `python run.py --help` tells how."""

import sys

from experiments.ahead import begun_ahead

if __name__ == "__main__":
    with begun_ahead(sys.argv[1:]):
        import hydra  # now that what takes longer to import has begun to
        from omegaconf import DictConfig

        from experiments.application import friendly_errors, run
        from experiments.garbage import garbage_left

        @hydra.main(version_base="1.3", config_path="conf", config_name="config")
        def main(config: DictConfig) -> float:
            return run(config)

        with garbage_left(), friendly_errors():
            main()
