"""Repeat published results, and judge the outcome.

    descent reproduce reddi2018                 one of them, over several seeds
    descent reproduce nielsen_chapter1 --data mnist=DIR
    descent reproduce                           all of them
    descent reproduce --quick                   in ten minutes: those that fit; of the others the
                                            stored verdicts
    descent reproduce --smoke                   every experiment as short as can be, no verdicts
    descent reproduce --list                    names and titles

Finished runs are not trained again, so the same command continues after an interrupt.
docs/published.md says how verdicts are computed, and shows the stored ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.commands.parsing import carry_out, command_parser
from experiments.errors import ConfigError, DataError, UserError
from experiments.program import VERSION
from experiments.warning import say
from nn.component import suggestion

if TYPE_CHECKING:
    from experiments.analysis.published.description import Published
    from experiments.analysis.published.result import Result
    from experiments.commands.hydra.published import Experiments
    from experiments.runs.job import Job
    from experiments.sweeps.sweep import Sweep

RESULTS: Final = Path(__file__).resolve().parents[1] / "published" / "results"
"""The folder of the stored results."""

QUICK: Final = 480.0
"""The seconds that the experiments of ``--quick`` may take, by their stored times."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Repeat published results; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("reproduce", _parser(), _reproduce_until_interrupted, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("reproduce", __doc__ or "")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="an experiment of --list (default: all)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="only what fits in ten minutes")
    how.add_argument("--smoke", action="store_true", help="only check that everything runs")
    how.add_argument("--list", action="store_true", help="list the experiments and exit")
    how.add_argument(
        "--page", action="store_true", help="print the page on the stored results and exit"
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="[DATASET=]FOLDER",
        help="the folder of a dataset's files, such as mnist=FOLDER; may be repeated",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="folder for the runs (default: multirun/DATE/TIME)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="folder for the results as JSON (default: that of the runs)",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=-1,
        metavar="N",
        help="number of workers (default: -1, one per core)",
    )
    return parser


def _reproduce_until_interrupted(options: argparse.Namespace) -> int:
    try:
        return _reproduce(options)
    except KeyboardInterrupt:
        say("reproduce: interrupted; the same command continues from here.")
        raise


def _reproduce(options: argparse.Namespace) -> int:
    # Slow to import, and not needed for --help.
    from experiments.analysis.published.result import read_results
    from experiments.commands.hydra.published import Experiments, names

    known = names()
    for name in options.names:
        if name not in known:
            raise ConfigError(
                f"there is no published experiment {name!r}{suggestion(name, known)} "
                f"(there are {', '.join(known)})"
            )
    if options.jobs == 0:
        raise ConfigError("--jobs 0 is not a number of workers: give 1 or more, or -1")
    stored = read_results(RESULTS)
    if options.page:
        from experiments.reporting.tables.published import page

        print(page(stored, [name for name in known if name not in stored]), end="")
        return 0
    composed = Experiments(["tracking=none"])
    chosen = list(dict.fromkeys(options.names)) or known
    if options.list:
        for name in chosen:
            print(f"{name}: {composed.read(name)[0].title}")
        return 0
    folders: dict[str, str] = {}
    if options.data:  # every experiment is composed, which takes a second
        folders = _folders(options.data, composed.of_files(known), composed.of_files(chosen))
    return Reproduction(options, composed, stored, folders).run(chosen)


def _folders(given: Sequence[str], known: Sequence[str], needed: Sequence[str]) -> dict[str, str]:
    """Read ``--data [DATASET=]FOLDER``; return the folders by dataset.

    Parameters
    ----------
    given : sequence of str
        The values of the option.
    known : sequence of str
        The datasets that any experiment reads from files.
    needed : sequence of str
        Those that the chosen experiments read; the only one need not be named.
    """
    folders = {}
    for one in given:
        dataset, equals, folder = one.rpartition("=")
        if not equals and len(needed) == 1:
            (dataset,) = needed
        if dataset not in known:
            raise ConfigError(
                f"--data {one}: give DATASET=FOLDER{suggestion(dataset, known)} (the datasets "
                f"that experiments read from files: {', '.join(known)})"
            )
        folders[dataset] = folder
    return folders


