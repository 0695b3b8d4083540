import errno
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import RecordError
from experiments.runs import layout
from experiments.runs.find import find_records
from experiments.runs.record import Record
from experiments.runs.write import metrics_to_csv, write_record
from tests.experiments.record_factory import (
    STARTED,
    config_yaml,
    make_record,
    preprocessing_json,
    record_data,
    record_metrics,
    record_weights,
)


def write(folder: Path, **changes: object) -> Path:
    parts = {
        "data": record_data(),
        "config_yaml": config_yaml(),
        "metrics": record_metrics(),
        "weights": record_weights(),
        "preprocessing_json": preprocessing_json(),
    }
    return write_record(folder, **{**parts, **changes})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b")
    record = Record.read(tmp_path / "a" / "b")
    assert record.data == record_data()
    assert record.name == "adam-seed0"
    assert record.seed == 0
    assert record.choices["optimizer"] == "adam"
    assert record.started == STARTED
    assert record.config["model"] == {
        "_target_": "experiments.config.models.MLP",
        "hidden": [4],
        "activation": "relu",
        "dropout": 0.0,
    }
    assert record.measurements() == record_metrics()
    assert record.preprocessing_json == preprocessing_json()
    for which in ("best", "final"):
        expected = {
            name.removeprefix(f"{which}/"): value
            for name, value in record_weights().items()
            if name.startswith(which)
        }
        weights = record.weights(which)
        assert list(weights) == list(expected)
        for name, value in expected.items():
            assert weights[name].dtype == np.float32
            np.testing.assert_array_equal(weights[name], value)


@pytest.mark.parametrize(
    ("status", "loss", "objective"),
    [
        ("done", 0.4, 0.4),
        ("stopped_early", 0.4, 0.4),
        ("diverged", 0.4, math.inf),
        ("failed", None, math.inf),
    ],
)
def test_a_search_minimizes_the_validation_loss(
    status: str, loss: float | None, objective: float, tmp_path: Path
) -> None:
    summary = {} if loss is None else {"best/val_loss": loss}
    write(tmp_path, data=record_data(status=status, summary=summary))
    assert Record.read(tmp_path).objective == objective


@pytest.mark.parametrize(("status", "objective"), [("done", 0.7), ("diverged", math.inf)])
def test_a_function_is_minimized_by_its_last_value(
    status: str, objective: float, tmp_path: Path
) -> None:
    write(tmp_path, data=record_data(status=status, summary={"final/train_loss": 0.7}))
    assert Record.read(tmp_path).objective == objective


def test_flat_config_has_dotted_names_and_no_nesting(tmp_path: Path) -> None:
    config = (
        "seed: 3\nmodel:\n  hidden: [64, 32]\n  deep: {rate: 1.0e-05}\n  none: null\nempty: {}\n"
    )
    record = make_record(tmp_path, config=config)
    assert record.flat_config() == {
        "seed": 3,
        "model.hidden": "[64, 32]",
        "model.deep.rate": 1e-5,
        "model.none": None,
        "empty": "{}",
    }


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) == set(layout.FILES)


@given(st.lists(st.none() | st.floats(), max_size=20))
def test_every_float_survives_the_csv(values: list[float | None]) -> None:
    lines = metrics_to_csv({"epoch": range(len(values)), "x": values}).splitlines()
    cells = [line.split(",")[1] for line in lines[1:]]
    assert lines[0] == "epoch,x"
    for value, cell in zip(values, cells, strict=True):
        if value is None:
            assert cell == ""
        else:
            assert np.float64(cell).tobytes() == np.float64(value).tobytes() or (
                math.isnan(value) and cell == "nan"
            )


def test_missing_and_not_a_number_are_told_apart(tmp_path: Path) -> None:
    metrics = {"epoch": [0, 1, 2], "val/loss": [None, math.inf, math.nan]}
    record = make_record(tmp_path, metrics=metrics)
    text = (tmp_path / "metrics.csv").read_text()
    assert text == "epoch,val/loss\n0,\n1,inf\n2,nan\n"
    first, second, third = record.measurements()["val/loss"]
    assert first is None
    assert second == math.inf
    assert third is not None
    assert math.isnan(third)
    np.testing.assert_array_equal(record.metrics()["val/loss"], [math.nan, math.inf, math.nan])


def test_numpy_columns_are_written_as_plain_numbers() -> None:
    text = metrics_to_csv({"epoch": np.arange(2), "loss": np.array([0.1, 0.2], np.float32)})
    assert text == "epoch,loss\n0,0.10000000149011612\n1,0.20000000298023224\n"


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        metrics_to_csv({"epoch": [0, 1], "loss": [0.5]})


