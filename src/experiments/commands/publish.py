"""Publish runs to MLflow that are not there yet.

    descent publish outputs                 every run in a folder and its subfolders
    descent publish multirun/2025-03-04 --models all
    descent publish outputs --uri http://127.0.0.1:5000

Runs are published in the order in which they were trained, then the comparisons of sweeps. A run
that was killed is published up to its last checkpoint and marked as killed; if it is resumed, the
same run in MLflow continues. If the tracker does not answer, the command retries for a while.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from experiments.commands.parsing import add_tracker, carry_out, command_parser
from experiments.config.schema import check_experiment_name
from experiments.config.trust import allowed_packages
from experiments.errors import RefusedError, TrackerAwayError, TrackingError, UserError
from experiments.escape import for_terminal
from experiments.runs.find import find_progress, find_records
from experiments.runs.layout import LEARNING_CURVES, PROGRESS
from experiments.runs.record import Record
from experiments.tracking.runs import Tracker, choose_models, is_worth_publishing
from experiments.tracking.summaries import Summary, find_summaries
from experiments.warning import say

_LONGEST_WAIT = 10.0  # seconds between attempts
_ALIVE = 120.0  # seconds after its last progress for which a run counts as running


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
    with_model = {record.uid for record in choose_models(ended, options.models)}
    for record in ended:
        if record.uid in with_model and not (record.folder / LEARNING_CURVES).exists():
            from experiments.reporting.report.everyday import write_learning_curves

            write_learning_curves(record)
    trackers: dict[str, Tracker] = {}

    def tracker(name: str) -> Tracker:
        name = options.experiment or name
        return trackers.setdefault(name, Tracker(options.uri, name))

    def run(record: Record) -> str:
        there = tracker(record.experiment).is_published(record)
        model = record.uid in with_model
        tracker(record.experiment).publish(record, model=model, trusted=allowed_packages())
        return "published before" if there else "published"

    def part_of_run(record: Record) -> str:
        killed = time.time() - _last_progress(record) > _ALIVE
        tracker(record.experiment).publish_progress(record, killed=killed)
        return "killed, published up to the last checkpoint" if killed else "still running"

    def comparison(summary: Summary) -> str:
        for name in summary.experiments:
            tracker(name).publish_summary(
                summary.sweep, files=summary.paths, note=summary.note, view=summary.view
            )
        return "comparisons"

    work: list[Callable[[], str]] = [partial(run, record) for record in ended]
    work += [partial(part_of_run, record) for record in unfinished]
    for folder in options.folders:
        work += [partial(comparison, summary) for summary in find_summaries(folder)]
    done: Counter[str] = Counter()
    refused: list[str] = []
    for number, step in enumerate(work, start=1):
        try:
            done[_patiently(step, options.patience)] += 1
        except TrackingError as error:
            if not isinstance(error, RefusedError):
                raise
            refused.append(str(error))
        except UserError as error:
            refused.append(str(error))
        if sys.stderr.isatty():
            print(f"\r{number} of {len(work)}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(", ".join(f"{count} {what}" for what, count in done.items()))
    for name, own in trackers.items():
        runs = [r for r in [*ended, *unfinished] if (options.experiment or r.experiment) == name]
        _print_links(own, runs)
    for message in refused:
        say(f"publish: {message}")
    return 1 if refused else 0


def _patiently(step: Callable[[], str], patience: float) -> str:
    """Repeat a step while the tracker does not answer, for up to `patience` seconds."""
    end, wait = time.monotonic() + patience, 1.0
    while True:
        try:
            return step()
        except TrackerAwayError:
            if time.monotonic() + wait > end:
                raise
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


def _last_progress(record: Record) -> float:
    """Return the time at which a run last wrote its progress, in seconds since the epoch."""
    return (record.folder / PROGRESS).stat().st_mtime


def _print_links(tracker: Tracker, runs: Sequence[Record]) -> None:
    """Print how many of the runs are in an experiment, and how to open it in the MLflow UI."""
    unique = len({record.uid for record in runs})
    count = "1 run is" if unique == 1 else f"{unique} runs are"
    lines = [f"{count} in the experiment {tracker.experiment_name!r}. To open it:"]
    command = tracker.ui_command()
    if command is not None:
        lines.append(f"    {command}")
    lines.append(f"    {tracker.ui_link(_only_sweep(runs))}")
    print(for_terminal("\n".join(lines)))


def _only_sweep(runs: Sequence[Record]) -> str | None:
    """Return the sweep that all runs have in common; None if they have several or none."""
    sweeps = {record.sweep for record in runs}
    return sweeps.pop() if len(sweeps) == 1 else None


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("publish", __doc__ or "")
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="a folder with runs"
    )
    add_tracker(parser)
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
        help="how long to retry if the tracker does not answer (default: 30)",
    )
    return parser
