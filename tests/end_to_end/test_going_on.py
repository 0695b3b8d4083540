"""The same command again: what is finished is not trained again, what was killed goes on."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    ROOT,
    RUN,
    Finished,
    assert_same_bits,
    environment,
    in_background,
    python,
    run,
    succeeded,
    tracked,
    uri,
)

SWEEP = ("-m", "optimizer=sgd,adam", "seed=0,1", *FEW_POINTS, "model.dropout=0.1")
SHORT = (*SWEEP, "training.epochs=4", NOT_TRACKED)
LONG = (*SWEEP, "training.epochs=1500", "checkpoint.seconds=0.2", NOT_TRACKED)


def sweeps(folder: Path) -> list[Path]:
    return sorted(folder.glob("multirun/*/*"), key=lambda path: path.stat().st_mtime)


def last(folder: Path) -> dict[str, Record]:
    """The records of the last sweep, by name."""
    found = [Record.read(path.parent) for path in sweeps(folder)[-1].glob("*/record.json")]
    return {record.name: record for record in found}


def trained(folder: Path) -> int:
    """How many runs were trained in a folder: copies of a record are one run."""
    return len({record.uid for record in Finished(0, "", "", folder).records()})


def assert_same_runs(found: dict[str, Record], expected: dict[str, Record]) -> None:
    assert found.keys() == expected.keys()
    for name, record in found.items():
        assert record.status == "done"
        assert_same_bits(record, expected[name])


def test_the_same_sweep_again(tmp_path: Path) -> None:
    first = succeeded(run(*SHORT, folder=tmp_path))
    assert "finished already" not in first.out
    before = last(tmp_path)
    again = succeeded(run(*SHORT, folder=tmp_path))
    assert (
        "4 of 4 runs are finished already and are not trained again (rerun=true retrains them)"
        in again.out
    )
    assert trained(tmp_path) == 4
    assert_same_runs(last(tmp_path), before)
    tables = [(path / "comparison.csv").read_bytes() for path in sweeps(tmp_path)]
    assert tables[0] == tables[1]
    assert {record.sweep for record in last(tmp_path).values()} == {
        record.sweep for record in before.values()
    }
    more = succeeded(run(*SHORT, "seed=0,1,2", folder=tmp_path))
    assert "4 of 6 runs are finished already" in more.out
    assert trained(tmp_path) == 6
    assert len(last(tmp_path)) == 6


@pytest.mark.slow
def test_rerun_trains_anew(tmp_path: Path) -> None:
    succeeded(run(*SHORT, folder=tmp_path))
    before = last(tmp_path)
    anew = succeeded(run(*SHORT, "rerun=true", folder=tmp_path))
    assert "finished already" not in anew.out
    assert "retrained:" not in anew.out
    assert trained(tmp_path) == 8
    assert_same_runs(last(tmp_path), before)
    one = ("optimizer=sgd", "seed=0", *FEW_POINTS, "model.dropout=0.1", "training.epochs=4")
    single = succeeded(run(*one, NOT_TRACKED, folder=tmp_path))
    assert "sgd-seed0 is finished already, trained on " in single.out
    assert "best at epoch" in single.out
    assert trained(tmp_path) == 8
    single = succeeded(run(*one, "rerun=true", NOT_TRACKED, folder=tmp_path))
    assert "finished already" not in single.out
    assert trained(tmp_path) == 9


@pytest.mark.slow
def test_under_hydras_own_launcher(tmp_path: Path) -> None:
    succeeded(run(*SHORT, folder=tmp_path))
    before = last(tmp_path)
    basic = run(*SHORT, "hydra/launcher=basic", folder=tmp_path)
    assert basic.status == 0, basic.err
    assert basic.out.count("is finished already") == 4
    assert trained(tmp_path) == 4
    assert_same_runs(last(tmp_path), before)


@pytest.mark.slow
def test_an_identical_sweep_is_one_in_mlflow(tmp_path: Path) -> None:
    command = (*SWEEP, "training.epochs=4", tracked(tmp_path))
    for _ in range(2):
        succeeded(run(*command, folder=tmp_path))
    client = MlflowClient(uri(tmp_path))
    experiment = client.get_experiment_by_name("descent").experiment_id
    runs = client.search_runs([experiment], "tags.kind = 'run'")
    assert len(runs) == 4
    assert {run.info.status for run in runs} == {"FINISHED"}
    for published in runs:
        points = client.get_metric_history(published.info.run_id, "val/loss")
        assert sorted(point.step for point in points) == list(range(5))
    assert len(client.search_runs([experiment], "tags.kind = 'comparison'")) == 1


@pytest.mark.slow
def test_changed_code_and_data_say_why(tmp_path: Path) -> None:
    """On a copy of the project, whose code may be changed."""
    project = tmp_path / "project"
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(RUN, project)
    table = project / "table.csv"
    rows = [f"{x},{y},{'yes' if x > y else 'no'}" for x in range(8) for y in range(8)]
    table.write_text("x,y,more\n" + "\n".join(rows) + "\n")
    command = (
        project / "run.py", "-m", "seed=0,1", "dataset=csv", "dataset.path=table.csv",
        "dataset.target=more", "training.epochs=2", NOT_TRACKED,
    )  # fmt: skip

    def again() -> Finished:
        here = {"PYTHONPATH": str(project / "src")}
        return succeeded(python(*command, folder=project, env=here))

    assert "retrained" not in again().out
    assert "2 of 2 runs are finished already" in again().out

    with (project / "src" / "nn" / "normal.py").open("a") as source:
        source.write("# a remark\n")
    assert "2 of 2 runs are retrained: the code that trains has changed\n" in again().out
    assert "2 of 2 runs are finished already" in again().out

    table.write_text("x,y,more\n" + "\n".join(reversed(rows)) + "\n")
    assert "2 of 2 runs are retrained: the data have changed\n" in again().out
    assert "2 of 2 runs are finished already" in again().out
    assert trained(project) == 6


def test_the_identity_beside_the_configuration(tmp_path: Path) -> None:
    settings = (*FEW_POINTS, "training.epochs=2")
    unknown = succeeded(run("--cfg", "job", *settings, folder=tmp_path))
    assert unknown.out.endswith(
        "# identity: unknown until the data have been loaded for the first time\n"
    )
    record = succeeded(run(*settings, NOT_TRACKED, folder=tmp_path)).record()
    shown = succeeded(run("--cfg", "job", *settings, folder=tmp_path))
    assert shown.out.splitlines()[-1] == f"# identity: {record.identity}"
    wrong = succeeded(run("--cfg", "job", "optimizer.lr=-1", folder=tmp_path))
    assert "# identity: unknown: optimizer.lr must be" in wrong.out.splitlines()[-1]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    succeeded(run(*LONG, folder=folder))
    return last(folder)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(0, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 6)),
    ],
)
def test_killed_again_and_again(
    seed: int, uninterrupted: dict[str, Record], tmp_path: Path
) -> None:
    chance = random.Random(seed)
    for _ in range(3):
        process = in_background(*LONG, folder=tmp_path)
        time.sleep(chance.uniform(1.5, 5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    finished = run(*LONG, folder=tmp_path)
    assert finished.status == 0, finished.err
    assert_same_runs(last(tmp_path), uninterrupted)
    assert not list(tmp_path.glob(".cache/checkpoints/*"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_single_run_that_was_interrupted_goes_on(
    number: int, uninterrupted: dict[str, Record], tmp_path: Path
) -> None:
    """From the very epoch, though no checkpoint was due."""
    command = (
        "optimizer=adam", "seed=1", *FEW_POINTS, "model.dropout=0.1",
        "training.epochs=1500", "checkpoint.seconds=1000", NOT_TRACKED,
    )  # fmt: skip
    process = in_background(*command, folder=tmp_path)
    while not list(tmp_path.glob(".cache/datasets/moons*")):
        time.sleep(0.05)
    used = psutil.Process(process.pid).cpu_times
    loaded = used().user
    while process.poll() is None and used().user < loaded + 0.25:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 128 + number, out + err
    if "interrupted" not in out:
        pytest.fail(f"it ended before it was interrupted: {out}")
    interrupted = Finished(0, out, err, tmp_path).record()
    epochs = len(interrupted.metrics()["epoch"]) - 1
    assert 0 < epochs < 1500
    again = succeeded(run(*command, folder=tmp_path))
    assert "resuming from the last checkpoint" in again.out
    (done,) = [r for r in again.records() if r.status == "done"]
    assert done.data["resumed"] == [epochs]
    assert done.uid == interrupted.uid
    assert_same_bits(done, uninterrupted["adam-seed1"])


@pytest.mark.slow
def test_launchers_of_the_same_sweep_at_once(tmp_path: Path) -> None:
    """Each run is trained by one of them, which the others wait for, and is one in MLflow."""
    command = (*SWEEP, "training.epochs=400", tracked(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        launched = [pool.submit(run, *command, folder=tmp_path) for _ in range(4)]
        ended = [future.result() for future in launched]
    assert [finished.status for finished in ended] == [0] * 4, [e.err for e in ended]
    by_name: dict[str, list[Record]] = {}
    for record in ended[0].records():
        by_name.setdefault(record.name, []).append(record)
    assert {len(found) for found in by_name.values()} == {4}
    for found in by_name.values():
        assert len({record.uid for record in found}) == 1
        for other in found[1:]:
            assert_same_bits(found[0], other)
    assert len({record.sweep for found in by_name.values() for record in found}) == 1
    client = MlflowClient(uri(tmp_path))
    experiment = client.get_experiment_by_name("descent")
    assert experiment is not None
    published = client.search_runs([experiment.experiment_id], "tags.kind = 'run'")
    assert sorted(found.info.run_name for found in published) == sorted(by_name)
    last_one = succeeded(run(*command, folder=tmp_path))
    assert "4 of 4 runs are finished already" in last_one.out
    assert trained(tmp_path) == 4


@pytest.mark.slow
@pytest.mark.parametrize("again", [(), ("-m", "seed=0,1")], ids=["run", "sweep"])
def test_a_command_waits_for_another_and_goes_on_if_that_is_killed(
    tmp_path: Path, again: tuple[str, ...]
) -> None:
    command = (*FEW_POINTS, "training.epochs=20000", "checkpoint.seconds=0.2", NOT_TRACKED)
    first = subprocess.Popen(
        [sys.executable, RUN, "-m", "seed=0,1", *command],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 200
        written = ".cache/checkpoints/*/epoch-*.checkpoint"
        while len({file.parent for file in tmp_path.glob(written)}) < 2:
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGSTOP)  # it trains no more, and has not ended
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(run, *again, *command, folder=tmp_path)
            try:
                time.sleep(4)
                assert not waiting.done(), waiting.result()
            finally:
                os.killpg(first.pid, signal.SIGKILL)
            second = succeeded(waiting.result())
    finally:
        first.kill()
        first.wait()
    assert "waiting for another command, which trains " in second.out
    records = [record for record in second.records() if record.status == "done"]
    assert len(records) == max(1, 2 * bool(again))
    assert all(record.data["resumed"] for record in records)


def test_a_run_that_a_sweep_has_twice_is_trained_once(tmp_path: Path) -> None:
    sweep = ("-m", "optimizer.lr=0.01,0.010,0.02", *FEW_POINTS, "training.epochs=3", NOT_TRACKED)
    finished = succeeded(run(*sweep, folder=tmp_path))
    assert "waiting" not in finished.out
    assert "3 done" in finished.out
    records = finished.records()
    assert len(records) == 3
    assert len({record.uid for record in records}) == 2


@pytest.mark.slow
def test_a_module_of_ones_own_counts(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nfrom nn import SGD\n\n"
        "@dataclass(frozen=True)\nclass Mine(SGD):\n    pass\n"
    )
    command = ("optimizer=sgd", "optimizer._target_=mine.Mine", *FEW_POINTS,
               "training.epochs=2", NOT_TRACKED)  # fmt: skip
    succeeded(run(*command, folder=tmp_path))
    assert "finished already" in succeeded(run(*command, folder=tmp_path)).out
    with (tmp_path / "mine.py").open("a") as file:
        file.write("# changed\n")
    anew = succeeded(run(*command, folder=tmp_path)).out
    assert re.search(r"^retraining: the module mine has changed$", anew, re.M)