def test_json_is_strict(tmp_path: Path) -> None:
    summary = {"a": math.nan, "b": np.float32(0.5), "c": -math.inf, "d": np.int64(3)}
    write(tmp_path, data=record_data(summary=summary, overrides=("x", Path("y"))))
    text = (tmp_path / "record.json").read_text()

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    data = json.loads(text, parse_constant=refuse)
    assert data["summary"] == {"a": None, "b": 0.5, "c": None, "d": 3}
    assert data["overrides"] == ["x", "y"]


def test_text_of_any_kind_survives(tmp_path: Path) -> None:
    command = "run.py name=é中 file=\udc80"  # an undecodable byte, as sys.argv has it
    record = make_record(tmp_path, command=command)
    assert record.command == r"run.py name=é中 file=\udc80"


def test_passwords_are_masked_in_what_is_written(tmp_path: Path) -> None:
    address = "https://ada:hunter2@example.org"
    write(
        tmp_path,
        data=record_data(command=f"run.py tracking.uri={address}", overrides=[address]),
        config_yaml=f"tracking:\n  uri: {address}\n",
    )
    assert not [name for name, content in contents(tmp_path).items() if b"hunter2" in content]
    assert Record.read(tmp_path).config["tracking"]["uri"] == "https://ada:***@example.org"


def test_secrets_with_any_characters_are_masked_and_what_is_ours_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", 'v4riable "value"')
    monkeypatch.setenv("SILLY_PASSWORD", "finished")
    write(
        tmp_path,
        data=record_data(
            message='no login with v4riable "value"', overrides=["+token=it's\nmine", "seed=1"]
        ),
        log='v4riable "value"\n',
    )
    record = Record.read(tmp_path)
    assert record.message == "no login with ***"
    assert record.overrides == ["+token=***", "seed=1"]
    assert (tmp_path / "run.log").read_text() == "***\n"


def test_snapshots_read_back_and_are_gone_with_the_record_they_belonged_to(tmp_path: Path) -> None:
    assert make_record(tmp_path).snapshots() == {}
    kept = {"epoch": np.array([0, 2, 7]), "dense1/bias": np.arange(6, dtype=np.float32)}
    kept["dense1/bias"] = kept["dense1/bias"].reshape(3, 2)
    write(tmp_path, snapshots=kept)
    found = Record.read(tmp_path).snapshots()
    assert list(found) == list(kept)
    for name, array in kept.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    (tmp_path / "snapshots.npz").write_bytes(b"PK")
    with pytest.raises(RecordError, match=r"snapshots\.npz"):
        Record.read(tmp_path).snapshots()
    assert make_record(tmp_path).snapshots() == {}


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    np.savez(tmp_path / "weights.npz", **{"best/w": np.array([{}], object)}, allow_pickle=True)
    with pytest.raises(RecordError, match=r"weights\.npz"):
        record.weights()


def test_a_run_without_weights_says_so(tmp_path: Path) -> None:
    record = make_record(tmp_path, weights={}, metrics={}, status="failed", message="no data")
    assert record.metrics() == {}
    with pytest.raises(RecordError, match=r"has no best weights.*failed"):
        record.weights()


def test_data_that_is_not_a_record_is_refused_when_writing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"status must be one of .* is 'finished'"):
        write(tmp_path, data=record_data(status="finished"))
    assert not list(tmp_path.iterdir())


def test_a_folder_looks_complete_only_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)  # an older record in the same folder
    replaced: list[str] = []
    real = Path.replace

    def fail_on_weights(temporary: Path, path: Path) -> Path:
        assert not (tmp_path / "record.json").exists()
        if path.name == "weights.npz":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replaced.append(path.name)
        return real(temporary, path)

    monkeypatch.setattr(Path, "replace", fail_on_weights)
    with pytest.raises(RecordError, match=r"weights\.npz: cannot be written: No space left"):
        write(tmp_path)
    assert replaced == ["config.yaml", "metrics.csv"]
    with pytest.raises(RecordError, match=r"no complete record.*record\.json is missing"):
        Record.read(tmp_path)


