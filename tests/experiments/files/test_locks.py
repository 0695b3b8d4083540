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
