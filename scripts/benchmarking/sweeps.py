"""Part three: whole sweeps, from command to comparison."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarking.cores import pinned
from benchmarking.measurements import OURS, Measurement, counted_cores, select

ROOT = Path(__file__).resolve().parents[2]
PEER: Final = "PyTorch + Hydra + MLflow"
OWN_PEER: Final = ROOT / "scripts" / "benchmarking" / "peer" / "run.py"
EXTRAPOLATED: Final = "extrapolated"
FRESH: Final = "fresh"
EXISTING: Final = "existing"

_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_PATIENCE = 10.0  # seconds to wait for processes that outlive their command

_OPTIMIZERS = ("sgd", "adagrad", "rmsprop", "adam")
_RATES = ("0.0003", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5")


@dataclass(frozen=True)
class Sweep:
    """A sweep over four optimizers, learning rates and seeds; 64-64-10, batch 32, 20 epochs."""

    seeds: int
    rates: tuple[str, ...] = ()

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(_OPTIMIZERS) * max(1, len(self.rates)) * self.seeds

    @property
    def name(self) -> str:
        """The name for people, such as "20 runs"."""
        return f"{self.runs} runs"

    def varied(self, rate_key: str) -> list[str]:
        """Return the overrides that vary between runs."""
        rates = [f"{rate_key}={','.join(self.rates)}"] if self.rates else []
        return [f"optimizer={','.join(_OPTIMIZERS)}", f"seed=range({self.seeds})", *rates]


SWEEPS: Final = {sweep.runs: sweep for sweep in (Sweep(seeds=1), Sweep(seeds=5), Sweep(10, _RATES))}

PHASES: Final = (
    "start-up",
    "composing",
    "loading data",
    "starting workers",
    "training",
    "last records",
    "comparing",
    "rest of publishing",
    "exit",
)
"""The phases of a sweep. A separate process publishes during training and comparing, so only the
time that it needs afterwards appears as a phase."""


class CommandError(Exception):
    """A command has failed; the message ends with the command's output."""


@dataclass(frozen=True)
class Finished:
    """A command that has finished.

    Parameters
    ----------
    began, ended : float
        Start and end in seconds since the epoch.
    seconds : float
        Wall time.
    cpu_seconds : float
        CPU time of the process and of all its descendants.
    output : str
        Standard output and error.
    """

    began: float
    ended: float
    seconds: float
    cpu_seconds: float
    output: str