class Reproduction:
    """Repeats published results, one experiment after the other.

    Parameters
    ----------
    options : argparse.Namespace
        The command line.
    composed : Experiments
        The experiments.
    stored : mapping of str to Result
        The stored results, by the name of the experiment.
    folders : mapping of str to str
        The folders of datasets.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        composed: Experiments,
        stored: Mapping[str, Result],
        folders: Mapping[str, str],
    ) -> None:
        from experiments.commands.console import EscapingConsole

        self._options = options
        self._experiments = composed
        self._stored = stored
        self._folders = folders
        self._console = EscapingConsole()
        self._folder = options.folder or Path(f"multirun/{datetime.now():%Y-%m-%d/%H-%M-%S-%f}")
        self._missing: set[str] = set()  # experiments without their data
        self._faulty: set[str] = set()  # those that could not be run for another reason

    def run(self, names: Sequence[str]) -> int:
        """Repeat the results of these names, print the verdicts, and return the exit status."""
        from experiments.reporting.tables.published import counts_in_words

        todo = self._that_fit(names) if self._options.quick else names
        results: dict[str, Result] = {}
        for number, name in enumerate(todo, start=1):
            self._say(f"[{number}/{len(todo)}] {name}")
            try:
                result = self._repeat(name)
            except UserError as error:  # the others can still be run
                self._say(f"  not run: {error}")
                (self._missing if isinstance(error, DataError) else self._faulty).add(name)
                continue
            if result is not None:
                results[name] = result
                path = result.write(self._options.results or self._folder)
                self._say(f"  {counts_in_words([result])} · {path}")
        if self._options.smoke:
            run = len(todo) - len(self._missing) - len(self._faulty)
            self._say(f"{run} of {len(todo)} run; no verdicts (--smoke)")
            return 1 if self._faulty else 0
        self._print_verdicts(names, results)
        return 1 if self._faulty or (self._missing and not self._options.quick) else 0

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _that_fit(self, names: Sequence[str]) -> list[str]:
        """Return the experiments whose stored times fit into `QUICK`, the fastest first."""
        times = {name: self._stored[name].seconds for name in names if name in self._stored}
        fitting, left = [], QUICK
        for name in sorted(times, key=lambda name: times[name]):
            left -= times[name]
            if left < 0:
                break
            fitting.append(name)
        return fitting

    def _repeat(self, name: str) -> Result | None:
        """Repeat one result; None if there are no verdicts."""
        from experiments.analysis.published.result import ABOUT, Judged, Result
        from experiments.runs.environment import environment
        from experiments.sweeps.repetition import Repetition, busy_seconds

        published, claims = self._experiments.read(name)
        always = self._data_settings(name, published)
        with self._sweep(name) as sweep:

            def jobs(settings: Sequence[Sequence[str]], first: int) -> list[Job]:
                given = [[*own, *always] for own in settings]
                prepared = sweep.listener.prepared
                return self._experiments.jobs(name, given, sweep.folder, first, prepared)

            repetition = Repetition(published, sweep, jobs, self._options.smoke)
            records = repetition.run()
        if self._options.smoke:
            return None
        judged = [
            Judged(node, {group: claim.measure.of_all(records[group]) for group in claim.groups})
            for claim, node in zip(published.claims, claims, strict=True)
        ]
        about = environment()
        count = self._options.jobs
        workers = "" if count < 0 else f"{count} worker{'s' if count > 1 else ''} on "
        return Result(
            name=name,
            about={key: str(value) for key in ABOUT if (value := getattr(published, key))},
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            seconds=round(busy_seconds(sweep.records), 1),
            machine=f"{workers}{about['cpu_count']} cores of {about['cpu']}",
            versions={"descent": VERSION, "numpy": str(about["numpy"])},
            runs=len(sweep.records),
            chosen=repetition.chosen,
            judged=judged,
        )

    def _data_settings(self, name: str, published: Published) -> list[str]:
        """Return the settings that say where an experiment's data are.

        Raises
        ------
        DataError
            If they are not there; the message says which files, where to get them, and how to name
            their folder.
        """
        from experiments.commands.hydra.overrides import override_of
        from experiments.datasets.sources.paths import user_path

        data, settings = self._experiments.dataset(name)
        if "dir" not in settings:
            return []
        given = self._folders.get(data)
        folders = [given] if given else [settings["dir"], settings.get("fallback_dir")]
        there = [str(folder) for folder in folders if folder and user_path(folder).is_dir()]
        if not there:
            looked = " or ".join(str(user_path(folder)) for folder in folders if folder)
            raise DataError(
                f"{data} is not in {looked}. It needs {published.data} "
                f"--data {data}=FOLDER names the folder that has them"
            )
        return [override_of("dataset.dir", there[0]), "dataset.download=false"]

    @contextmanager
    def _sweep(self, name: str) -> Iterator[Sweep]:
        from experiments.commands.repetition_progress import Progress
        from experiments.sweeps.sweep import Sweep
        from experiments.workers.local_processes import Processes
        from experiments.workers.pool import WorkerPool

        with Progress() as listener:
            trainer = WorkerPool(Processes(self._options.jobs))
            with Sweep(self._folder / name, trainer, listener=listener, overrides=[name]) as sweep:
                yield sweep
                sweep.close()

    def _print_verdicts(self, names: Sequence[str], results: Mapping[str, Result]) -> None:
        """Print the verdicts: of this command, and the stored ones of what it has not run."""
        from experiments.reporting.tables.published import counts_in_words, verdict_lines

        shown = {name: results.get(name) or self._stored.get(name) for name in names}
        for name, result in shown.items():
            if result is None:
                self._say(f"{name}\n  not run")
                continue
            for line in verdict_lines(result, now=name in results):
                self._say(line)
        counted = [result for result in shown.values() if result is not None]
        self._say(counts_in_words(counted))
