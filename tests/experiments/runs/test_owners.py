"""Owners of folders: one command at a time writes to a folder, and others are told who it is."""

import errno
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.runs import owners
from experiments.runs.owners import OWNER, Ownership
from tests.end_to_end.command_line import environment

ELSEWHERE = """
import sys
from pathlib import Path
from experiments.runs.owners import Ownership
Ownership(print).acquire(Path(sys.argv[1]), map(Path, sys.argv[2:]), print)
print("owned", flush=True)
sys.stdin.read()
"""


class Busy(Exception):
    """Raised instead of waiting."""


def refuse_to_wait(owner: str) -> None:
    raise Busy(owner)


@pytest.fixture(autouse=True)
def _no_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(owners, "_POLL", 0)


@pytest.fixture
def ownership() -> Iterator[Ownership]:
    warnings: list[str] = []
    made = Ownership(warnings.append)
    yield made
    made.release()
    assert warnings == []


def owned(folder: str, *runs: str) -> Ownership:
    """Own a folder as another command of this process."""
    other = Ownership(print)
    other.acquire(Path(folder), map(Path, runs), refuse_to_wait)
    return other


def test_a_folder_has_one_owner_at_a_time(ownership: Ownership) -> None:
    other = owned("here")
    with pytest.raises(Busy):
        ownership.acquire(Path("here"), [], refuse_to_wait)
    ownership.acquire(Path("there"), [], refuse_to_wait)
    other.release()
    ownership.acquire(Path("here"), [], refuse_to_wait)
    with pytest.raises(Busy):
        owned("here")


def test_the_owner_is_named(ownership: Ownership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "-m", "tracking.uri=http://ada:secret@host"])
    monkeypatch.setattr(sys, "orig_argv", ["python", *sys.argv])
    other = owned("here")
    with pytest.raises(Busy) as told:
        ownership.acquire(Path("here"), [], refuse_to_wait)
    message = str(told.value)
    assert message.startswith(
        f"process {os.getpid()} on {platform.node()}, which writes to here since 20"
    )
    assert message.endswith("UTC (`python run.py -m 'tracking.uri=http://ada:***@host'`)")
    other.release()


