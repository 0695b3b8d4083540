"""Sweeps killed at random moments, again and again, end as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.command_line import RUN, environment, run, tracked
from tests.faults.sweeps import assert_complete, newest_sweep, sweep, undisturbed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

LONGEST = 3.5  # seconds after which a command is killed at the latest


@dataclass
class Killer:
    """Gives a command again and again, and kills it at random moments.

    What is killed is the launcher alone, the launcher with all its processes at once, or one of
    those, be it a worker or the one that publishes: then the launcher must cope, and is killed
    a moment later.
    """

    arguments: tuple[str, ...]
    folder: Path
    seed: int
    kills: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("launcher", "all at once", "child"), 0)
    )
    ended: int = 0

    def attack(self, times: int) -> None:
        """Kill until there were so many kills, or the sweep has ended in spite of them."""
        chance = random.Random(self.seed)
        while sum(self.kills.values()) < times and not self.ended:
            with (self.folder / "attacked.log").open("a") as log:
                process = subprocess.Popen(
                    [sys.executable, RUN, *self.arguments],
                    cwd=self.folder,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            try:
                self._kill(process, chance)
            finally:
                self._end(process)

    def _kill(self, process: subprocess.Popen[bytes], chance: random.Random) -> None:
        if chance.random() < 0.3 and self._ran(process, chance.uniform(1.0, LONGEST)):
            children = psutil.Process(process.pid).children(recursive=True)
            if children:
                chance.choice(sorted(children, key=lambda child: child.pid)).kill()
                self.kills["child"] += 1
        if not self._ran(process, chance.uniform(0.0, LONGEST)):
            self.ended += 1
            assert process.returncode == 0, (self.folder / "attacked.log").read_text()[-3000:]
        elif chance.random() < 0.5:
            process.kill()
            self.kills["launcher"] += 1
        else:
            os.killpg(process.pid, signal.SIGKILL)
            self.kills["all at once"] += 1

    @staticmethod
    def _ran(process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Wait; return whether the command is still running."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()


def assert_survives(arguments: tuple[str, ...], folder: Path, kills: int, seed: int) -> None:
    """Kill a sweep so often, or one after the other where they end before; check each."""
    reference = undisturbed(arguments, folder / "undisturbed")
    left = kills
    while left > 0:
        attacked = folder / f"{left} kills to go"
        attacked.mkdir()
        command = (*arguments, tracked(attacked))
        killer = Killer(command, attacked, seed + left)
        began = time.monotonic()
        killer.attack(left)
        finished = run(*command, folder=attacked)
        counted = ", ".join(f"{count} {what}" for what, count in killer.kills.items())
        print(
            f"seed {seed + left}: {len(reference)} runs, {sum(killer.kills.values())} kills "
            f"({counted}) in {time.monotonic() - began:.0f} s"
        )
        assert finished.status == 0, finished.out + finished.err
        assert not left_behind(attacked), "processes outlive the sweep"
        assert_complete(newest_sweep(attacked), reference, attacked / "mlflow.db")
        assert not list((attacked / ".cache" / "checkpoints").glob("*/*")), "left behind"
        left -= sum(killer.kills.values())


def left_behind(folder: Path) -> list[psutil.Process]:
    """Return the processes that still work in a folder when they have had time to end."""
    own = [
        process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)
    ]
    _, alive = psutil.wait_procs(own, timeout=100)
    return [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_a_few_kills(tmp_path: Path) -> None:
    arguments = sweep("sgd,adam", seeds=2, epochs=200, hidden="[128]")
    assert_survives(arguments, tmp_path, kills=3, seed=0)


@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_fifty_kills(tmp_path: Path) -> None:
    arguments = sweep("sgd,adagrad,rmsprop,adam", seeds=6, epochs=500, hidden="[512,256]")
    assert_survives(arguments, tmp_path, kills=50, seed=random.randrange(10**6))
