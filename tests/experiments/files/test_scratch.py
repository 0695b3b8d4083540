"""Temporary folders: the next command clears those of killed commands, and no others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import experiments
from experiments.files import scratch
from experiments.files.scratch import clear_ownerless, own_folder, scratch_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")

OWNER = """
import sys, time
from pathlib import Path
from experiments.files.scratch import own_folder
folder = own_folder(Path(sys.argv[1]))
(folder / "board").write_text("mine")
print(folder, flush=True)
time.sleep(600)
"""


class Command:
    """Another process that owns a folder in `parent`."""

    def __init__(self, parent: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(parent)],
            env={**os.environ, "PYTHONPATH": str(Path(experiments.__file__).parents[1])},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.folder = Path(self.process.stdout.readline().strip())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    started = Command(tmp_path)
    with started.process:
        yield started
        started.kill()


@pytest.fixture(autouse=True)
def shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shm"
    folder.mkdir()
    monkeypatch.setattr(scratch, "_SHARED_MEMORY", folder)
    return folder


def test_what_belongs_to_a_running_command_stays(command: Command, tmp_path: Path) -> None:
    clear_ownerless(tmp_path)
    assert (command.folder / "board").read_text() == "mine"
    assert command.folder.name.startswith(f"descent-{command.process.pid}-")


def test_what_a_killed_command_left_is_cleared(
    command: Command, tmp_path: Path, shared_memory: Path
) -> None:
    pid = command.process.pid
    (shared_memory / f"sem.loky-{pid}-abc").touch()
    for other in (f"sem.loky-{pid}0-abc", "sem.loky-1-abc", "sem.mp-abc", "of-others"):
        (shared_memory / other).touch()
    command.kill()
    own = own_folder(tmp_path)
    assert not command.folder.exists()
    assert own.is_dir()
    assert sorted(path.name for path in shared_memory.iterdir()) == [
        "of-others",
        "sem.loky-1-abc",
        f"sem.loky-{pid}0-abc",
        "sem.mp-abc",
    ]


def test_semaphores_of_a_process_that_lives_stay(tmp_path: Path, shared_memory: Path) -> None:
    """The process id of a killed command may be that of another program by now."""
    left = tmp_path / f"descent-{os.getpid()}-left"
    left.mkdir()
    (left / "owner").touch()
    semaphore = shared_memory / f"sem.loky-{os.getpid()}-abc"
    semaphore.touch()
    clear_ownerless(tmp_path)
    assert semaphore.exists()
    assert left.exists()  # to be cleared when the other program has ended
    semaphore.unlink()
    clear_ownerless(tmp_path)
    assert not left.exists()


def test_what_is_not_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").touch()
    (tmp_path / "descent-1-link").symlink_to(target)
    (tmp_path / "descent-1-file").touch()
    (tmp_path / "descent-notes-2").mkdir()
    (tmp_path / "descent-2-other").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: os.geteuid() + 1)  # all files are another user's
        clear_ownerless(tmp_path)
    assert (tmp_path / "descent-2-other").is_dir()
    clear_ownerless(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"target", "descent-1-link", "descent-1-file", "descent-notes-2", "shm"}
    assert (target / "file").exists()


def test_where_files_cannot_be_locked_nothing_is_cleared(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    command.kill()
    monkeypatch.setattr(fcntl, "flock", refuse)
    clear_ownerless(tmp_path)
    assert (command.folder / "board").exists()


def test_a_process_has_one_folder_in_each_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = own_folder(tmp_path / "a")
    assert own_folder(tmp_path / "a") == first
    assert own_folder(tmp_path / "b").parent == tmp_path / "b"
    clear_ownerless(tmp_path / "a")
    assert first.is_dir()
    assert first.stat().st_mode & 0o777 == 0o700


def test_a_folder_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "temporary", lambda: tmp_path)
    with scratch_folder() as folder:
        (folder / "file").touch()
        clear_ownerless(tmp_path)
        assert (folder / "file").exists()
    assert not folder.exists()
