"""How many stacks workers are given at a time."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.sweeps import workers as workers_module
from experiments.sweeps.backends.shared_board import SharedBoard
from experiments.sweeps.workers import Workers


class Idle:
    """A backend whose calls end when a test says so."""

    count = 3

    def __init__(self) -> None:
        self.out: list[Future[Any]] = []

    def board(self, runs: int) -> SharedBoard:
        return SharedBoard.create(runs)

    def submit(self, *_: object) -> Future[Any]:
        self.out.append(Future())
        return self.out[-1]

    def result(self, future: Future[Any]) -> Any:
        return future.result()


@pytest.mark.parametrize(
    ("spared", "most"),
    [(0, [6, 6, 6, 5, 4, 3, 2, 1]), (1, [2] * 7 + [1]), (3, [1] * 8)],
    ids=["two for each worker", "one worker is spared at first", "all but one are"],
)
def test_all_stacks_are_given_a_few_at_a_time(
    spared: int, most: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_SPARED_FOR", 60.0)
    backend, runs = Idle(), 16
    job = SimpleNamespace(folder=tmp_path)
    executions: Any = [SimpleNamespace(job=job, identity=None)] * runs
    stacks = [[position, position + 1] for position in range(0, runs, 2)]
    outstanding = []

    def end_one() -> None:
        outstanding.append(len(backend.out))
        backend.out.pop(0).set_result({})

    with Workers(backend, tmp_path, executions, stacks, pytest.fail, spared=spared) as workers:  # type: ignore[arg-type]
        ended = workers.finished(lambda: end_one() if backend.out else None)
        assert sorted(ended) == list(range(runs))
    assert outstanding == most


def test_all_workers_are_used_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "_SPARED_FOR", 0.15)
    backend = Idle()
    executions: Any = [SimpleNamespace(job=SimpleNamespace(folder=tmp_path), identity=None)] * 4
    outstanding = []

    def end_all_when_all_are_out() -> None:
        outstanding.append(len(backend.out))
        assert len(outstanding) < 100
        if len(backend.out) == 4:
            while backend.out:
                backend.out.pop().set_result({})

    with Workers(
        backend,  # type: ignore[arg-type]
        tmp_path,
        executions,
        [[0], [1], [2], [3]],
        pytest.fail,
        spared=2,
    ) as workers:
        assert sorted(workers.finished(end_all_when_all_are_out)) == [0, 1, 2, 3]
    assert outstanding[0] == 1
    assert 4 in outstanding