def test_each_file_is_flushed_to_disk_once_before_any_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[set[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: there.append(set(contents(tmp_path))))
    write(tmp_path)
    assert len(there) == len(layout.FILES)
    assert not any(names & set(layout.FILES) for names in there)


def test_a_file_that_cannot_be_written_is_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError, match=r"config\.yaml: cannot be written: No space.*run\.dir="):
        write(tmp_path)
    assert contents(tmp_path) == {}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="file/run: cannot be written: Not a directory"):
        write(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("record.json", b"{", "not JSON"),
        ("record.json", b"[]", "not a JSON object"),
        ("record.json", b'{"format": 2}', "format is 2.*this program reads 1"),
        ("record.json", b"\xff", "record.json"),
        ("metrics.csv", b"epoch,loss\n0\n", "line 2 has 1 cells, not 2"),
        ("metrics.csv", b"epoch,loss\n0,much\n", "line 2: 'much' is not a number"),
        ("config.yaml", b"a: [", "not YAML"),
        ("config.yaml", b"text", "not a mapping"),
        ("weights.npz", b"PK", "weights.npz"),
        ("weights.npz", None, "the file is missing"),
    ],
)
def test_damage_is_named_with_its_file(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    write(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
        vouch_for(tmp_path, name)

    def read_everything() -> None:
        record = Record.read(tmp_path)
        _ = record.config, record.measurements(), record.weights()

    with pytest.raises(RecordError, match=says) as raised:
        read_everything()
    assert name in str(raised.value)


def test_a_damaged_archive_member_is_found(tmp_path: Path) -> None:
    make_record(tmp_path)
    with zipfile.ZipFile(tmp_path / "weights.npz") as archive:
        offset = archive.getinfo("best/dense1/weights.npy").header_offset
    damaged = bytearray((tmp_path / "weights.npz").read_bytes())
    damaged[offset + 200] ^= 0xFF
    (tmp_path / "weights.npz").write_bytes(damaged)
    vouch_for(tmp_path, "weights.npz")
    with pytest.raises(RecordError, match="CRC"):
        Record.read(tmp_path).weights()


def vouch_for(folder: Path, name: str) -> None:
    """Enter a file's checksum, as another program would that means what it writes."""
    sums = (folder / "SHA256SUMS").read_text()
    own = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    line = re.compile(f"\\w+  {re.escape(name)}\n")
    (folder / "SHA256SUMS").write_text(line.sub(f"{own}  {name}\n", sums))


FILES = ["config.yaml", "metrics.csv", "weights.npz", "preprocessing.json", "record.json"]


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
@given(data=st.data())
def test_a_changed_byte_or_a_lost_end_is_noticed(
    tmp_path: Path, name: str, data: st.DataObject
) -> None:
    write(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 2))  # the last line's end says nothing
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    (tmp_path / name).write_bytes(content)
    try:
        record = Record.read(tmp_path)
    except RecordError:
        assert name in ("record.json", "SHA256SUMS")
    else:
        assert not record.is_whole


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x1c", "\x1e"])
def test_a_line_of_checksums_ends_in_one_way(tmp_path: Path, end: str) -> None:
    write(tmp_path)
    sums = tmp_path / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"\n", end.encode(), 1))
    with pytest.raises(RecordError, match="is not the name of a file in this folder"):
        Record.read(tmp_path)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_the_checksums_are_those_of_the_usual_tool(tmp_path: Path) -> None:
    write(tmp_path)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout.count(": OK\n") == len(FILES)


def test_missing_folders_are_named(tmp_path: Path) -> None:
    for read in (Record.read, find_records):
        with pytest.raises(RecordError, match="nowhere: no such folder"):
            read(tmp_path / "nowhere")


def test_records_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for job in (10, 2, 1):
        make_record(tmp_path / "sweep" / str(job), seed=job)
    make_record(tmp_path / "sweep" / "2" / "inner", seed=5)
    (tmp_path / "sweep" / "3").mkdir()  # a run that has not ended
    (tmp_path / "sweep" / "3" / "metrics.csv").touch()
    assert [record.seed for record in find_records(tmp_path)] == [1, 2, 5, 10]


def test_copies_kept_by_a_tracker_are_not_other_runs(tmp_path: Path) -> None:
    make_record(tmp_path / "run")
    make_record(tmp_path / "mlartifacts" / "run")
    make_record(tmp_path / ".hidden" / "run")
    assert [record.folder for record in find_records(tmp_path)] == [tmp_path / "run"]
    assert len(find_records(tmp_path / "mlartifacts")) == 1


def test_no_runs_are_no_error(tmp_path: Path) -> None:
    assert find_records(tmp_path) == []


def test_times_are_in_utc(tmp_path: Path) -> None:
    record = make_record(tmp_path, started="2025-01-01T02:00:00+02:00")
    assert record.started == datetime(2025, 1, 1, tzinfo=UTC)
    assert record.started.utcoffset() is not None


def test_records_are_equal_where_their_folders_are(tmp_path: Path) -> None:
    make_record(tmp_path)
    assert len({Record.read(tmp_path), Record.read(tmp_path)}) == 1
