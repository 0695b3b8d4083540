"""A folder that holds other runs is refused; one that holds the same runs is written to again."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.runs.execution import Execution
from experiments.runs.find import find_runs
from experiments.runs.identity import Identity
from experiments.runs.job import Job
from experiments.runs.occupied import at_their_places, refuse_other_run, refuse_other_sweep
from tests.experiments.runs.test_execute import DATASET
from tests.experiments.small_runs import execute_jobs, make_small_job


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(seed: int, folder: str) -> Job:
    return make_small_job(Path(folder), seed=seed)


def identity(seed: int) -> Identity:
    return Execution(job(seed, "unused"), DATASET).identity


@pytest.fixture
def trained() -> Path:
    """A run of seed 0."""
    (folder,) = execute_jobs([job(0, "run")], DATASET)
    return folder


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def killed() -> Path:
    """What a killed run of seed 0 leaves."""

    def kill(epoch: int, losses: object) -> None:
        if epoch == 3:
            raise Killed

    small = make_small_job(Path("killed"), seed=0, training__epochs=4, checkpoint__seconds=0)
    with pytest.raises(Killed):
        list(execute_jobs([small], DATASET, kill))
    assert (small.folder / "progress.json").exists()
    return small.folder


def test_the_same_run_may_be_written_again(trained: Path) -> None:
    refuse_other_run(trained, identity(0))
    refuse_other_run(Path("nowhere"), identity(0))


def test_another_run_is_refused_by_its_name_its_command_and_a_cure(trained: Path) -> None:
    with pytest.raises(UserError) as refused:
        refuse_other_run(trained, identity(1))
    message = str(refused.value)
    assert message.startswith("run holds another run: sgd-seed0 (done), trained by `")
    assert "the configuration has changed" in message
    assert "hydra.run.dir=FOLDER" in message


def test_runs_below_a_runs_folder_are_refused() -> None:
    """A comparison of the folder would count them with the run."""
    list(execute_jobs([job(seed, f"sweep/{seed}") for seed in (0, 1)], DATASET))
    with pytest.raises(UserError, match=r"sweep holds 2 runs \(sgd-seed0 in 0, sgd-seed1 in 1\)"):
        refuse_other_run(Path("sweep"), identity(2))


def test_what_differs_may_be_the_data(trained: Path) -> None:
    other = dataclasses.replace(identity(0), data="other data")
    with pytest.raises(UserError, match="the data have changed"):
        refuse_other_run(trained, other)


def test_progress_of_another_run_is_refused(killed: Path) -> None:
    with pytest.raises(UserError, match=r"holds another run: sgd-seed0 \(running\)"):
        refuse_other_run(killed, identity(1))


def test_a_damaged_record_is_trained_again(trained: Path) -> None:
    record = trained / "record.json"
    record.write_bytes(record.read_bytes()[:-2])
    refuse_other_run(trained, identity(0))
    (trained / "config.yaml").write_bytes(b"{")
    refuse_other_run(trained, identity(0))


@pytest.mark.parametrize("files", [1, 2, 4])
def test_a_record_whose_writing_was_cut_short_is_completed(trained: Path, files: int) -> None:
    written = ["config.yaml", "metrics.csv", "weights.npz", "preprocessing.json"][:files]
    for path in trained.iterdir():
        if path.name not in written:
            path.unlink()
    refuse_other_run(trained, identity(0))
    with pytest.raises(UserError, match=r"holds config\.yaml"):
        refuse_other_run(trained, identity(1))


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "weights.npz", "record.json"])
@pytest.mark.parametrize("content", ["a: 1\n", "- 1\n", "{", "\0"])
def test_a_users_own_file_is_not_overwritten(name: str, content: str) -> None:
    folder = Path("mine")
    folder.mkdir()
    (folder / name).write_text(content)
    with pytest.raises(UserError, match=f"mine holds {name}, which the run would overwrite"):
        refuse_other_run(folder, identity(0))


def test_a_users_files_of_other_names_do_no_harm() -> None:
    folder = Path("mine")
    (folder / "0").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    refuse_other_run(folder, identity(0))
    refuse_other_sweep(folder, at_their_places({}), {})


SWEEP = {"multirun.yaml": "hydra:\n  run: here\nseed: 0\n"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hydra:\n  run: {", r"cannot be read: .*line 3, column 1"),
        (b"\xff\xfe\x00a", "cannot be read"),
        (b"", "has other keys"),
        (b"- 1\n", "has other keys"),
        (b"hydra: {}\nsteps: 3\n", "has other keys"),
        (None, "cannot be read: it is a folder, not a file"),
    ],
)
def test_a_file_that_no_sweep_has_written_is_not_overwritten(
    content: bytes | None, why: str
) -> None:
    file = Path("mine/multirun.yaml")
    file.parent.mkdir()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(UserError, match=rf"^mine/multirun\.yaml would be overwritten.*{why}"):
        refuse_other_sweep(Path("mine"), at_their_places({}), SWEEP)


def test_the_file_of_a_sweep_that_has_no_runs_yet_is_overwritten() -> None:
    Path("mine").mkdir()
    refuse_other_sweep(Path("mine"), at_their_places({}), SWEEP)
    Path("mine/multirun.yaml").write_text("seed: 1\nhydra: {}\n")
    refuse_other_sweep(Path("mine"), at_their_places({}), SWEEP)


def test_a_damaged_file_beside_the_sweeps_own_runs_is_overwritten() -> None:
    list(execute_jobs([job(0, "sweep/0")], DATASET))
    Path("sweep/multirun.yaml").write_bytes(b"\xff")
    refuse_other_sweep(Path("sweep"), at_their_places({Path("sweep/0"): identity(0)}), SWEEP)


def test_a_sweep_may_have_some_or_all_of_its_runs_in_its_folder() -> None:
    jobs = [job(seed, f"sweep/{seed}") for seed in (0, 1)]
    places = {Path(f"sweep/{seed}"): identity(seed) for seed in (0, 1, 2)}
    refuse_other_sweep(Path("sweep"), at_their_places(places), {})
    list(execute_jobs(jobs, DATASET))
    refuse_other_sweep(Path("sweep"), at_their_places(places), {})


def test_a_run_that_the_sweep_does_not_have_is_refused() -> None:
    list(execute_jobs([job(seed, f"sweep/{seed}") for seed in (0, 1, 2)], DATASET))
    fewer = {Path(f"sweep/{seed}"): identity(seed) for seed in (0, 1)}
    with pytest.raises(UserError) as refused:
        refuse_other_sweep(Path("sweep"), at_their_places(fewer), {})
    message = str(refused.value)
    assert message.startswith("sweep holds 1 run of another sweep (sgd-seed2 in 2), trained by `")
    assert "hydra.sweep.dir=FOLDER" in message


def test_the_sweeps_runs_at_other_places_are_refused() -> None:
    list(execute_jobs([job(seed, f"sweep/{seed}") for seed in (0, 1)], DATASET))
    swapped = {Path("sweep/0"): identity(1), Path("sweep/1"): identity(0)}
    with pytest.raises(UserError, match="2 runs of another sweep"):
        refuse_other_sweep(Path("sweep"), at_their_places(swapped), {})


def test_runs_are_found_in_whatever_state(trained: Path, killed: Path) -> None:
    """Damaged ones are not: they will be trained again."""
    assert [run.status for run in find_runs(".")] == ["running", "done"]
    shutil.copytree(trained, "copy")
    Path("copy/record.json").write_text(json.dumps({}))
    assert [run.folder.name for run in find_runs(".")] == ["killed", "run"]
    assert find_runs("nowhere") == []
