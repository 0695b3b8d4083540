"""How many stacks workers are given at a time, and the token that they look for."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.files.locks import hold, is_free
from experiments.workers.pool import Workers
from experiments.workers.shared_board import SharedBoard


class Idle:
    """A backend whose calls end when a test says so."""

    def __init__(self, count: int, *, shares_cores: bool = True) -> None:
        self.count, self.shares_cores = count, shares_cores
        self.out: list[Future[Any]] = []

    def board(self, runs: int) -> SharedBoard:
        return SharedBoard.create(runs)

    def submit(self, *_: object) -> Future[Any]:
        self.out.append(Future())
        return self.out[-1]

    def result(self, future: Future[Any]) -> Any:
        return future.result()


def run_all(
    backend: Idle,
    stacks: list[list[int]],
    folder: Path,
    end_some: Callable[[], None],
    spares_one: Callable[[], bool],
) -> list[int]:
    """Have all stacks trained; return how many were out at a time, whenever it was waited."""
    runs = sum(map(len, stacks))
    execution = SimpleNamespace(job=SimpleNamespace(folder=folder), identity=None)
    out: list[int] = []

    def wait() -> None:
        if backend.out:
            out.append(len(backend.out))
            assert len(out) < 100
            end_some()

    with Workers(
        backend,  # type: ignore[arg-type]
        folder,
        [execution] * runs,  # type: ignore[list-item]
        stacks,
        pytest.fail,
        spares_one=spares_one,
    ) as workers:
        assert sorted(workers.finished(wait)) == list(range(runs))
    return out


@pytest.mark.parametrize(
    ("count", "here", "spares", "most"),
    [
        (3, True, False, [6, 6, 6, 5, 4, 3, 2, 1]),
        (3, True, True, [2] * 7 + [1]),
        (3, False, True, [6, 6, 6, 5, 4, 3, 2, 1]),
        (1, True, True, [2] * 7 + [1]),
    ],
    ids=["two for each worker", "one is spared", "none that is elsewhere", "the last one is not"],
)
def test_all_stacks_are_given_a_few_at_a_time(
    count: int, here: bool, spares: bool, most: list[int], tmp_path: Path
) -> None:
    backend = Idle(count, shares_cores=here)
    stacks = [[position, position + 1] for position in range(0, 16, 2)]
    out = run_all(
        backend, stacks, tmp_path, lambda: backend.out.pop(0).set_result({}), lambda: spares
    )
    assert out == most


def test_all_workers_are_used_when_none_is_spared_any_more(tmp_path: Path) -> None:
    backend = Idle(3)
    asked: list[bool] = []

    def at_first() -> bool:
        asked.append(len(asked) < 3)
        return asked[-1]

    def end_all_when_all_are_out() -> None:
        if len(backend.out) == 4:
            while backend.out:
                backend.out.pop().set_result({})

    out = run_all(backend, [[0], [1], [2], [3]], tmp_path, end_all_when_all_are_out, at_first)
    assert out[0] == 2
    assert 4 in out


def test_a_worker_that_runs_out_of_memory_counts_as_one_that_died(tmp_path: Path) -> None:
    """Its stack is tried again beside others, then alone, then in halves; a run is given up."""
    warnings: list[str] = []
    backend = Idle(1)

    def fail() -> None:
        for future in backend.out[-2:]:
            if not future.done():
                future.set_exception(MemoryError("Unable to allocate 8 TiB"))

    given_up: list[str] = []
    executions = [
        SimpleNamespace(
            job=SimpleNamespace(folder=tmp_path / str(run), name=f"sgd-seed{run}"),
            identity=None,
            give_up=given_up.append,
        )
        for run in range(2)
    ]
    with Workers(
        backend,  # type: ignore[arg-type]
        tmp_path,
        executions,  # type: ignore[arg-type]
        [[0, 1]],
        warnings.append,
    ) as workers:
        assert sorted(workers.finished(fail)) == [0, 1]
    assert warnings[:3] == [
        f"a worker ran out of memory while training 2 runs (sgd-seed0, ...); they are {then}"
        for then in ("retried", "retried alone after all others", "retried in halves")
    ]
    assert len(given_up) == 2
    for message in given_up:
        assert message.startswith("ran out of memory 3 times while nothing else was training: ")


def test_the_token_of_a_killed_launcher_is_cleared_and_that_of_a_living_one_stays(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".shared-left"
    left.touch()
    living = tmp_path / ".shared-living"
    descriptor = hold(living)
    try:
        with Workers(Idle(1), tmp_path, [], [], pytest.fail):  # type: ignore[arg-type]
            (own,) = set(tmp_path.iterdir()) - {living}
            assert own.name.startswith(".shared-")
            assert own != left
            assert not is_free(own)
        assert list(tmp_path.iterdir()) == [living]
    finally:
        os.close(descriptor)
    assert is_free(living)
