"""Many sweeps started at the same instant, with no database yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.command_line import run, tracked
from tests.faults.sweeps import assert_published_once, newest_sweep, sweep


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "launchers",
    [pytest.param(6, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.thorough)],
)
def test_launchers_share_one_new_database(tmp_path: Path, launchers: int) -> None:
    def launch(number: int) -> tuple[int, str]:
        few = sweep("sgd,adam", seeds=1, epochs=2, hidden="[8]")
        arguments = (*few, "dataset=moons", f"dataset.seed={number}")
        finished = run(
            *arguments,
            tracked(tmp_path),
            "hydra.launcher.n_jobs=1",
            folder=tmp_path / str(number),
        )
        return finished.status, finished.out + finished.err

    with ThreadPoolExecutor(launchers) as pool:
        ended = list(pool.map(launch, range(launchers)))
    for status, told in ended:
        assert status == 0, told
        assert "warning" not in told, told
        assert "not published" not in told, told
    for number in range(launchers):
        runs = newest_sweep(tmp_path / str(number))
        assert len(runs) == 2
        assert_published_once(runs, tmp_path / "mlflow.db", alone=False)
