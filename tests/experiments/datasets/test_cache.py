import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.datasets import Csv, Diabetes, Digits, Iris, Mnist, cache, load_dataset
from experiments.datasets.cache import quick_digest

SRC = Path(__file__).parents[3] / "src"


def assert_same(first, second):
    for name in ("name", "task", "feature_names", "target_names", "preprocessing", "digest"):
        assert getattr(first, name) == getattr(second, name)
    assert (first.shape, first.notes) == (second.shape, second.notes)
    for name, part in first.parts.items():
        for ours, theirs in (
            (part.inputs, second.parts[name].inputs),
            (part.targets, second.parts[name].targets),
        ):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            assert ours.tobytes() == theirs.tobytes()
            assert ours.flags.c_contiguous == theirs.flags.c_contiguous
            assert not ours.flags.writeable
            assert not theirs.flags.writeable


@pytest.fixture
def loads(monkeypatch):
    """Count how often Iris and Csv are really loaded."""
    calls = []
    for kind in (Iris, Csv):
        original = kind.load
        monkeypatch.setattr(
            kind, "load", lambda self, original=original: calls.append(self) or original(self)
        )
    return calls


@pytest.mark.parametrize("source", [Digits(scaling="standard"), Diabetes(), Iris(limit=30)])
def test_cached_equals_fresh(source, tmp_path):
    fresh = source.load()
    assert_same(load_dataset(source, tmp_path / "cache"), fresh)
    assert_same(load_dataset(source, tmp_path / "cache"), fresh)
    assert len(list((tmp_path / "cache").glob("table-*"))) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_splits_share_a_table_in_memory_and_in_the_cache(tmp_path):
    fresh = [Iris(seed=seed).load() for seed in range(3)]
    assert len({id(part.drawn.table) for one in fresh for part in one.parts.values()}) == 1
    for seed, one in enumerate(fresh):
        assert_same(load_dataset(Iris(seed=seed), tmp_path), one)
    assert len(list(tmp_path.glob("table-*"))) == 1
    prepared = [(part.inputs, part.targets) for one in fresh for part in one.parts.values()]
    del fresh, one
    cached = [load_dataset(Iris(seed=seed), tmp_path) for seed in range(3)]
    parts = [part for one in cached for part in one.parts.values()]
    assert len({id(part.drawn.table) for part in parts}) == 1
    for part, (inputs, targets) in zip(parts, prepared, strict=True):
        assert part.inputs.tobytes() == inputs.tobytes()
        assert part.targets.tobytes() == targets.tobytes()


def test_a_split_of_few_rows_keeps_only_these(tmp_path):
    few = load_dataset(Digits(limit=100), tmp_path)
    assert few.train.drawn.table.inputs.shape == (100, 64)
    assert load_dataset(Digits(limit=1000), tmp_path).train.drawn.table.inputs.shape == (1797, 64)


def test_second_time_nothing_is_loaded(loads, tmp_path):
    load_dataset(Iris(), tmp_path)
    load_dataset(Iris(), tmp_path)
    assert len(loads) == 1
    load_dataset(Iris(seed=1), tmp_path)
    load_dataset(Iris(), None)
    assert len(loads) == 3


def test_other_library_versions_are_another_entry(loads, tmp_path, monkeypatch):
    load_dataset(Iris(), tmp_path)
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0")
    load_dataset(Iris(), tmp_path)
    assert len(loads) == 2


