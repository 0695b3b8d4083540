"""Records that are damaged or made to do harm: a message or an answer, and nothing else.

Every file of a record is changed byte by byte and field by field, with the checksums that it had
and with those of whoever has changed it. Whatever is not a `UserError` leaves a command as an
exception, which fails these tests.
"""

import contextlib
import copy
import hashlib
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.commands.compare import main as compare
from experiments.commands.pictures import main as pictures
from experiments.commands.predict import main as predict
from experiments.commands.publish import main as publish
from experiments.commands.sample import main as sample
from experiments.datasets.sparse_preprocessing import SparsePreprocessing
from experiments.errors import RecordError, UserError
from experiments.runs.record import Record
from experiments.serving.loader import _load_pyfunc
from experiments.tracking.summaries import find_summaries

RECORDS = Path(__file__).resolve().parents[1] / "fixtures" / "records"
RUNS = {
    "dense": "flowers.csv",
    "csv": "houses.csv",
    "text": "rhymes.csv",
    "terms": "reviews.csv",
    "sparse": "rows.svm",
    "series": "power.csv",
}
FILES = (
    "record.json",
    "config.yaml",
    "metrics.csv",
    "weights.npz",
    "preprocessing.json",
    "SHA256SUMS",
)

SPY = """
from pathlib import Path
Path({trace!r}).write_text("imported")
"""

Mutation = Callable[[bytes], bytes]

# Each example calls three commands; the fast tests can afford a few for each file.
EXAMPLES = settings().max_examples
SAMPLE = settings(max_examples=EXAMPLES if EXAMPLES > 100 else 5)


@pytest.fixture(autouse=True)
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is there once a module that records name has been imported."""
    trace = tmp_path / "trace"
    (tmp_path / "from_elsewhere.py").write_text(SPY.format(trace=str(trace)))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DESCENT_TRUSTED_PACKAGES", raising=False)
    yield trace
    sys.modules.pop("from_elsewhere", None)


# Commands


def printed_by(command: Callable[[list[str]], int], *arguments: object) -> tuple[int, str, str]:
    """Call a command, and return its status and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = command([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


def answers(folder: Path, run: str) -> list[tuple[int, str, str]]:
    """What the commands that take milliseconds say about a run, and what they write."""
    predicted = printed_by(predict, folder, RECORDS / RUNS[run])
    final = printed_by(predict, folder, RECORDS / RUNS[run], "--weights", "final")
    written = [folder.with_suffix(ending) for ending in (".md", ".tex", ".csv")]
    options = ("--markdown", "--latex", "--csv")
    paths = [str(one) for pair in zip(options, written, strict=True) for one in pair]
    compared = printed_by(compare, folder, *paths)
    # A run that writes no text says so.
    written_on = printed_by(sample, folder, "--prompt", "the ", "--length", 9)
    return [predicted, final, compared, written_on]


def assert_told(status: int, out: str, err: str) -> None:
    """Check that a command has answered, or has failed with a message and nothing else."""
    assert status in (0, 1)
    assert "Traceback" not in err
    assert len(err) < 20_000
    if status:
        assert err.startswith(("predict: ", "compare: ", "pictures: ", "publish: ", "sample: "))
        # The first publishes the other runs, and the second prints its tables before it draws.
        assert not out or err.startswith(("publish: ", "compare: "))


def assert_harmless(run: str, file: str, change: Mutation, *, vouched: bool, trace: Path) -> None:
    """Change a file of a record, and check what the commands say."""
    if run not in _known:
        _known[run] = answers(copied(run), run)
        assert [status for status, _, _ in _known[run]] == [0, 0, 0, run != "text"]
    folder = copied(run)
    content = (folder / file).read_bytes()
    changed = change(content)
    (folder / file).write_bytes(changed)
    if vouched:
        vouch(folder)
    for found, expected in zip(answers(folder, run), _known[run], strict=True):
        assert_told(*found)
        if not vouched and found != expected and changed != content:
            assert found[0] == 1
            assert file in found[2] or file == "SHA256SUMS"
    assert not trace.exists()


_known: dict[str, list[tuple[int, str, str]]] = {}


def copied(run: str) -> Path:
    """Copy a record to the working directory."""
    folder = Path("run")  # relative, so that messages are the same in every test
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(RECORDS / run, folder)
    if run == "csv":  # a setting of today's that this record has by default
        path = folder / "preprocessing.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **TODAY}))
        vouch(folder)
    return folder


TODAY = {
    "notation": {"decimal": ".", "thousands": None, "missing": ["", "NA"]},
    "dates": {},
    "unknown": "error",
}


def vouch(folder: Path) -> None:
    """Make the checksums of a record anew, as whoever changes it can."""
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in FILES
        if name != "SHA256SUMS" and (folder / name).exists()
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


# Changes of bytes


@st.composite
def byte_changes(draw: st.DrawFn) -> Mutation:
    """Change, insert, remove or repeat bytes anywhere."""
    places = draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=4))
    pieces = st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"\0", b"[" * 500, b"{", b'"', b"\n", b"*", b"&a ", b"9" * 400, b"\xff"]),
    )
    piece = draw(pieces)
    kind = draw(st.sampled_from(["flip", "insert", "remove", "truncate", "repeat"]))
    size = draw(st.integers(1, 64))

    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        for place in places:
            at = int(place * len(changed))
            if kind == "flip" and changed:
                changed[at] ^= size
            elif kind == "insert":
                changed[at:at] = piece
            elif kind == "remove":
                del changed[at : at + size]
            elif kind == "truncate":
                del changed[at:]
            elif kind == "repeat":
                changed[at:at] = changed[at : at + size] * size
        return bytes(changed)

    return change


