"""Write text with a run that was trained on one, from its record or from MLflow.

    descent sample outputs/2025-03-04/05-06-07 --prompt "The "
    descent sample outputs/2025-03-04/05-06-07 --temperature 0.5 --length 1000 --seed 3

Each token is drawn from what the network predicts after those before it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice

from experiments.commands.parsing import (
    add_run,
    add_tracker,
    add_weights,
    carry_out,
    command_parser,
)
from experiments.commands.predict import record_of
from experiments.commands.streams import write_data
from experiments.config.trust import allowed_packages
from experiments.errors import ConfigError
from experiments.files.scratch import scratch_folder
from experiments.serving.predictor import Predictor


def main(arguments: Sequence[str] | None = None) -> int:
    """Write text with a trained run; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("sample", _parser(), _sample, arguments)


def _sample(options: argparse.Namespace) -> None:
    for name, least in (("temperature", 0), ("length", 1), ("seed", 0)):
        value = getattr(options, name)
        if not least <= value < float("inf"):
            raise ConfigError(f"--{name} must be at least {least}, but is {value:g}")
    with scratch_folder() as scratch:
        record = record_of(options.run, options.uri, scratch)
        predictor = Predictor(record, options.weights, trusted=allowed_packages())
    model = predictor.language_model
    vocabulary = model.vocabulary
    # Texts begin after a line break, where there are any.
    begun = [vocabulary.tokens.index("\n") if "\n" in vocabulary.tokens else 0]
    if options.prompt:
        begun = model.encode(options.prompt, "the prompt").tolist()
    written = islice(model.sample(begun, options.temperature, options.seed), options.length)
    if vocabulary.unit == "words":
        write_data(vocabulary.decode([*(begun if options.prompt else []), *written]))
    else:
        write_data(options.prompt)
        for token in written:
            write_data(vocabulary.tokens[token])
    write_data("\n")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("sample", __doc__ or "")
    add_run(parser)
    parser.add_argument("--prompt", default="", help="the text to continue (default: none)")
    parser.add_argument(
        "--length", type=int, default=500, help="number of characters or words (default: 500)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="below 1: more probable text; 0: always the most probable token (default: 1)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (default: 0)")
    add_weights(parser)
    add_tracker(parser)
    return parser
