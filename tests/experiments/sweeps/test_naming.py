"""A sweep's id: the same for the same runs, and for no others."""

from pathlib import Path

import pytest

from experiments.sweeps.naming import id_by_folder, of_same_command, sweep_id

OVERRIDES = ["optimizer=sgd,adam", "seed=0,1"]
RUNS = ["a" * 64, "b" * 64]


@pytest.mark.parametrize(
    "without_effect",
    [
        "tracking=none",
        "tracking.uri=http://localhost:5000",
        "experiment_name=other",
        "checkpoint.seconds=5",
        "hydra.launcher.n_jobs=1",
        "hydra/launcher=basic",
        "hydra.sweep.dir=here",
        "+hydra.job.name=x",
        "hydra.verbose=true",
    ],
)
def test_what_changes_no_result_does_not_count(without_effect: str) -> None:
    assert sweep_id([*OVERRIDES, without_effect], RUNS) == sweep_id(OVERRIDES, RUNS)


@pytest.mark.parametrize(
    "other", ["training.epochs=3", "hydra.sweeper.budget=9", "hydra/sweeper=tuned", "+x=1"]
)
def test_what_makes_other_runs_does(other: str) -> None:
    assert sweep_id([*OVERRIDES, other], RUNS) != sweep_id(OVERRIDES, RUNS)


def test_other_code_or_data_are_another_sweep() -> None:
    assert sweep_id(OVERRIDES, ["c" * 64, RUNS[1]]) != sweep_id(OVERRIDES, RUNS)


def test_what_is_trained_again_is_another_sweep_of_the_same_command() -> None:
    plain = sweep_id(OVERRIDES, RUNS)
    again = [sweep_id([*OVERRIDES, "rerun=true"], RUNS, rerun=True) for _ in range(2)]
    assert len({plain, *again}) == 3
    assert all(of_same_command(one, plain) and of_same_command(plain, one) for one in again)
    assert not of_same_command(sweep_id(OVERRIDES, RUNS[:1], rerun=True), plain)
    assert not of_same_command(None, plain)
    assert not of_same_command(None, None)


def test_it_is_short_and_plain() -> None:
    assert len(sweep_id([], [])) == 12
    assert sweep_id([], []).isalnum()


def test_by_folder() -> None:
    assert id_by_folder(Path("/a/multirun/2025-03-04/05-06")) == "2025-03-04_05-06"