def test_changed_file_is_read_again_and_notes_are_kept(loads, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    source = Csv(path=str(table), target="y")
    first = load_dataset(source, tmp_path / "cache")
    again = load_dataset(source, tmp_path / "cache")
    assert_same(again, first)
    assert len(first.notes) == 2
    assert again.notes == first.notes
    assert len(loads) == 1
    found = table.stat()
    os.utime(table, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    load_dataset(source, tmp_path / "cache")
    assert len(loads) == 2


def write_table(path, label):
    path.write_text("a,y\n" + "".join(f"{i},{(i + label) % 2}\n" for i in range(20)))


@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_changed_file_of_the_same_size_and_time_is_read_again(loads, tmp_path, how):
    table = tmp_path / "t.csv"
    write_table(table, 0)
    source = Csv(path=str(table), target="y")
    before, first = table.stat(), load_dataset(source, tmp_path / "cache")
    if how == "in place":
        write_table(table, 1)
    else:
        write_table(tmp_path / "other", 1)
        (tmp_path / "other").rename(table)
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert table.stat().st_size == before.st_size
    assert quick_digest(source, tmp_path / "cache") is None
    assert load_dataset(source, tmp_path / "cache").digest != first.digest
    assert len(loads) == 2


def test_verify_always_reads_and_renews_the_cache(loads, tmp_path, monkeypatch):
    table = tmp_path / "t.csv"
    write_table(table, 0)
    source = Csv(path=str(table), target="y")
    verified = dataclasses.replace(source, verify=True)
    assert verified == source
    state = cache._state(table)
    monkeypatch.setattr(cache, "_state", lambda _: state)  # a disk that says nothing changed
    first = load_dataset(source, tmp_path / "cache")
    write_table(table, 1)
    assert load_dataset(source, tmp_path / "cache").digest == first.digest
    other = load_dataset(verified, tmp_path / "cache")
    assert other.digest != first.digest
    assert quick_digest(verified, tmp_path / "cache") == other.digest
    assert load_dataset(source, tmp_path / "cache").digest == other.digest
    load_dataset(verified, tmp_path / "cache")
    assert len(loads) == 4


@given(st.data())
def test_damaged_entry_is_made_again(tmp_path, data):
    fresh = load_dataset(Iris(), tmp_path)
    entry = data.draw(st.sampled_from(sorted(tmp_path.iterdir())))
    whole = entry.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                b"",
                whole[:position],
                whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :],
            ]
        )
    )
    entry.write_bytes(damaged)
    prepared = [part.inputs.tobytes() for part in fresh.parts.values()]
    digest = fresh.digest
    del fresh  # what is in memory is not read again
    again = load_dataset(Iris(), tmp_path)
    assert [part.inputs.tobytes() for part in again.parts.values()] == prepared
    assert again.digest == digest
    assert len(list(tmp_path.iterdir())) == 2


def test_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_same(load_dataset(Iris(), tmp_path / "file"), Iris().load())
    assert_same(load_dataset(Iris(), tmp_path / "file" / "below"), Iris().load())


def test_image_sets_are_not_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(Mnist, "load", lambda _: Iris().load())
    load_dataset(Mnist(), tmp_path)
    assert not list(tmp_path.iterdir())


def python(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


LOADED = (
    "print(*[m for m in ('sklearn', 'pandas', 'scipy', 'hydra', 'mlflow') if m in sys.modules])"
)


def test_importing_costs_numpy_alone():
    assert python(f"import sys, experiments.datasets; {LOADED}") == []


def test_cached_digits_do_not_import_sklearn(tmp_path):
    expected = load_dataset(Digits(), tmp_path)
    code = (
        "import sys, pathlib; from experiments.datasets import Digits, load_dataset;"
        f"print(load_dataset(Digits(), pathlib.Path(sys.argv[1])).digest); {LOADED}"
    )
    assert python(code, str(tmp_path)) == [expected.digest]


def test_preprocessing_works_without_sklearn_or_pandas(tmp_path):
    dataset = Diabetes().load()
    (tmp_path / "p.json").write_text(dataset.preprocessing.to_json())
    code = (
        "import sys, pathlib, numpy; from experiments.datasets import Preprocessing;"
        "p = Preprocessing.from_json(pathlib.Path(sys.argv[1]).read_text());"
        f"print(p.encode(numpy.ones((1, 10)))[0, 0].hex()); {LOADED}"
    )
    expected = float(dataset.preprocessing.encode(np.ones((1, 10)))[0, 0]).hex()
    assert python(code, str(tmp_path / "p.json")) == [expected]
