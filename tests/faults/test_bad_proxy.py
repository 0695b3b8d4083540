"""A server behind a proxy that fails part of the time is got through."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.command_line import run, script
from tests.experiments.tracking.server import served
from tests.faults.proxy import bad_proxy
from tests.faults.sweeps import assert_published_once, newest_sweep, sweep

RUNS = (*sweep("sgd,adam", seeds=4, epochs=5, hidden="[8]"), "dataset=moons")
_A_RUN = 13  # requests, if none fails: find, create, two batches, data, seven files, end


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(1, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(2, 12)),
    ],
)
def test_every_run_is_published_once_by_a_bounded_number_of_requests(
    tmp_path: Path, seed: int
) -> None:
    database = tmp_path / "mlflow.db"
    with (
        served(f"sqlite:///{database}", tmp_path) as server,
        bad_proxy(server, seed) as proxy,
    ):
        finished = run(*RUNS, f"tracking.uri={proxy.address}", folder=tmp_path / "sweep")
        in_sweep, failed = proxy.asked.total(), proxy.failed.total()
        again = script("publish.py", "multirun", "--models", "none", folder=tmp_path / "sweep")
        in_publish = proxy.asked.total() - in_sweep
    print(f"seed {seed}: {in_sweep} requests, of which {failed} failed; then {in_publish}")
    print(proxy.asked.most_common(12), proxy.failed)
    assert finished.status == 0, finished.out + finished.err
    assert "not published" not in finished.out
    runs = newest_sweep(tmp_path / "sweep")
    assert len(runs) == 8
    assert_published_once(runs, database)
    assert failed > in_sweep / 5
    # What fails is repeated, and a run that may have been created is looked for.
    assert in_sweep <= 2 * (8 * _A_RUN + 20)
    assert again.status == 0, again.err
    assert "8 published before" in again.out
    assert in_publish <= 20
