"""Part one: training steps of all contestants, measured in turn on one core."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from benchmarking.cores import one_thread_each, pinned
from benchmarking.measurements import OURS, Measurement
from benchmarking.sizes import OPTIMIZERS, Size

_ROOT = Path(__file__).resolve().parents[2]
UNIT: Final = "µs per run and step"
BOUND: Final = "matrix products alone"
NUMPY_ALONE: Final = "Descent in NumPy alone"
JAX: Final = "JAX"


@dataclass(frozen=True)
class Entry:
    """A contestant's name, its module, and whether it runs in the peers' environment."""

    name: str
    module: str
    foreign: bool = False


ENTRIES: Final = (
    Entry(OURS, "descent"),
    Entry(NUMPY_ALONE, "numpy_alone"),
    Entry(BOUND, "blas"),
    Entry("scikit-learn", "scikit_learn"),
    Entry("PyTorch", "pytorch", foreign=True),
    Entry("PyTorch, sparse gradients", "pytorch_sparse", foreign=True),
    Entry(JAX, "jax_scan", foreign=True),
)


class WorkerError(Exception):
    """A contestant's process has ended early."""


class Unsuitable(Exception):
    """A contestant does not train such networks."""


class Missing(Exception):
    """A contestant's library is not installed; the message is the library's name."""


class Worker:
    """The process of a contestant.

    Parameters
    ----------
    entry : Entry
        The contestant.
    python : str
        Path of the interpreter.
    size : Size
        The networks to train.
    optimizer : str
        Name of the optimizer.

    Attributes
    ----------
    about : dict
        The contestant's description of itself: `version`, `way`, `loss`, `compile_seconds`.

    Raises
    ------
    Missing
        If the contestant's library is not installed for this interpreter.
    Unsuitable
        If the contestant does not train networks of this size.
    """

    def __init__(self, entry: Entry, python: str, size: Size, optimizer: str) -> None:
        self.entry = entry
        asked = {"size": asdict(size), "optimizer": optimizer, "lr": OPTIMIZERS[optimizer]}
        self._process = subprocess.Popen(
            [python, "-m", f"benchmarking.contestants.{entry.module}", json.dumps(asked)],
            cwd=_ROOT / "scripts",
            env=one_thread_each(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        try:
            self.about = self._answer()
            if "missing" in self.about:
                raise Missing(self.about["missing"])
            if "unsuitable" in self.about:
                raise Unsuitable
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def repeat(self) -> float:
        """Run one repetition; return the microseconds per run and step."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._ended()) from None
        return float(self._answer()["microseconds"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(self._ended())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> str:
        return f"{self.entry.name} ended with status {self._process.wait()}; see above"


def measure(
    sizes: Sequence[Size],
    optimizers: Sequence[str],
    *,
    repeats: int,
    core: int,
    python: str,
    peers_python: str,
    tell: Callable[[str], None],
    entries: Sequence[Entry] = ENTRIES,
) -> list[Measurement]:
    """Measure training steps.

    Parameters
    ----------
    sizes : sequence of Size
        The networks to train.
    optimizers : sequence of str
        Names of the optimizers.
    repeats : int
        Number of repetitions. In each, all contestants are measured in turn.
    core : int
        The core on which all of them run.
    python, peers_python : str
        Interpreters of this project and of the peers.
    tell : callable
        A function that prints a line.
    entries : sequence of Entry, default ENTRIES
        The contestants.

    Returns
    -------
    list of Measurement
        Measurements of the parts "step" and "compile".
    """
    found: list[Measurement] = []
    present = list(entries)
    versions: dict[str, str] = {}
    with pinned([core]):
        for size in sizes:
            for optimizer in [one for one in size.optimizers if one in optimizers]:
                with ExitStack() as stack:
                    workers = []
                    for entry in list(present):
                        where = peers_python if entry.foreign else python
                        try:
                            worker = stack.enter_context(Worker(entry, where, size, optimizer))
                        except Unsuitable:
                            continue
                        except Missing as error:
                            tell(f"{entry.name}: {error} is not installed for {where}; skipped")
                            present.remove(entry)
                            continue
                        workers.append(worker)
                        versions[entry.name] = worker.about["version"]
                    found += _interleaved(workers, size, optimizer, repeats)
                    tell(_learnt(workers, size, optimizer))
    for name, version in versions.items():
        tell(f"{name}: {version.partition(', stacks')[0]}")
    return found


def _interleaved(
    workers: Sequence[Worker], size: Size, optimizer: str, repeats: int
) -> list[Measurement]:
    found = [
        Measurement(
            "step",
            size.name,
            worker.entry.name,
            worker.repeat(),
            UNIT,
            repetition,
            optimizer,
            detail=_way(worker),
        )
        for repetition in range(repeats)
        for worker in workers
    ]
    for worker in workers:
        seconds = worker.about["compile_seconds"]
        if seconds:
            name = worker.entry.name
            found.append(Measurement("compile", size.name, name, seconds, "s", optimizer=optimizer))
    return found


def _way(worker: Worker) -> str:
    """Describe how a contestant trains: the fastest of its ways, or its stacks."""
    _, _, stacks = worker.about["version"].partition(", stacks")
    ours = worker.entry.name in (OURS, NUMPY_ALONE)
    return f"stacks{stacks}" if ours else str(worker.about["way"])


def _learnt(workers: Sequence[Worker], size: Size, optimizer: str) -> str:
    """Describe the losses that the contestants reach in the same number of steps."""
    losses = [(w.entry.name, w.about["loss"]) for w in workers if w.about["loss"] is not None]
    listed = ", ".join(f"{name} {loss:.3f}" for name, loss in losses)
    return f"{size.name} {optimizer}: mean loss after {size.epochs * size.steps} steps: {listed}"
