"""Publish runs to MLflow that are not there yet.

    descent publish outputs                 every run in a folder and its subfolders
    descent publish multirun/2025-03-04 --models all
    descent publish outputs --uri http://127.0.0.1:5000

Without --uri, runs are published to the address for which they were trained (tracking.uri), which
is printed first. Records hold no passwords: if that address had one, give it again, with --uri or
in MLFLOW_TRACKING_URI.

Runs are published in the order in which they were trained, then the comparisons of sweeps. A run
that was killed is published up to its last checkpoint and marked as killed; if it is resumed, the
same run in MLflow continues. If the tracker does not answer, the command retries for a while.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from experiments.commands.parsing import DEFAULT_TRACKER, add_tracker, carry_out, command_parser
from experiments.commands.publication import STILL_RUNNING, Publication
from experiments.config.schema import check_experiment_name
from experiments.errors import TrackingError
from experiments.runs.find import find_progress, find_records
from experiments.runs.layout import LEARNING_CURVES
from experiments.tracking.runs import choose_models, is_worth_publishing
from experiments.tracking.summaries import find_summaries
from experiments.warning import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish runs; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("publish", _parser(), _publish_until_interrupted, arguments)


def _publish_until_interrupted(options: argparse.Namespace) -> int:
    try:
        return _publish(options)
    except KeyboardInterrupt:
        say("publish: interrupted; run the same command to continue.")
        raise


def _publish(options: argparse.Namespace) -> int:
    if options.experiment is not None:
        check_experiment_name(options.experiment)
    # A run that several sweeps reused has a record in each.
    found = {(r.uid, r.sweep): r for folder in options.folders for r in find_records(folder)}
    ended = sorted(filter(is_worth_publishing, found.values()), key=lambda r: r.started)
    uids = {record.uid for record in ended}
    unfinished = [
        r for folder in options.folders for r in find_progress(folder) if r.uid not in uids
    ]
    if not ended and not unfinished:
        folders = ", ".join(map(str, options.folders))
        raise TrackingError(f"{folders}: no runs here. Give a folder with the outputs of runs.")
    summaries = [summary for folder in options.folders for summary in find_summaries(folder)]
    publication = Publication(
        options.uri, options.experiment, options.patience, ended, unfinished, summaries
    )
    with_model = {record.uid for record in choose_models(ended, options.models)}
    for record in ended:
        if record.uid in with_model and not (record.folder / LEARNING_CURVES).exists():
            from experiments.reporting.report.everyday import write_learning_curves

            write_learning_curves(record)
    with publication:
        publication.publish(with_model)
    for message, times in Counter(publication.refused).items():
        say(f"publish: {message}" + (f" ({times} times)" if times > 1 else ""))
    running = publication.done[STILL_RUNNING] if options.strict else 0
    if running:
        say(f"publish: {running} of the runs have not ended (--strict)")
    return 1 if publication.refused or running else 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("publish", __doc__ or "")
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="a folder with runs"
    )
    add_tracker(parser, default=f"that of the runs, else {DEFAULT_TRACKER}")
    parser.add_argument("--experiment", help="experiment in MLflow (default: each record's own)")
    parser.add_argument(
        "--models",
        choices=("all", "best", "none"),
        default="best",
        help="which runs get a loadable model and a picture (default: the best of each optimizer)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long to retry while nothing gets through to the tracker (default: 30)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="end with exit status 1 also if runs are incomplete because they have not ended",
    )
    return parser
