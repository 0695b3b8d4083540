"""Compare runs over their seeds: from their folders, or from MLflow.

    descent compare multirun/2025-01-31/12-00-00
    descent compare outputs multirun --by model.activation --metric test/accuracy
    descent compare --sweep 2025-01-31/12-00-00
    descent compare --experiment digits --filter "params.optimizer IN ('sgd', 'adam')"
    descent compare multirun --latex results.tex --csv results.csv
    descent compare multirun --report report

Prints conclusions about what the runs show and what they do not, and the tables behind them.
docs/protocol.md explains how the numbers are computed, and why.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.commands.parsing import add_tracker, carry_out, command_parser, keys_of
from experiments.config.trust import allowed_packages
from experiments.errors import UserError
from experiments.files.scratch import scratch_folder

if TYPE_CHECKING:
    from experiments.analysis.study import Study
    from experiments.runs.record import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare runs; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("compare", _parser(), _compare, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("compare", __doc__ or "")
    runs = parser.add_argument_group("which runs")
    runs.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="a folder with runs")
    runs.add_argument("--sweep", metavar="ID", help="the runs of a sweep, from MLflow")
    runs.add_argument("--experiment", metavar="NAME", help="the runs of an experiment in MLflow")
    runs.add_argument(
        "--filter", metavar="TEXT", help="runs in MLflow, such as \"params.dataset = 'digits'\""
    )
    add_tracker(runs)
    how = parser.add_argument_group("how")
    how.add_argument(
        "--by",
        action="append",
        metavar="KEY[,KEY]",
        help="group by these choices or settings, such as optimizer or optimizer,model.activation "
        "(default: the optimizer and everything else that varies)",
    )
    how.add_argument(
        "--metric",
        default=None,
        metavar="NAME",
        help="metric by which groups are compared (default: comparison.metric of the runs, or the "
        "test loss at the reported epoch)",
    )
    how.add_argument(
        "--target",
        type=float,
        metavar="VALUE",
        help="validation accuracy, R² or loss; the time to reach it is compared "
        "(default: the best group's median)",
    )
    how.add_argument(
        "--margin",
        type=float,
        metavar="VALUE",
        help="smallest difference of the metric that matters, so that groups can be equivalent "
        "(default: comparison.margin of the runs)",
    )
    files = parser.add_argument_group("also write")
    files.add_argument(
        "--csv", type=Path, metavar="FILE", help="table of groups, and of pairs in FILE-pairs.csv"
    )
    files.add_argument(
        "--json", type=Path, metavar="FILE", help="conclusions, warnings, groups and pairs"
    )
    files.add_argument("--markdown", type=Path, metavar="FILE")
    files.add_argument("--latex", type=Path, metavar="FILE", help="tables with booktabs")
    files.add_argument(
        "--output", type=Path, metavar="DIR", help="comparison.csv, .md, .png and .svg"
    )
    files.add_argument(
        "--report", type=Path, metavar="DIR", help="report.html with its tables and pictures"
    )
    return parser


def _compare(options: argparse.Namespace) -> None:
    published = options.sweep or options.experiment or options.filter
    if bool(options.folders) == bool(published):
        _parser().error("give either folders or at least one of --sweep, --experiment and --filter")
    with scratch_folder() as scratch:
        _compare_and_write(options, scratch)


def _compare_and_write(options: argparse.Namespace, scratch: Path) -> None:
    # Slow to import, and not needed for --help.
    from experiments.analysis.analyse import analyse
    from experiments.reporting.tables.terminal import print_study

    records = _records(options, scratch)
    study = analyse(
        records,
        by=keys_of(options.by),
        metric=options.metric,
        target=options.target,
        margin=options.margin,
    )
    print_study(study)
    written = _write(options, study, records)
    if written:
        print("\nWritten: " + ", ".join(map(str, written)))


def _records(options: argparse.Namespace, scratch: Path) -> list[Record]:
    from experiments.runs.find import find_records

    if not options.folders:
        from experiments.tracking.fetch import fetch_records

        return fetch_records(
            options.uri,
            scratch,
            sweep=options.sweep,
            experiment=options.experiment,
            where=options.filter,
        )
    # Keyed by path: a folder may be given twice, or lie inside another.
    records = {
        record.folder.resolve(): record
        for folder in options.folders
        for record in find_records(folder)
    }
    if not records:
        raise UserError(
            f"No finished runs in {', '.join(map(str, options.folders))}. "
            "Give the output folder of a run or of a sweep, such as multirun."
        )
    return list(records.values())


def _write(options: argparse.Namespace, study: Study, records: Sequence[Record]) -> list[Path]:
    from experiments.files.atomic import write_output
    from experiments.files.csv import csv_text
    from experiments.reporting.report.everyday import write_comparison
    from experiments.reporting.report.page import write_report
    from experiments.reporting.tables.frames import pairs_table, study_json, study_table
    from experiments.reporting.tables.markup import study_latex, study_markdown

    written = []
    texts: list[tuple[Path, str]] = []
    if options.csv is not None:
        beside = options.csv.with_name(f"{options.csv.stem}-pairs{options.csv.suffix}")
        texts.append((options.csv, csv_text(study_table(study))))
        texts.append((beside, csv_text(pairs_table(study))))
    if options.json is not None:
        texts.append((options.json, study_json(study)))
    if options.markdown is not None:
        texts.append((options.markdown, study_markdown(study)))
    if options.latex is not None:
        texts.append((options.latex, study_latex(study)))
    for path, text in texts:
        _make_folder(path.parent)
        write_output(path, text.encode())
        written.append(path)
    if options.output is not None:
        written += write_comparison(study, options.output)
    if options.report is not None:
        page, *_ = write_report(study, records, options.report, trusted=allowed_packages())
        written.append(page)
    return written


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be created: {error.strerror}. Choose another folder."
        ) from error
