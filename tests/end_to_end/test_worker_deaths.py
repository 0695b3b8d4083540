"""Workers that die: their runs are tried again, those at fault given up, the others finish."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from experiments.runs.find import find_records
from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    RUN,
    Finished,
    assert_same_bits,
    environment,
    run,
    succeeded,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them"),
]

KILLER = """
    import os
    import signal
    from dataclasses import dataclass
    from pathlib import Path

    from nn.component import Positive
    from nn.optimizers import SGD


    @dataclass(frozen=True)
    class Killer(SGD):
        \"\"\"SGD that ends the process when its learning rate is above a limit.\"\"\"

        limit: Positive = 1.0
        times: Positive = 1000

        @staticmethod
        def coefficients(h, t):
            if t > 5 and (h.lr > h.limit).any():
                for time in range(int(h.times.max())):
                    try:
                        Path(f"death-{time}").touch(exist_ok=False)
                    except FileExistsError:
                        continue
                    os.kill(os.getpid(), signal.SIGKILL)
            return {"lr": h.lr}
"""

SWEEP = ("-m", "optimizer=killer", "optimizer.lr=0.1,2.0,0.3", "seed=0,1", *FEW_POINTS)
FEW = ("training.epochs=3", NOT_TRACKED)


def killing(folder: Path, *more: str) -> Finished:
    folder.mkdir(exist_ok=True)
    (folder / "killer.py").write_text(textwrap.dedent(KILLER))
    (folder / "my_conf" / "optimizer").mkdir(parents=True)
    text = "_target_: killer.Killer\nlr: 0.1\nlimit: 1.0\n"
    (folder / "my_conf" / "optimizer" / "killer.yaml").write_text(text)
    return run("--config-dir", "my_conf", *SWEEP, *FEW, *more, folder=folder)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """The same sweep where no learning rate is above the limit."""
    folder = tmp_path_factory.mktemp("harmless")
    finished = succeeded(killing(folder, "+optimizer.times=1", "optimizer.limit=9"))
    return {record.name: record for record in finished.records()}


def test_a_worker_that_dies_once_costs_no_run(harmless: dict[str, Record], tmp_path: Path) -> None:
    finished = killing(tmp_path, "+optimizer.times=1")
    assert finished.status == 0
    assert "6 done" in finished.out
    (warning,) = finished.err.splitlines()
    assert warning.startswith("warning: a worker died (SIGKILL, perhaps out of memory)")
    assert warning.endswith("retried")
    records = {record.name: record for record in finished.records()}
    assert records.keys() == harmless.keys()
    for name, record in records.items():
        assert record.status == "done"
        assert_same_bits(record, harmless[name])


def test_runs_that_kill_every_worker_are_given_up(
    harmless: dict[str, Record], tmp_path: Path
) -> None:
    finished = killing(tmp_path)
    assert finished.status == 1
    assert "4 done, 2 failed" in finished.out
    assert "Traceback" not in finished.err
    _, _, end = finished.err.partition("error: ")
    assert end.startswith("2 of 6 runs failed:")
    assert "killed its worker 3 times" in end
    deaths = len(list(tmp_path.glob("death-*")))
    told = [line for line in finished.err.splitlines() if line.startswith("warning: a worker died")]
    assert len(told) == deaths <= 14
    for record in finished.records():
        if "lr2.0" in record.name:
            assert record.status == "failed"
            assert "killed its worker" in (record.folder / "run.log").read_text()
        else:
            assert_same_bits(record, harmless[record.name])


def test_workers_that_always_die_end_the_sweep(tmp_path: Path) -> None:
    """As where a library is broken, or memory is less than one worker needs."""
    finished = killing(tmp_path, "optimizer.lr=range(2,14)", "optimizer.limit=0.01")
    assert finished.status == 1
    assert "Traceback" not in finished.err
    assert "workers died before any run ended" in finished.err
    assert len(list(tmp_path.glob("death-*"))) < 30
    assert len(finished.records()) == 24
    assert {record.status for record in finished.records()} <= {"failed", "interrupted"}


def test_kills_from_outside(tmp_path: Path) -> None:
    """As the system does when memory runs out: any worker, at any time."""
    sweep = ("-m", "seed=range(12)", *FEW_POINTS, "training.epochs=400", NOT_TRACKED)
    calm = succeeded(run(*sweep, folder=tmp_path / "calm"))
    (tmp_path / "shot").mkdir()
    process = subprocess.Popen(
        [sys.executable, RUN, *sweep, "hydra.launcher.n_jobs=3", "hydra.launcher.width=2"],
        cwd=tmp_path / "shot",
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shots = 0
    while process.poll() is None and shots < 2:
        time.sleep(1.5)
        for pid in workers_of(process.pid)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                shots += 1
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    records = find_records(tmp_path / "shot")
    assert [record.status for record in records] == ["done"] * 12
    expected = {record.name: record for record in calm.records()}
    for record in records:
        assert_same_bits(record, expected[record.name])


def workers_of(parent: int) -> list[int]:
    """Processes that train for a launcher, the youngest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            _, _, rest = (folder / "stat").read_text().rpartition(")")
            command = (folder / "cmdline").read_text()
            if int(rest.split()[1]) == parent and "popen_loky" in command:
                found.append(int(folder.name))
    return sorted(found, reverse=True)
