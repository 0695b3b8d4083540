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

from experiments.commands.hydra.launch import raise_failed
from experiments.commands.main import shown
from experiments.errors import UserError
from experiments.runs.record import Record
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.tuning.comparison import TunedComparison
from experiments.sweeps.tuning.protocol import Protocol


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
    KeyboardInterrupt, UserError
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
        except (KeyboardInterrupt, UserError):
            if sweep.records:
                sweep.conclude()
            raise
        sweep.conclude(partial(_compare, protocol, sweep.trusted))
    raise_failed(sweep.records)


def _compare(
    protocol: Protocol,
    trusted: frozenset[str],
    records: Sequence[Record],
    folder: Path,
    console: Console,
) -> tuple[list[Path], str]:
    """Write the report of the whole study; print its conclusions."""
    from experiments.analysis.analyse import analyse
    from experiments.reporting.report.page import write_report
    from experiments.reporting.tables.markup import study_markdown
    from experiments.reporting.tables.terminal import print_study

    study = analyse(records, metric=protocol.select, target=protocol.target)
    files = write_report(study, records, folder, trusted=trusted)
    console.print()
    print_study(study, console)
    console.print(f"\nReport: {shown(files[0])}", soft_wrap=True)
    return files, study_markdown(study)