# Changes of fields

HOSTILE = [
    None, True, False, 0, 1, -1, 2, 10**6, 10**12, 10**300, 0.5, -1.5, 1e308, 1e-320,
    "", "x", "-1", "nan", "../../etc/passwd", "\x1b[31mred", "‮evil", "a\nb", "<b>", "\ud800",
    "x" * 5000, "2020-01-01T00:00:00", "done", "failed", "running", "regression", "multilabel",
    "from_elsewhere.Mine", "os.system", "nn.Dense", "nn", "...", "experiments.datasets.Iris",
    "experiments.workers.preloaded.X", "relu", "float64", "full", "auto", "???", "${oc.env:HOME}",
    [], [None], [1, 2], ["a"], [[[[1]]]], [-5], [10**9], [1] * 3000, {}, {"a": 1}, {"": ""},
    {"_target_": "from_elsewhere.Mine"}, {"_target_": 5}, {"_target_": "nn.Dense", "units": 10**9},
    {"name": "relu"}, {"name": []},
]  # fmt: skip

MISSING = object()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in nested containers."""
    yield path
    items = dict(enumerate(value)) if isinstance(value, list) else value
    for key, item in items.items() if isinstance(items, dict) else ():
        yield from places(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Replace, or remove, what is at a path."""
    if not path:
        return {} if new is MISSING else new
    value = copy.deepcopy(value)
    node = value
    for key in path[:-1]:
        node = node[key]
    if new is MISSING:
        del node[path[-1]]
    else:
        node[path[-1]] = new
    return value


@st.composite
def field_changes(draw: st.DrawFn, file: str, run: str) -> Mutation:
    """Replace a value in a file, or take it away."""
    contents = loaded(file, (copied(run) / file).read_bytes())
    path = draw(st.sampled_from(list(places(contents))))
    new = draw(st.sampled_from([*HOSTILE, MISSING]))
    raw = draw(st.sampled_from([None, None, None, "NaN", "-Infinity", "9" * 10_000, "[" * 10_000]))

    def change(content: bytes) -> bytes:
        if raw is None:
            return dumped(file, replaced(loaded(file, content), path, new))
        marked = dumped(file, replaced(loaded(file, content), path, "MARK"))
        return marked.replace(b'"MARK"', raw.encode()).replace(b"MARK", raw.encode())

    return change


def loaded(file: str, content: bytes) -> Any:
    """Read a file of a record as nested containers."""
    if file.endswith(".json"):
        return json.loads(content)
    if file.endswith(".yaml"):
        return yaml.safe_load(content)
    if file.endswith(".csv"):
        return [line.split(",") for line in content.decode().splitlines()]
    if file == "SHA256SUMS":
        return [line.split("  ") for line in content.decode().splitlines()]
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive.items())


