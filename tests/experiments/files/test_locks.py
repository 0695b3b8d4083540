import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.files import locks as locking
from experiments.files.locks import locked


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