def run_command(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a command in a folder and measure its time.

    Parameters
    ----------
    command : sequence of str
        The command.
    folder : Path
        The working directory.
    environment : mapping of str to str, optional
        Variables to set besides those of this process.

    Raises
    ------
    CommandError
        If the command fails.
    """
    # No telemetry, so that neither side uses the network.
    own = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}
    # Some machines for development set it: every process would compile all modules again.
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    cpu, began, clock = _cpu_seconds(), time.time(), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**own, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    seconds, ended = time.perf_counter() - clock, time.time()
    if done.returncode:
        raise CommandError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
    _wait_for_orphans()
    return Finished(began, ended, seconds, _cpu_seconds() - cpu, done.stdout)


def adopt_orphans() -> None:
    """Adopt processes that outlive their command, so that their CPU time is counted too.

    The fork server, from which workers are forked, ends just after the command.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_orphans() -> None:
    deadline = time.monotonic() + _PATIENCE
    with suppress(ChildProcessError):  # no children remain
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# ---- the contestants


@dataclass(frozen=True)
class _Contestant:
    """A sweep that is run repeatedly on a number of cores.

    Parameters
    ----------
    name : str
        The name for people.
    sweep : Sweep
        The sweep to run.
    cores : int
        The number of cores.
    command : sequence of str
        The command, without the overrides that name folders.
    database_key : str
        The key of the override that names the database.
    """

    name: str
    sweep: Sweep
    cores: int
    command: tuple[str, ...]
    database_key: str

    def run(self, folder: Path, sweep_folder: Path) -> Finished:
        """Run the sweep in a folder; its database there is created if missing."""
        database = folder / "mlflow.db"
        before = count_published(database)
        places = [
            f"{self.database_key}=sqlite:///{database}",
            f"hydra.sweep.dir={sweep_folder}",
        ]
        done = run_command([*self.command, *places], folder)
        published = count_published(database) - before
        if published < self.sweep.runs:
            raise CommandError(
                f"{self.name}, {self.sweep.name}: only {published} were published:\n"
                f"{done.output[-3000:]}"
            )
        return done


def _ours(sweep: Sweep, cores: int) -> _Contestant:
    settings = [
        "dataset=digits",
        "model.hidden=[64]",
        "training.batch_size=32",
        "training.epochs=20",
        "rerun=true",  # or the runs of an earlier repetition would be reused
        "comparison.pictures=false",  # the other side draws nothing
        "hydra.verbose=experiments.sweeps",
    ]
    command = (sys.executable, str(ROOT / "run.py"), "-m", *sweep.varied("optimizer.lr"))
    return _Contestant(OURS, sweep, cores, (*command, *settings), "tracking.uri")


def _peers(sweep: Sweep, cores: int, python: str, script: Path) -> _Contestant:
    command = (python, str(script), "-m", *sweep.varied("lr"), "batch_size=32", "epochs=20")
    return _Contestant(PEER, sweep, cores, command, "tracking_uri")


def count_published(database: Path) -> int:
    """Count the finished runs in an MLflow database."""
    return len(run_starts(database))


def run_starts(database: Path) -> list[float]:
    """Return the start times of the finished runs in an MLflow database, in seconds, ascending."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT start_time FROM runs WHERE end_time IS NOT NULL ORDER BY start_time"
        )
        return [start / 1000 for (start,) in rows]


# ---- measuring


@dataclass(frozen=True)
class Settings:
    """The settings of the measurement of sweeps.

    Parameters
    ----------
    repeats : int
        The number of repetitions.
    cores : sequence of int
        The cores to use; every sweep runs on one of them and on all of them.
    peer : Path or None
        The peer's script; None leaves it out.
    peers_python : str
        The peer's interpreter.
    whole_peer : bool
        Whether the peer runs sweeps of more than 20 runs too, instead of extrapolating.
    folder : Path
        A folder for databases and outputs, which is emptied before every measurement.
    """

    repeats: int
    cores: Sequence[int]
    peer: Path | None
    peers_python: str
    whole_peer: bool
    folder: Path


def peer_lacks(python: str) -> str | None:
    """Return the first package that the peer's script needs and its interpreter lacks."""
    program = (
        "from importlib.util import find_spec; "
        "names = ('torch', 'hydra', 'mlflow', 'sklearn'); "
        "print(next((name for name in names if not find_spec(name)), ''))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip() or None


def measure(
    sweeps: Sequence[Sweep], settings: Settings, tell: Callable[[str], None]
) -> list[Measurement]:
    """Measure sweeps and short commands.

    Parameters
    ----------
    sweeps : sequence of Sweep
        The sweeps.
    settings : Settings
        The settings of the measurement.
    tell : callable
        A function that prints a line.

    Returns
    -------
    list of Measurement
        Measurements of the parts "sweep", "cpu", "phase", "run" and "command".
    """
    adopt_orphans()
    contestants = []
    widths = sorted({1, len(settings.cores)}, reverse=True)
    for sweep in sweeps:
        for cores in widths:
            contestants.append(_ours(sweep, cores))
            if settings.peer is not None and (sweep.runs <= 20 or settings.whole_peer):
                contestants.append(_peers(sweep, cores, settings.peers_python, settings.peer))
    found: list[Measurement] = []
    for repetition in range(settings.repeats):
        for contestant in contestants:
            for one in _fresh_and_existing(contestant, settings, repetition):
                found.append(one)
                if one.part == "sweep":
                    tell(
                        f"{one.contestant}, {one.case}, {counted_cores(one.cores)}, "
                        f"{one.database} database: {one.value:.2f} s"
                    )
        found += _commands(settings, repetition)
    return found + _extrapolate(sweeps, found)


def _fresh_and_existing(
    contestant: _Contestant, settings: Settings, repetition: int
) -> Iterator[Measurement]:
    folder = settings.folder / "sweep"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for database in (FRESH, EXISTING):
        sweep_folder = folder / f"multirun-{database}"
        with pinned(settings.cores[: contestant.cores]):
            done = contestant.run(folder, sweep_folder)

        def measured(
            part: str, value: float, detail: str = "", database: str = database
        ) -> Measurement:
            return Measurement(
                part,
                contestant.sweep.name,
                contestant.name,
                value,
                "s",
                repetition,
                cores=contestant.cores,
                database=database,
                detail=detail,
            )

        yield measured("sweep", done.seconds)
        yield measured("cpu", done.cpu_seconds)
        if contestant.name == OURS:
            times = training_times(sweep_folder)
            for phase, seconds in phases(done, times).items():
                yield measured("phase", seconds, phase)
        else:
            starts = run_starts(folder / "mlflow.db")[-contestant.sweep.runs :]
            yield measured("run", (starts[-1] - starts[0]) / (len(starts) - 1), "one after another")


def _extrapolate(sweeps: Sequence[Sweep], found: Sequence[Measurement]) -> list[Measurement]:
    """Extrapolate the peer's time for the sweeps that it did not run.

    The peer trains one run after another, so a further run costs the mean time from the start of
    one run to the start of the next.
    """
    measured = {m.case for m in select(found, part="sweep", contestant=PEER)}
    known = [sweep for sweep in sweeps if sweep.name in measured]
    if not known:
        return []
    base = max(known, key=lambda sweep: sweep.runs)
    added = []
    for sweep in sweeps:
        if sweep.name in measured:
            continue
        for whole in select(found, part="sweep", contestant=PEER, case=base.name):
            (run,) = select(
                found,
                part="run",
                case=base.name,
                repetition=whole.repetition,
                cores=whole.cores,
                database=whole.database,
            )
            seconds = whole.value + (sweep.runs - base.runs) * run.value
            added.append(
                Measurement(
                    "sweep",
                    sweep.name,
                    PEER,
                    seconds,
                    "s",
                    whole.repetition,
                    cores=whole.cores,
                    database=whole.database,
                    detail=EXTRAPOLATED,
                )
            )
    return added


COMMANDS: Final = ("--help", "--cfg job", "a single run")


def _commands(settings: Settings, repetition: int) -> list[Measurement]:
    """Measure the short commands in a folder with an existing database."""
    folder = settings.folder / "commands"
    database = folder / "mlflow.db"
    python_run = [sys.executable, str(ROOT / "run.py")]
    single = [*python_run, "rerun=true", f"tracking.uri=sqlite:///{database}"]
    found = []
    with pinned(settings.cores):
        if not database.exists():
            folder.mkdir(parents=True, exist_ok=True)
            run_command(single, folder)
        for name in COMMANDS:
            command = single if name == COMMANDS[-1] else [*python_run, *name.split()]
            done = run_command(command, folder)
            found.append(
                Measurement(
                    "command",
                    name,
                    OURS,
                    done.seconds,
                    "s",
                    repetition,
                    cores=len(settings.cores),
                    database=EXISTING,
                )
            )
    return found


# ---- where the time goes

_STAMP = re.compile(
    r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\]\[HYDRA\] "
    r"(started|composed|loaded|trained|compared|published)$",
    re.MULTILINE,
)


def training_times(folder: Path) -> tuple[float, float]:
    """Return the time when the first run of a sweep started training and the last one ended."""
    records = [json.loads(path.read_text()) for path in folder.glob("*/record.json")]
    started = min(datetime.fromisoformat(record["started"]) for record in records)
    finished = max(datetime.fromisoformat(record["finished"]) for record in records)
    return started.timestamp(), finished.timestamp()


def phases(done: Finished, training: tuple[float, float]) -> Mapping[str, float]:
    """Divide a sweep's time into :data:`PHASES`.

    Parameters
    ----------
    done : Finished
        A sweep whose output includes the launcher's lines at debug level.
    training : tuple of float
        Times when the first run started training and the last one ended.

    Returns
    -------
    mapping of str to float
        Seconds of each phase; their sum is the wall time.

    Raises
    ------
    CommandError
        If the output lacks a line.
    """
    stamps = moments(done)
    try:
        before = [done.began, stamps["started"], stamps["composed"], stamps["loaded"]]
        after = [stamps["trained"], stamps["compared"], stamps["published"], done.ended]
    except KeyError as error:
        raise CommandError(f"the sweep's output lacks the line {error}:\n{done.output}") from None
    # Time stamps are rounded to milliseconds, so one may seem to precede an earlier event.
    times = [before[0]]
    for moment in [*before[1:], *training, *after]:
        times.append(max(times[-1], moment))
    return dict(zip(PHASES, (end - begin for begin, end in pairwise(times)), strict=True))


def moments(done: Finished) -> dict[str, float]:
    """Return when the launcher ended each phase, in seconds since the epoch, by its word."""
    return {
        event: datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f").timestamp()
        for stamp, event in _STAMP.findall(done.output)
    }
