import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.files import locks as locking
from experiments.files.locks import HeldByAnotherError, Lock, NoLocksError, is_held, locked


@pytest.fixture(params=["flock", "file"])
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "file":
        monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows


def together(work: Callable[[], None], times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("_kind")
def test_only_one_is_inside(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add_one() -> None:
        with locked(tmp_path / "lock"):
            value = int(counter.read_text())
            time.sleep(0.01)
            counter.write_text(str(value + 1))

    together(add_one, times=8)
    assert counter.read_text() == "8"


@pytest.mark.usefixtures("_kind")
def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    entered = []
    with pytest.raises(KeyError), locked(tmp_path / "lock"):
        raise KeyError
    with locked(tmp_path / "lock"):
        entered.append("again")
    assert entered == ["again"]


def test_a_file_left_by_a_dead_process_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    left = tmp_path / "lock.held"
    left.touch()
    long_ago = time.time() - locking.PATIENCE - 1
    os.utime(left, (long_ago, long_ago))
    with locked(tmp_path / "lock"):
        assert left.exists()
    assert not left.exists()


@pytest.mark.usefixtures("_kind")
def test_waiting_ends_when_one_process_keeps_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_SLICE", 0.01)
    with (
        locked(tmp_path / "lock"),
        pytest.raises(TimeoutError, match="another process"),
        locked(tmp_path / "lock", 0.05),
    ):
        pytest.fail("two inside")
    with locked(tmp_path / "lock", 0.05):
        pass


@pytest.mark.skipif(os.name != "posix", reason="flock")
def test_a_queue_that_moves_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is counted by slices; the others hold the lock for more of them than one may."""
    monkeypatch.setattr(locking, "_SLICE", 0.02)
    entered = []

    def work() -> None:
        with locked(tmp_path / "lock", 0.3):
            entered.append(1)
            time.sleep(0.15)

    together(work, times=6)
    assert len(entered) == 6


@pytest.mark.usefixtures("_kind")
def test_a_temporary_lock_leaves_no_file(tmp_path: Path) -> None:
    inside: list[int] = []

    def work() -> None:
        with locked(tmp_path / "lock", temporary=True):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.01)
            inside.pop()

    together(work, times=8)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_has_one_holder_and_its_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "owner"
    lock = Lock(path, b"mine")
    assert is_held(path)
    assert path.read_bytes() == b"mine"
    with pytest.raises(HeldByAnotherError):
        Lock(path, b"other")
    assert path.read_bytes() == b"mine"
    lock.release()
    lock.release()
    assert not path.exists()
    assert not is_held(path)


def test_a_longer_text_of_a_killed_holder_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "owner"
    path.write_bytes(b"left by a killed holder")
    assert not is_held(path)
    Lock(path, b"mine").release()
    path.write_bytes(b"left by a killed holder")
    lock = Lock(path, b"mine")
    assert path.read_bytes() == b"mine"
    lock.release()


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_that_its_holder_removes_meanwhile_is_asked_for_again(
    taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two could hold a lock each, one of them on a file that nobody finds any more."""
    path = tmp_path / "owner"
    path.touch()
    flock, others = fcntl.flock, []

    def flock_after_removal(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()
        if taken:
            others.append(Lock(path, b"other"))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock_after_removal)
    if taken:
        with pytest.raises(HeldByAnotherError):
            Lock(path, b"mine")
        assert path.read_bytes() == b"other"
    else:
        lock = Lock(path, b"mine")
        assert path.read_bytes() == b"mine"
        assert is_held(path)
        lock.release()
    for other in others:
        other.release()


def test_without_locks_no_file_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(NoLocksError, match="no flock"):
        Lock(tmp_path / "owner", b"mine")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "owner").touch()
    assert not is_held(tmp_path / "owner")
