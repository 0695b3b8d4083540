"""The index of finished runs: what it finds is right, and nothing in it can lead astray."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.runs.identity import Identity
from experiments.runs.index import FinishedRuns
from tests.experiments.record_factory import make_record

ONE = Identity("c" * 64, "d" * 64, "e" * 64, {"mine": "f" * 64}, {"numpy": "2.4.5"})


def finished(folder: Path, identity: Identity = ONE, status: str = "done") -> Path:
    make_record(folder, identity=identity.id, identity_parts=identity.parts(), status=status)
    return folder


@pytest.fixture
def index(tmp_path: Path) -> FinishedRuns:
    return FinishedRuns(tmp_path / ".cache" / "runs")


@pytest.mark.parametrize("status", ["done", "stopped_early", "diverged"])
def test_a_finished_run_is_found(index: FinishedRuns, tmp_path: Path, status: str) -> None:
    assert index.find(ONE) is None
    folder = finished(tmp_path / "run", status=status)
    index.add(ONE, folder)
    found = index.find(ONE)
    assert found is not None
    assert found.folder == folder
    index.forget(ONE)
    assert index.find(ONE) is None
    index.forget(ONE)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_what_has_not_finished_is_not(index: FinishedRuns, tmp_path: Path, status: str) -> None:
    index.add(ONE, finished(tmp_path / "run", status=status))
    assert index.find(ONE) is None


def test_an_entry_before_its_record_leads_nowhere(index: FinishedRuns, tmp_path: Path) -> None:
    index.add(ONE, tmp_path / "run")
    assert index.find(ONE) is None
    finished(tmp_path / "run")
    assert index.find(ONE) is not None


def test_a_record_of_another_run_in_the_folder(index: FinishedRuns, tmp_path: Path) -> None:
    index.add(ONE, finished(tmp_path / "run", replace(ONE, data="0" * 64)))
    assert index.find(ONE) is None


def test_the_copy_that_is_left_is_found(index: FinishedRuns, tmp_path: Path) -> None:
    for name in "abc":
        index.add(ONE, finished(tmp_path / name))
    for name, left in [("c", "b"), ("b", "a")]:
        shutil.rmtree(tmp_path / name)
        found = index.find(ONE)
        assert found is not None
        assert found.folder.name == left
    (tmp_path / "a" / "weights.npz").unlink()
    assert index.find(ONE) is None


def test_the_project_may_be_moved(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    FinishedRuns(here / ".cache" / "runs").add(ONE, finished(here / "outputs" / "run"))
    here.rename(there)
    found = FinishedRuns(there / ".cache" / "runs").find(ONE)
    assert found is not None
    assert found.folder == there / "outputs" / "run"


def test_a_record_elsewhere_is_found(index: FinishedRuns, tmp_path_factory) -> None:
    folder = finished(tmp_path_factory.mktemp("élsewhere") / "ä run")
    index.add(ONE, folder)
    found = index.find(ONE)
    assert found is not None
    assert found.folder == folder


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (replace(ONE, data="0" * 64), "the data have changed"),
        (replace(ONE, code="0" * 64), "the code that trains has changed"),
        (replace(ONE, own_code={"mine": "0" * 64}), "the module mine has changed"),
        (replace(ONE, libraries={"numpy": "2.4.6"}), "numpy 2.4.5 -> 2.4.6"),
        (
            replace(ONE, code="0" * 64, libraries={"numpy": "2.4.6"}),
            "the code that trains has changed, numpy 2.4.5 -> 2.4.6",
        ),
    ],
)
def test_why_a_run_trains_anew(
    index: FinishedRuns, tmp_path: Path, changed: Identity, why: str
) -> None:
    assert index.reason_to_retrain(ONE) is None
    index.add(ONE, finished(tmp_path / "run"))
    assert index.reason_to_retrain(changed) == why
    assert index.reason_to_retrain(replace(changed, config="0" * 64)) is None
    shutil.rmtree(tmp_path / "run")
    assert index.reason_to_retrain(changed) is None


@given(content=st.binary(max_size=60))
def test_nonsense_in_an_entry_is_passed_over(
    index: FinishedRuns, tmp_path: Path, content: bytes
) -> None:
    folder = tmp_path / "run"
    if not folder.exists():
        finished(folder)
    index.add(ONE, folder)
    (entry,) = index.folder.glob("*/*")
    entry.write_bytes(content + b"\n" + entry.read_bytes())
    found = index.find(ONE)
    assert found is not None
    assert found.folder == folder
    entry.write_bytes(content)
    assert index.find(ONE) is None or content.strip() in (b"run", b"./run")


def test_many_writers(index: FinishedRuns, tmp_path: Path) -> None:
    folders = [finished(tmp_path / str(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda folder: index.add(ONE, folder), folders * 5))
    assert index.find(ONE) is not None
    assert len(list(index.folder.rglob("*"))) == 2  # nothing temporary is left
