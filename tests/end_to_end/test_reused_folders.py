"""A folder that is given twice: the same command joins, another is refused and changes nothing."""

import os
from pathlib import Path

import pytest

from tests.end_to_end.command_line import FEW_POINTS, NOT_TRACKED, plugin, run, succeeded

SETTINGS = (*FEW_POINTS, "training.epochs=1", "model.hidden=[4]", NOT_TRACKED)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run(tmp_path: Path) -> None:
    command = (*SETTINGS, "hydra.run.dir=here")
    succeeded(run(*command, folder=tmp_path))
    before = contents(tmp_path / "here")
    assert Path(tmp_path, "here", ".hydra", "overrides.yaml") in before
    other = run(*command, "seed=1", folder=tmp_path)
    assert other.status == 1
    assert "here holds another run: adam-seed0 (done)" in other.err
    assert contents(tmp_path / "here") == before
    assert "is finished already" in succeeded(run(*command, folder=tmp_path)).out


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        pytest.param((), id="stacked"),
        pytest.param(("hydra/launcher=basic",), id="basic"),
        pytest.param(("hydra/sweeper=basic",), id="basic sweeper"),
        pytest.param(("hydra/launcher=basic", "hydra/sweeper=basic"), id="basic throughout"),
        pytest.param(
            ("hydra/launcher=joblib",), id="joblib", marks=plugin("hydra-joblib-launcher")
        ),
    ],
)
def test_a_sweep(how: tuple[str, ...], tmp_path: Path) -> None:
    command = ("-m", *SETTINGS, "hydra.sweep.dir=here", *how)
    assert run(*command, "seed=0,1,2", folder=tmp_path).status == 0
    before = contents(tmp_path / "here")
    for other in ("seed=0,1", "seed=3,4,5"):
        refused = run(*command, other, folder=tmp_path)
        assert refused.status == 1
        assert "of another sweep" in refused.err
        assert "adam-seed2 in 2" in refused.err
        assert contents(tmp_path / "here") == before
    again = run(*command, "seed=0,1,2", folder=tmp_path)
    assert again.status == 0, again.err


@pytest.mark.slow
def test_a_tuned_comparison_trains_anew_in_its_own_folder(tmp_path: Path) -> None:
    command = (
        "-m", *SETTINGS, "hydra.sweep.dir=here", "hydra/sweeper=tune_then_compare",
        "optimizer=sgd,adam", "hydra.sweeper.budget=2", "hydra.sweeper.widenings=0",
        "hydra.sweeper.tuning_seeds=100",
    )  # fmt: skip
    seeds = "hydra.sweeper.reporting_seeds=0-1"
    first = succeeded(run(*command, seeds, folder=tmp_path)).records()
    for _ in range(2):
        again = succeeded(run(*command, seeds, "rerun=true", folder=tmp_path)).records()
        assert [record.folder for record in again] == [record.folder for record in first]
        assert {record.uid for record in again}.isdisjoint(record.uid for record in first)
        first = again
    before = contents(tmp_path / "here")
    other = run(*command, "hydra.sweeper.reporting_seeds=0-2", folder=tmp_path)
    assert other.status == 1
    assert "of another sweep" in other.err
    assert contents(tmp_path / "here") == before


def test_a_pipe_in_the_place_of_a_sweeps_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    os.mkfifo(tmp_path / "here" / "multirun.yaml")
    refused = run("-m", *SETTINGS, "hydra.sweep.dir=here", "seed=0,1", folder=tmp_path)
    assert refused.status == 1
    assert "here/multirun.yaml would be overwritten" in refused.err
    assert "it is a pipe, not a file" in refused.err
