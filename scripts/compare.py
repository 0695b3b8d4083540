#!/usr/bin/env python3
"""Compare finished runs over their seeds.

    scripts/compare.py multirun/2025-01-31/12-00-00
    scripts/compare.py outputs multirun --by optimizer --output comparison

Prints a table of the runs found in the folders and below, and says what it does and does not
show. With --output it also writes the table as CSV and Markdown, and the picture as PNG and SVG.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from experiments.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        _compare(options.folders, options.by, options.output)
    except UserError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compare.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="has runs in it")
    parser.add_argument(
        "--by",
        action="append",
        metavar="KEY[,KEY]",
        help="group by these choices or settings, such as optimizer or optimizer,model.activation; "
        "by default by the optimizer and whatever else was varied",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write comparison.csv, .md, .png and .svg here"
    )
    return parser


def _compare(folders: Sequence[Path], by: Sequence[str] | None, output: Path | None) -> None:
    # Slow to import, and not needed for --help.
    from experiments.analysis.report import write_comparison
    from experiments.analysis.terminal import print_comparison
    from experiments.records import find_records

    # A folder may be given twice, or inside another: a run is found once all the same.
    found = {
        record.folder.resolve(): record for folder in folders for record in find_records(folder)
    }
    if not found:
        raise UserError(
            f"No finished runs in {', '.join(map(str, folders))}. "
            "Give the output folder of a run or of a sweep, such as multirun."
        )
    records = list(found.values())
    keys = None if by is None else [key.strip() for part in by for key in part.split(",")]
    print_comparison(records, keys)
    if output is not None:
        written = write_comparison(records, output, keys)
        print("\nWritten: " + ", ".join(map(str, written)))


if __name__ == "__main__":
    sys.exit(main())