@pytest.mark.parametrize("text", [b"", b"{", b'{"process": 1}', b"[]", b"\xff"])
def test_an_owner_that_has_just_begun_has_no_name(ownership: Ownership, text: bytes) -> None:
    other = owned("here")
    Path("here", OWNER).write_bytes(text)
    with pytest.raises(Busy, match="another command, which writes to here"):
        ownership.acquire(Path("here"), [], refuse_to_wait)
    other.release()


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        pytest.param(("sweep", "sweep/0", "sweep/1"), ("sweep/1", "sweep/1"), id="above"),
        pytest.param(("sweep/1", "sweep/1"), ("sweep", "sweep/0", "sweep/1"), id="below"),
        pytest.param(("one", "shared/0"), ("two", "shared/0"), id="a run elsewhere"),
        pytest.param(("link", "link/0"), ("sweep", "sweep/0"), id="by a link"),
        pytest.param(("sweep", "sweep/0"), ("link/0", "link/0"), id="below a link"),
    ],
)
def test_folders_that_contain_each_other(
    ownership: Ownership, held: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    Path("sweep").mkdir()
    Path("link").symlink_to("sweep")
    other = owned(*held)
    folder, *runs = map(Path, wanted)
    with pytest.raises(Busy):
        ownership.acquire(folder, runs, refuse_to_wait)
    assert not any(Path(path, OWNER).exists() for path in {*wanted} - {*held, "sweep", "link/0"})
    other.release()
    ownership.acquire(folder, runs, refuse_to_wait)


def test_neighbours_do_not_wait(ownership: Ownership) -> None:
    other = owned("sweeps/one", "sweeps/one/0")
    ownership.acquire(Path("sweeps/two"), [Path("sweeps/two/0")], refuse_to_wait)
    other.release()


def test_a_second_batch_of_the_same_command_does_not_wait(ownership: Ownership) -> None:
    for batch in (["here/0", "there/0"], ["here/1", "there/1"]):
        ownership.acquire(Path("here"), map(Path, batch), refuse_to_wait)
    with pytest.raises(Busy):
        owned("there/0")


def test_waiting_ends_with_the_owner(ownership: Ownership) -> None:
    other = owned("here")
    waited: list[str] = []

    def on_wait(owner: str) -> None:
        waited.append(owner)
        if len(waited) == 3:
            other.release()

    ownership.acquire(Path("here"), [], on_wait)
    assert len(waited) == 3


def test_nothing_of_it_remains(ownership: Ownership, tmp_path: Path) -> None:
    Path("mine").mkdir()
    ownership.acquire(Path("new/deep"), [Path("mine/new/0"), Path("mine/0")], refuse_to_wait)
    Path("mine/0/record.json").touch()
    ownership.release()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["mine", "mine/0", "mine/0/record.json"]


@pytest.fixture
def elsewhere() -> Iterator["subprocess.Popen[str]"]:
    """Another process that owns a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, "here"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "owned\n"
    yield process
    process.kill()
    process.wait()


def test_a_killed_owner_stops_nobody(
    ownership: Ownership, elsewhere: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(Busy, match=f"process {elsewhere.pid} on "):
        ownership.acquire(Path("here"), [], refuse_to_wait)
    elsewhere.kill()
    elsewhere.wait()
    assert Path("here", OWNER).exists()
    ownership.acquire(Path("here"), [], refuse_to_wait)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="signals as POSIX has them")
def test_a_stopped_owner_is_waited_for(
    ownership: Ownership, elsewhere: "subprocess.Popen[str]"
) -> None:
    elsewhere.send_signal(signal.SIGSTOP)
    with pytest.raises(Busy, match=f"process {elsewhere.pid} on "):
        ownership.acquire(Path("here"), [], refuse_to_wait)
    elsewhere.send_signal(signal.SIGCONT)
    assert elsewhere.stdin is not None
    elsewhere.stdin.close()
    ownership.acquire(Path("here"), [], lambda owner: None)


def test_where_files_cannot_be_locked_a_warning_says_what_may_happen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import fcntl

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    warnings: list[str] = []
    both = [Ownership(warnings.append), Ownership(warnings.append)]
    for one in both:
        one.acquire(Path("here"), [Path("here/0")], refuse_to_wait)
    assert len(warnings) == 2
    assert warnings[0].startswith("here: files cannot be locked here (No locks available), so two")
    assert "hydra.sweep.dir=FOLDER" in warnings[0]
    for one in both:
        one.release()
    assert not Path("here").exists()


def test_a_folder_that_cannot_be_made_is_left_to_the_error_of_what_is_written_there(
    ownership: Ownership,
) -> None:
    Path("file").touch()
    ownership.acquire(Path("file/folder"), [], refuse_to_wait)


def test_a_link_in_the_place_of_the_locked_file_is_not_followed(ownership: Ownership) -> None:
    Path("precious").write_text("mine")
    Path("here").mkdir()
    Path("here", OWNER).symlink_to(Path("precious").absolute())
    ownership.acquire(Path("here"), [], refuse_to_wait)
    ownership.release()
    assert Path("precious").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks as POSIX has them")
def test_a_fork_that_outlives_the_owner_does_not_own(ownership: Ownership) -> None:
    fork = """
import os
begun, told = os.pipe()
if os.fork() == 0:
    os.write(told, b"1")
    sys.stdin.read()
os.read(begun, 1)
os._exit(0)
"""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE.replace("sys.stdin.read()", fork), "here"],
        env=environment(),
        stdin=reading,
    )
    os.close(reading)
    assert process.wait() == 0
    assert Path("here", OWNER).exists()  # the owner has ended as a killed one
    ownership.acquire(Path("here"), [], refuse_to_wait)
    os.close(writing)
