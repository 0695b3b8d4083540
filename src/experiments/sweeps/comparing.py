"""What the sweeper `tune_then_compare` does: a tuned comparison from command line to report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import setup_globals
from hydra.types import HydraContext
from rich.console import Console

from experiments.records import Record
from experiments.sweeps.launching import raise_failed
from experiments.sweeps.protocol import Protocol
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.tuning import REPORTING, STAGE, TunedComparison
from experiments.sweeps.workers import WorkersLost


def tune_then_compare(
    hydra_context: HydraContext,
    sweep: Sweep,
    terms: Mapping[str, Any],
    arguments: Sequence[str],
) -> None:
    """Tune every optimizer, train what is reported, and write the report.

    Parameters
    ----------
    hydra_context : HydraContext
    sweep : Sweep
        Not entered yet.
    terms : mapping
        The sweeper's settings; see :class:`Protocol`.
    arguments : sequence of str
        Overrides of the command line.

    Raises
    ------
    ConfigError
        If something is wrong with the settings or with any run, before any has trained.
    SweepError
        Naming every run that failed, after all others have ended.
    KeyboardInterrupt, WorkersLost
        After what has finished is published and what has not is marked.
    """
    setup_globals()
    protocol = Protocol.from_config(terms)
    parser = OverridesParser.create(config_loader=hydra_context.config_loader)
    overrides = parser.parse_overrides(list(arguments))
    with sweep:
        comparison = TunedComparison(sweep, protocol, overrides)
        try:
            comparison.run()
        except (KeyboardInterrupt, WorkersLost):
            if sweep.records:
                sweep.conclude()
            raise
        sweep.conclude(partial(_compare, protocol))
    raise_failed(sweep.records)


def _compare(
    protocol: Protocol, records: Sequence[Record], folder: Path, console: Console
) -> tuple[list[Path], str]:
    """Compare the reporting runs; the tuning runs tell how they were tuned."""
    from experiments.analysis.report import markdown, write_comparison
    from experiments.analysis.study import analyse
    from experiments.analysis.terminal import print_comparison

    study = analyse(records, metric=protocol.select, target=protocol.target)
    reporting = [record for record in records if record.labels[STAGE] == REPORTING]
    files = write_comparison(reporting, folder)
    console.print()
    print_comparison(reporting, console=console)
    for text in (*study.conclusion, *study.warnings):
        console.print(text)
    return files, markdown(reporting)
