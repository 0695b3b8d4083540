"""The implementation of the sweeper `tune_then_compare`: a tuned comparison and its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext
from rich.console import Console

from experiments.commands.hydra.launch import HydraSweep
from experiments.commands.train import Compared
from experiments.files.paths import shown
from experiments.runs.record import Record
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.tuning.comparison import COMPARED, TunedComparison
from experiments.sweeps.tuning.protocol import Protocol


def tune_then_compare(
    hydra_context: HydraContext,
    hydra_sweep: HydraSweep,
    terms: Mapping[str, Any],
    arguments: Sequence[str],
) -> None:
    """Tune every optimizer, train the runs to report, and write the report.

    Parameters
    ----------
    hydra_context : HydraContext
    hydra_sweep : HydraSweep
        The sweep that trains the runs.
    terms : mapping
        The sweeper's settings; see :class:`Protocol`.
    arguments : sequence of str
        The overrides of the command line. The values of ``optimizer`` are compared with each other
        in every task, which is a combination of the other overrides' values.

    Raises
    ------
    ConfigError
        If the settings or a run's configuration are invalid. Nothing has been trained.
    SweepError
        If runs failed; the message lists them. All other runs have ended.
    KeyboardInterrupt, UserError
        If training ends early; finished runs are published, the others marked as interrupted.
    """
    protocol = Protocol.from_config(terms)
    parser = OverridesParser.create(config_loader=hydra_context.config_loader)
    overrides = parser.parse_overrides(list(arguments))
    compared = [override for override in overrides if override.key_or_group == COMPARED]
    others = [override for override in overrides if override.key_or_group != COMPARED]

    def train(sweep: Sweep, console: Console) -> None:
        TunedComparison(
            sweep,
            protocol,
            hydra_sweep.composer(sweep),
            _combinations(compared),
            _combinations(others),
            say=partial(console.print, soft_wrap=True),
        ).run()

    hydra_sweep.train(train, compare=partial(_compare, protocol))


def _combinations(overrides: Sequence[Override]) -> list[list[str]]:
    """Return all combinations of the overrides' values, as overrides with one value each."""
    (combined,) = BasicSweeper.split_arguments(list(overrides), max_batch_size=None)
    return combined


def _compare(
    protocol: Protocol, records: Sequence[Record], sweep: Sweep, console: Console
) -> Compared:
    """Write the report of the study and print its conclusions."""
    from experiments.analysis.analyse import analyse
    from experiments.reporting.report.page import write_report
    from experiments.reporting.tables.markup import study_markdown
    from experiments.reporting.tables.terminal import print_study

    study = analyse(records, target=protocol.target)
    files = write_report(study, records, sweep.folder, trusted=sweep.trusted)
    console.print()
    print_study(study, console)
    console.print(f"\nReport: {shown(files[0])}", soft_wrap=True)
    return Compared(study, files, study_markdown(study))
