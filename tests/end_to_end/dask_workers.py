"""A Dask scheduler and workers on this machine, each a process with a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.command_line import environment

_PATIENCE = 60.0
_LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


class DaskWorkers:
    """What `dask scheduler` and `dask worker` start when they are typed by hand.

    Parameters
    ----------
    folder : Path
        Each worker works in a folder of its own below.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", cwd=folder)

    @property
    def address(self) -> str:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                return str(json.loads(self._file.read_text())["address"])
            time.sleep(0.1)
        raise AssertionError((self.folder / "scheduler.log").read_text())

    @property
    def options(self) -> list[str]:
        """What the command line of a sweep needs."""
        return ["hydra.launcher.backend=dask", f"hydra.launcher.scheduler={self.address}"]

    def add(self, name: str, *, before: Sequence[str] = (), **more: str) -> Path:
        """Start a worker; return its folder.

        Parameters
        ----------
        name : str
            Of the folder.
        before : sequence of str
            What its command line begins with.
        more
            Environment variables.
        """
        folder = self.folder / name
        folder.mkdir()
        self._workers[name] = self._start(
            "worker", "--nthreads", "1", "--local-directory", str(folder / "scratch"),
            cwd=folder, before=before, **more,
        )  # fmt: skip
        return folder

    def _start(
        self, what: str, *arguments: str, cwd: Path, before: Sequence[str] = (), **more: str
    ) -> subprocess.Popen[bytes]:
        command = [*before, sys.executable, "-m", "dask", what, *_LOCAL, *arguments]
        with (cwd / f"{what}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--scheduler-file", str(self._file)],
                cwd=cwd,
                env=environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def kill(self, name: str) -> int:
        """Kill the process in which a worker trains; its nanny, as Dask says, starts another.

        Returns
        -------
        int
            How many were killed: 1, unless it was just being started.
        """
        killed = 0
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                _, _, rest = (place / "stat").read_text().rpartition(")")
                of_nanny = int(rest.split()[1]) == self._workers[name].pid
                if of_nanny and "spawn_main" in (place / "cmdline").read_text():
                    os.kill(int(place.name), signal.SIGKILL)
                    killed += 1
        return killed

    def kill_whole(self, name: str) -> None:
        """Kill a worker and its nanny."""
        self._kill(self._workers[name])

    def kill_scheduler(self) -> None:
        self._kill(self.scheduler)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for process in reversed(self._started):
            self._kill(process)


@contextmanager
def dask_workers(folder: Path) -> Iterator[DaskWorkers]:
    """Start a scheduler without workers; end it and all that were added."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = DaskWorkers(folder)
    try:
        yield cluster
    finally:
        cluster.close()


def alone() -> list[str]:
    """Return what begins a command that sees the disk as it is, but none of our sweeps.

    Empty where the system does not let us hide a folder.
    """
    if shutil.which("unshare") is None:
        return []
    return ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$HIDDEN" && exec "$0" "$@"']
