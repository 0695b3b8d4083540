"""Draw what networks learnt, from the records of finished runs; nothing is trained again.

    descent pictures multirun/2025-01-31/12-00-00
    descent pictures outputs multirun --output figures --format svg
    descent pictures multirun --by optimizer,model.activation

Draws the pictures that fit the runs: decision boundaries, paths over the loss surface, confusion
matrices, the rows that networks get most wrong, predictions of a regression, and norms by layer.
docs/pictures.md says when each appears and how to read it. Runs on several datasets get pictures
for each of them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.commands.parsing import carry_out, command_parser, keys_of
from experiments.config.trust import allowed_packages
from experiments.errors import UserError
from experiments.escape import visible
from experiments.files.paths import shown
from experiments.warning import say

if TYPE_CHECKING:
    from experiments.reporting.figures.networks import NetworkPicture
    from experiments.runs.record import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw pictures; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("pictures", _parser(), _draw, arguments)


def _draw(options: argparse.Namespace) -> None:
    # Slow to import, and not needed for --help.
    from experiments.files.atomic import write_output
    from experiments.reporting.figures.drawing import saved
    from experiments.runs.find import find_records

    records = [record for folder in options.folders for record in find_records(folder)]
    if not records:
        raise UserError(
            f"{', '.join(map(str, options.folders))}: no finished runs here. "
            "Give the output folder of a run or of a sweep, such as multirun."
        )
    folder = options.output or options.folders[0] / "pictures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be made: {error.strerror}. Choose another with --output."
        ) from error
    drawn = 0
    for picture in pictures_of(records, keys_of(options.by)):
        path = folder / f"{picture.name}.{options.format}"
        write_output(path, saved(picture.figure, options.format))
        print(visible(f"{shown(path.absolute())}: {picture.title}. {picture.caption}"))
        drawn += 1
    if not drawn:
        raise UserError("no picture fits these runs; docs/pictures.md says what each needs.")


def pictures_of(
    records: Sequence[Record], by: Sequence[str] | None = None
) -> Iterator[NetworkPicture]:
    """Draw the pictures that fit runs, which may be on several datasets.

    Parameters
    ----------
    records : sequence of Record
        The runs.
    by : sequence of str, optional
        Grouping keys; by default the optimizer and what was varied.

    Yields
    ------
    NetworkPicture
        A picture, whose name says the dataset if there are several.
    """
    from experiments.config.build import source_from_config
    from experiments.datasets import cached_dataset
    from experiments.reporting.figures.networks import figures_for

    trusted = allowed_packages()
    examples = {str(record.dataset.get("digest")): record for record in records}
    splits = Counter(record.dataset.get("name") for record in examples.values())
    for digest, record in examples.items():
        source = source_from_config(record.config, trusted=trusted)
        dataset = cached_dataset(source)
        if dataset.digest != digest:
            say(
                f"pictures: the data of {dataset.name} have changed since its runs, which are "
                "left out"
            )
            continue
        for picture in figures_for(records, dataset, by, trusted=trusted):
            name = picture.name if len(examples) == 1 else f"{dataset.name}-{picture.name}"
            if splits[dataset.name] > 1:
                name += f"-split{source.seed}"
            yield picture._replace(name=name)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("pictures", __doc__ or "")
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="folders with runs in them"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where pictures go (default: FOLDER/pictures)"
    )
    parser.add_argument(
        "--format", choices=("png", "svg", "pdf"), default="png", help="default: png"
    )
    parser.add_argument(
        "--by",
        action="append",
        metavar="KEY[,KEY]",
        help="group runs by these choices or settings (default: the optimizer and what was varied)",
    )
    return parser
