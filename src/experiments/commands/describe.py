"""Print the layers of a network, with shapes and parameters; nothing is trained.

    descent describe dataset=mnist model=cnn 'model.channels=[16,32]'
    descent describe outputs/2025-03-04/05-06-07

Takes the settings of a run, as training does, or the folder of a run that was trained.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.commands.parsing import carry_out, command_parser
from experiments.config.trust import allowed_packages, named_packages
from experiments.errors import ConfigError
from experiments.runs.record import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Describe a network; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("describe", _parser(), _describe, arguments)


def _describe(options: argparse.Namespace) -> None:
    from experiments.config.build import run_from_config
    from experiments.config.schema import without_declarations
    from experiments.datasets import cached_dataset
    from experiments.training.checks import check
    from experiments.training.targets import encoding_for
    from nn.summary import summary

    given: list[str] = options.settings
    config: Mapping[str, Any]
    if len(given) == 1 and "=" not in given[0] and os.path.lexists(given[0]):
        config, trusted = Record.read(Path(given[0])).config, allowed_packages()
    else:
        from experiments.commands.hydra import call

        config = without_declarations(call.compose(given, options.config_dir))
        trusted = named_packages(config)
    run = run_from_config(config, trusted=trusted)
    dataset = cached_dataset(run.dataset)
    check(run, dataset)
    layers = run.model.layers(encoding_for(dataset, run.objective).outputs, dataset.samples)
    try:
        print(summary(layers, run.model.input_shape(dataset.samples)))
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("describe", __doc__ or "")
    parser.add_argument(
        "settings", nargs="*", help="settings, NAME=VALUE or GROUP=CHOICE, or a run's folder"
    )
    parser.add_argument("--config-dir", metavar="DIR", help="a folder with choices of your own")
    return parser