def dumped(file: str, contents: Any) -> bytes:
    """Write nested containers as a file of a record."""
    if file.endswith(".json"):
        return json.dumps(contents).encode()
    if file.endswith(".yaml"):
        return yaml.safe_dump(contents).encode("utf-8", "backslashreplace")
    if file.endswith(".npz"):
        arrays = contents if isinstance(contents, dict) else {"x": contents}
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names that a zip file cannot have
            try:
                np.savez(buffer, **{str(k): _array(v) for k, v in arrays.items()})
            except (ValueError, UnicodeEncodeError):
                return b""
        return buffer.getvalue()
    joint = "," if file.endswith(".csv") else "  "
    rows = contents if isinstance(contents, list) else [contents]
    lines = [joint.join(map(str, row)) if isinstance(row, list) else str(row) for row in rows]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _array(value: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except (ValueError, OverflowError):
        return np.asarray(str(value))


@pytest.mark.parametrize("vouched", [False, True], ids=["old sums", "new sums"])
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("run", RUNS)
@SAMPLE
@given(data=st.data())
def test_changed_bytes(
    run: str, file: str, vouched: bool, data: st.DataObject, trace: Path
) -> None:
    vouched = vouched and file != "SHA256SUMS"
    change = data.draw(byte_changes())
    assert_harmless(run, file, change, vouched=vouched, trace=trace)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("run", RUNS)
@SAMPLE
@given(data=st.data())
def test_changed_fields(run: str, file: str, data: st.DataObject, trace: Path) -> None:
    change = data.draw(field_changes(file, run))
    vouched = file != "SHA256SUMS"
    assert_harmless(run, file, change, vouched=vouched, trace=trace)


SHAPES = st.sampled_from([(), (0,), (1,), (3,), (6,), (4, 6), (6, 4), (2, 4, 6), (6, 3), (5, 1)])
TYPES = st.sampled_from(["<f4", "<f8", "<i8", "|b1", "<f2", "<c8", "<U3", "O", ">f4", "<M8[s]"])


@pytest.mark.parametrize("run", RUNS)
@SAMPLE
@given(data=st.data())
def test_changed_arrays(run: str, data: st.DataObject, trace: Path) -> None:
    arrays = loaded("weights.npz", (RECORDS / run / "weights.npz").read_bytes())
    name = data.draw(st.sampled_from(list(arrays)))
    array = np.zeros(data.draw(SHAPES), data.draw(TYPES))
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # half precision cannot hold -1e30
            array += data.draw(st.sampled_from([0, 1, -1e30, np.nan, np.inf]))
    arrays[data.draw(st.sampled_from([name, "best/dense9/bias", "x", ""]))] = array
    packed = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.draw(st.sampled_from([np.savez, np.savez_compressed]))(packed, **arrays)
    new = packed.getvalue()
    assert_harmless(run, "weights.npz", lambda _: new, vouched=True, trace=trace)


# Commands that take longer

SLOW = settings(max_examples=max(3, EXAMPLES // 10))


@st.composite
def any_changes(draw: st.DrawFn, run: str) -> tuple[str, Mutation]:
    """Change any file."""
    file = draw(st.sampled_from([file for file in FILES if file != "SHA256SUMS"]))
    return file, draw(st.one_of(byte_changes(), field_changes(file, run)))


def changed_run(run: str, data: st.DataObject) -> Path:
    """A copy of a run, of which a file was changed and the checksums were made anew."""
    file, change = data.draw(any_changes(run))
    folder = copied(run)
    (folder / file).write_bytes(change((folder / file).read_bytes()))
    vouch(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
@SLOW
@given(data=st.data())
def test_reports_and_pictures(run: str, data: st.DataObject, trace: Path) -> None:
    folder = changed_run(run, data)
    assert_told(*printed_by(compare, folder, RECORDS / run, "--report", "report"))
    assert_told(*printed_by(pictures, folder, "--output", "pictures"))
    assert not trace.exists()


EXPERIMENTS = itertools.count()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
@SLOW
@given(data=st.data())
def test_publishing(run: str, data: st.DataObject, database: str, trace: Path) -> None:
    folder = changed_run(run, data)
    # A run that an experiment has already is left alone.
    options = ("--patience", "0", "--experiment", f"hostile {next(EXPERIMENTS)}")
    assert_told(*printed_by(publish, folder, "--uri", database, *options))
    assert not trace.exists()


@pytest.mark.slow
@SLOW
@given(data=st.data())
def test_models_that_are_served(data: st.DataObject, trace: Path) -> None:
    folder = changed_run("dense", data)
    model = Path("model")
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(RECORDS / "model", model)
    shutil.rmtree(model / "record")
    shutil.move(folder, model / "record")
    with contextlib.suppress(UserError):
        served = _load_pyfunc(str(model / "record"))
        served.predict(pd.read_csv(RECORDS / RUNS["dense"]))
    assert not trace.exists()


# Records that no byte or field makes


def told(capsys: pytest.CaptureFixture[str], folder: Path, *files: str) -> str:
    """Return what all commands say about a folder, which is one message that names a file."""
    messages = []
    for command, *arguments in (
        (predict, folder, RECORDS / RUNS["dense"]),
        (compare, folder),
        (pictures, folder, "--output", "pictures"),
        (publish, folder, "--uri", "sqlite:///none.db"),
    ):
        assert command([str(argument) for argument in arguments]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        assert any(file in printed.err for file in files)
        messages.append(printed.err)
    assert not Path("none.db").exists()
    return "".join(messages)


@pytest.mark.skipif(os.name == "nt", reason="no such files on Windows")
@pytest.mark.parametrize("file", ["record.json", "SHA256SUMS"])
def test_what_is_no_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    for make, says in (
        (os.mkfifo, "it is a pipe"),
        (os.mkdir, "it is a folder"),
        (lambda path: os.symlink(RECORDS / "dense" / file, path), "it is a symbolic link"),
    ):
        folder = copied("dense")
        (folder / file).unlink()
        make(folder / file)
        # What is no file in a list of files is no record for commands that look for records.
        assert says in told(capsys, folder, file, "o finished runs", "no runs")


def test_files_beyond_their_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("config.yaml", "weights.npz", "preprocessing.json"):
        folder = copied("dense")
        os.truncate(folder / file, 1 << 40)
        assert predict([str(folder), str(RECORDS / RUNS["dense"])]) == 1
        said = capsys.readouterr().err
        assert f"{file}: the record cannot be read: it has 1,099,511,627,776 bytes" in said


def test_a_folder_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    told(capsys, Path("file"), "file: ")
    told(capsys, Path("nowhere"), "nowhere: ")


def test_a_record_of_a_newer_version(capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied("dense")
    data = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**data, "format": 2, "seed": None}))
    vouch(folder)
    said = told(capsys, folder, "record.json")
    assert said.count("its format is 2 and this program reads 1") == 4


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "..", "", "a/b", "a\\b", "x\0"])
def test_checksums_of_other_files(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied("dense")
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    said = told(capsys, folder, "SHA256SUMS")
    assert said.count("is not the name of a file in this folder") == 4


@pytest.mark.parametrize(
    ("epochs", "says"),
    [
        (["0", "1", "3"], "does not count the epochs"),
        (["-1", "0", "1"], "does not count the epochs"),
        (["0", "0.5", "1"], "does not count the epochs"),
        (["0", "", "2"], "does not count the epochs"),
        (["0", "nan", "2"], "does not count the epochs"),
        (["1", "2", "3"], "does not count the epochs"),
        (["0", "1" * 10_000, "2"], "does not count the epochs"),
        ([], "it has no epochs"),
    ],
)
def test_epochs(epochs: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied("dense")
    lines = ["epoch,val/loss", *(f"{epoch},0.5" for epoch in epochs)]
    (folder / "metrics.csv").write_text("\n".join(lines))
    vouch(folder)
    assert compare([str(folder)]) == 1
    assert says in capsys.readouterr().err


def test_a_table_of_metrics_without_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied("dense")
    (folder / "metrics.csv").write_text("val/loss\n0.5\n")
    vouch(folder)
    assert compare([str(folder)]) == 1
    assert "the column 'epoch' does not count the epochs" in capsys.readouterr().err


def test_a_network_that_is_larger_than_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    for hidden, says in (
        ([1] * 20_000, "model.hidden must be a list of at most 1000 items"),
        ([10**9], "model.hidden must be a list of items each a whole number in [1, 1000000]"),
        ([10**6, 10**6], "the network has 1,000,009,000,003 parameters, and at most"),
        ([7], "the network has 59 parameters, and at most 51 are possible"),
    ):
        folder = copied("dense")
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["model"]["hidden"] = hidden
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        vouch(folder)
        assert predict([str(folder), str(RECORDS / RUNS["dense"])]) == 1
        said = capsys.readouterr().err
        assert says in said
        assert len(said) < 1000


def described(run: str, **settings: Any) -> Path:
    """A copy of a run whose record describes its data otherwise, with new checksums."""
    folder = copied(run)
    data = json.loads((folder / "record.json").read_text())
    data["dataset"].update(settings)
    (folder / "record.json").write_text(json.dumps(data))
    vouch(folder)
    return folder


@pytest.mark.parametrize("run", RUNS)
def test_a_description_of_other_data(run: str) -> None:
    for key, values in {
        "steps": [0, 1, 2, 4, 8, 10**12],
        "tokens": [0, 5],
        "padded": [True],
        "shape": [[1, 2, 2], [4], [8], [2, 4], [1, 8]],
        "task": ["binary", "multiclass", "multilabel", "regression", "minimization"],
        "features": [3],
        "outputs": [7],
        "target_names": [[], ["a"], ["a", "b"]],
    }.items():
        for value in values:
            folder = described(run, **{key: value})
            assert_told(*printed_by(predict, folder, RECORDS / RUNS[run]))


def test_steps_and_classes_that_the_network_does_not_have() -> None:
    for run, claim, says in (
        ("dense", {"steps": 1}, "its outputs have the steps (), and the targets of its data (1,)"),
        ("sparse", {"steps": 2}, "the steps (), and the targets of its data (2,)"),
        ("text", {"steps": 2}, "the steps (8,), and the targets of its data (2,)"),
        ("csv", {"task": "binary"}, "the network has 1 outputs for 1 names of targets"),
    ):
        status, _, err = printed_by(predict, described(run, **claim), RECORDS / RUNS[run])
        assert status == 1
        assert says in err


@pytest.mark.parametrize("form", ["sparse", "dense", "mixed"])
def test_sparse_rows_of_any_width(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(self: SparsePreprocessing) -> None:
        raise AssertionError("a name for each of a number of features that nothing bounds")

    monkeypatch.setattr(SparsePreprocessing, "encoded_names", property(names))
    folder = copied("sparse")
    contents = json.loads((folder / "preprocessing.json").read_text())
    changed = contents | {"form": form, "width": 10**9}
    (folder / "preprocessing.json").write_text(json.dumps(changed))
    vouch(folder)
    status, _, err = printed_by(predict, folder, RECORDS / RUNS["sparse"])
    assert status == 1
    assert "it gives 1000000000 features, and the network takes 8" in err


@pytest.mark.skipif(os.name == "nt", reason="no links without a privilege")
def test_publishing_follows_no_link(capsys: pytest.CaptureFixture[str]) -> None:
    Path("secret").write_text("secret")
    for file in ("weights.npz", "snapshots.npz"):
        folder = copied("dense")
        (folder / file).unlink(missing_ok=True)
        (folder / file).symlink_to(Path("secret").absolute())
        with pytest.raises(RecordError, match=f"{file}.*it is a link or no file"):
            Record.read(folder).files()
    contents = {"sweep": "s", "experiments": ["e"], "note": ""}
    names = ["../secret", "link", str(Path("secret").absolute()), "x\0", "y" * 5000, "record.json"]
    (folder / "link").symlink_to(Path("secret").absolute())
    (folder / "summary.json").write_text(json.dumps({**contents, "files": names}))
    (summary,) = find_summaries(folder)
    assert summary.paths == [folder / "record.json"]


LIMITED = """
import resource, sys
from experiments.commands.predict import main
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_memory_is_bounded() -> None:
    laughs = "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    lists = b"[" + b"[]," * (20 << 20) + b"0]"
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000,), }\n"
    claims = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    inflated, claiming = io.BytesIO(), io.BytesIO()
    np.savez_compressed(inflated, **{"best/dense1/bias": np.zeros(1 << 28, np.int8)})
    with zipfile.ZipFile(claiming, "w") as archive:
        archive.writestr("best/dense1/bias.npy", claims)
    hostile = {
        "config.yaml": f"a: &a [x, x, x]\n{laughs}".encode(),
        "record.json": lists,
        "preprocessing.json": lists,
        "weights.npz": inflated.getvalue(),
        "weights.npz ": claiming.getvalue(),
    }
    for file, content in hostile.items():
        folder = copied("dense")
        (folder / file.strip()).write_bytes(content)
        vouch(folder)
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, "run", str(RECORDS / RUNS["dense"])],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("predict: ")
        assert done.stderr.count("\n") == 1
