"""Publish the records of runs to MLflow; what is there already is left alone.

python scripts/publish.py outputs                 every run below a folder
python scripts/publish.py multirun/2025-03-04 --models all
python scripts/publish.py outputs --uri http://127.0.0.1:5000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from experiments.errors import TrackingError, UserError
from experiments.own_modules import search_working_directory
from experiments.records import Record, find_records
from experiments.tracking.tracker import Tracker, choose_models


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    search_working_directory()
    try:
        return _publish(options)
    except UserError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("publish: interrupted; run the same command to go on.", file=sys.stderr)
        return 130


def _publish(options: argparse.Namespace) -> int:
    found = {record.uid: record for folder in options.folders for record in find_records(folder)}
    if not found:
        folders = ", ".join(map(str, options.folders))
        raise TrackingError(f"{folders}: no runs here. Give a folder with the outputs of runs.")
    with_model = {record.uid for record in choose_models(found.values(), options.models)}
    trackers: dict[str, Tracker] = {}
    for number, record in enumerate(found.values(), start=1):
        name = options.experiment or record.experiment
        tracker = trackers.setdefault(name, Tracker(options.uri, name))
        tracker.publish(record, model=record.uid in with_model)
        if sys.stderr.isatty():
            print(f"\r{number} of {len(found)} runs", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for name, tracker in trackers.items():
        runs = [r for r in found.values() if (options.experiment or r.experiment) == name]
        count = "1 run is" if len(runs) == 1 else f"{len(runs)} runs are"
        print(f"{count} in the experiment {name!r}. To look:")
        command = tracker.ui_command()
        if command is not None:
            print(f"    {command}")
        print(f"    {tracker.ui_link(_only_sweep(runs))}")
    return 0


def _only_sweep(runs: Sequence[Record]) -> str | None:
    """The sweep of all these runs; None where they have several or none."""
    sweeps = {record.sweep for record in runs}
    return sweeps.pop() if len(sweeps) == 1 else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="folders with runs in them"
    )
    parser.add_argument("--uri", help="server or database (default: mlflow.db beside run.py)")
    parser.add_argument("--experiment", help="experiment in MLflow (default: each record's own)")
    parser.add_argument(
        "--models",
        choices=("all", "best", "none"),
        default="best",
        help="which runs get a loadable model and a picture (default: the best of each optimizer)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
