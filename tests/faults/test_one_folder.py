"""Many launchers of one sweep over one folder: nothing is trained twice, and nothing is damaged."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from experiments.runs.find import find_records
from experiments.runs.owners import OWNER
from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    RUN,
    Finished,
    assert_same_bits,
    environment,
    run,
)
from tests.faults.sweeps import sweep, undisturbed

RUNS = (*sweep("sgd,adam", seeds=3, epochs=40, hidden="[32]"), *FEW_POINTS, NOT_TRACKED)
HERE = "hydra.sweep.dir=here"


def launched(arguments: tuple[str, ...], launchers: int, seed: int, folder: Path) -> list[Finished]:
    """Give the same command many times, at random distances of up to half a second."""
    chance = random.Random(seed)
    waits = [chance.uniform(0, 0.5) for _ in range(launchers)]

    def launch(number: int) -> Finished:
        time.sleep(sum(waits[: number + 1]))
        return run(*arguments, folder=folder)

    with ThreadPoolExecutor(launchers) as pool:
        return list(pool.map(launch, range(launchers)))


def assert_whole(folder: Path, reference: dict[str, Record]) -> dict[str, Record]:
    """Check that a sweep's folder has each run once, whole, and all that belongs to a sweep."""
    runs = {record.name: record for record in find_records(folder)}
    assert runs.keys() == reference.keys()
    for name, record in runs.items():
        assert record.is_whole, name
        assert_same_bits(record, reference[name])
        assert (record.folder / "run.log").read_text().splitlines()[-1].startswith(record.status)
        for file in ("config.yaml", "hydra.yaml", "overrides.yaml"):
            assert yaml.safe_load((record.folder / ".hydra" / file).read_text()), (name, file)
    assert "hydra" in yaml.safe_load((folder / "multirun.yaml").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    assert {record.sweep for record in runs.values()} == {summary["sweep"]}
    assert len((folder / "comparison.csv").read_text().splitlines()) == 3
    assert "adam" in (folder / "comparison.md").read_text()
    assert (folder / "comparison.png").read_bytes().endswith(b"IEND\xaeB`\x82")
    assert not list(folder.glob(".*")), "a token, or the file of an owner"
    return runs


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("launchers", "seed"),
    [
        pytest.param(8, 0, marks=pytest.mark.slow),
        pytest.param(50, 1, marks=pytest.mark.thorough),
    ],
)
def test_the_same_sweep_many_times(tmp_path: Path, launchers: int, seed: int) -> None:
    reference = undisturbed(RUNS, tmp_path / "undisturbed")
    ended = launched((*RUNS, HERE), launchers, seed, tmp_path)
    for one in ended:
        assert one.status == 0, one.out + one.err
        assert one.err == ""
        assert "6 done · records and comparison in here" in one.out
    runs = assert_whole(tmp_path / "here", reference)
    assert not list((tmp_path / "here").rglob("*.tmp"))
    trained = [one for one in ended if "are finished already" not in one.out]
    assert len(trained) == 1, "every run was trained once, by one command"
    assert len({record.uid for record in runs.values()}) == len(runs)


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A launcher whose training takes long and that owns the folder."""
    process = subprocess.Popen(
        [sys.executable, RUN, *LONG, HERE],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any((folder / "here").glob("*/progress.json")), process)
        yield process
    finally:
        process.kill()
        process.wait()


LONG = (
    *sweep("sgd,adam", seeds=1, epochs=3000, hidden="[32]"),
    *FEW_POINTS,
    NOT_TRACKED,
)


def wait_until(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if what():
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("not seen in two minutes")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="signals as POSIX has them")
def test_a_stopped_launcher_is_waited_for_and_a_killed_one_is_not(tmp_path: Path) -> None:
    reference = undisturbed(LONG, tmp_path / "undisturbed")
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        with (tmp_path / "out").open("w") as out:
            waiting = subprocess.Popen(
                [sys.executable, RUN, *LONG, HERE],
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
            )
        told = tmp_path / "out"
        wait_until(lambda: "waiting" in told.read_text(), waiting)
        assert f"waiting for process {process.pid} on " in told.read_text()
        assert (tmp_path / "here" / OWNER).exists()
        process.kill()
        process.wait()
        assert waiting.wait(timeout=240) == 0
    assert "resume from their last checkpoint" in told.read_text()
    assert_whole(tmp_path / "here", reference)


@pytest.mark.slow
def test_another_sweep_is_refused_while_the_first_trains(tmp_path: Path) -> None:
    with holder(tmp_path):
        other = run(*LONG, HERE, "training.epochs=2", folder=tmp_path)
    assert other.status == 1
    assert "here holds 2 runs of another sweep" in other.err
