import dataclasses
import gzip
import sys
import warnings
from pathlib import Path

import hydra.utils
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from experiments.datasets import Csv, Preprocessing, TableFormat, Task, read_table
from experiments.datasets.encoded_table import DrawnRows
from experiments.errors import ConfigError, DataError


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def every_row(dataset):
    parts = dataset.parts.values()
    return (
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )


FLOWERS = "length,colour,kind\n" + "".join(
    f"{i / 4},{('red', 'blue', 'green')[i % 3]},{('tulip', 'rose')[i % 2]}\n" for i in range(24)
)


def test_numbers_categories_and_classes(write):
    dataset = Csv(path=write(FLOWERS), target="kind", scaling="none").load()
    assert (dataset.name, dataset.task) == ("table", Task.BINARY)
    assert dataset.feature_names == ("length", "colour")
    assert dataset.target_names == ("rose", "tulip")
    assert dataset.preprocessing.encoded_names == (
        "length",
        "colour=blue",
        "colour=green",
        "colour=red",
    )
    inputs, targets = every_row(dataset)
    row = (inputs[:, 0] * 4).astype(int)
    np.testing.assert_array_equal(targets, (row + 1) % 2)
    np.testing.assert_array_equal(inputs[:, 1:], np.eye(3)[[(2, 0, 1)[r % 3] for r in row]])
    assert dataset.notes == (
        "table.csv has 24 rows; the inputs are length (number), colour (category with 3 levels)",
        (
            "the network learns to predict kind (binary of the classes rose, tulip; if that is "
            "wrong, give dataset.task)"
        ),
    )


def test_raw_table_encodes_as_in_training_through_every_reader(write):
    path = write(FLOWERS)
    dataset = Csv(path=path, target="kind").load()
    expected = {row.tobytes() for row in every_row(dataset)[0]}
    ours = read_table(Csv(path=path, target="kind").files()[0])
    for raw in (pd.read_csv(path), ours, ours.columns):
        assert {row.tobytes() for row in dataset.preprocessing.encode(raw)} == expected


@pytest.mark.parametrize(
    ("target", "values", "task", "names"),
    [
        ("y", [["no", "yes"]], Task.BINARY, ("no", "yes")),
        ("y", [["b", "a", "c"]], Task.MULTICLASS, ("a", "b", "c")),
        ("y", [[2, 10]], Task.BINARY, ("2", "10")),
        ("y", [["2.0", 1, 10]], Task.MULTICLASS, ("1", "2", "10")),
        ("y", [[0.5, 1.5]], Task.REGRESSION, ("y",)),
        ("y", [range(21)], Task.REGRESSION, ("y",)),
        (["y", "z"], [[0, 1], [1, 0, 1]], Task.MULTILABEL, ("y", "z")),
        (["z", "y"], [[0, 1], [1.5, 2, 3]], Task.REGRESSION, ("z", "y")),
        (["y"], [[0, 1]], Task.BINARY, ("0", "1")),
    ],
)
def test_inferred_task(write, target, values, task, names):
    columns = dict(zip("yz", values, strict=False))
    text = "x," + ",".join(columns) + "\n"
    for i in range(42):
        text += ",".join(str(v) for v in (i, *(c[i % len(c)] for c in columns.values()))) + "\n"
    dataset = Csv(path=write(text), target=target).load()
    assert (dataset.task, dataset.target_names) == (task, names)
    _, targets = every_row(dataset)
    assert targets.shape == ((42,) if task.has_classes else (42, len(names)))


def test_given_task_overrules(write):
    text = "x,y\n" + "".join(f"{i},{i % 5}\n" for i in range(30))
    assert Csv(path=write(text), target="y").load().task is Task.MULTICLASS
    dataset = Csv(path=write(text), target="y", task="regression").load()
    raw = dataset.preprocessing.decode_targets(every_row(dataset)[1])
    np.testing.assert_allclose(sorted(raw[:, 0]), sorted(i % 5 for i in range(30)), atol=1e-12)
    assert Csv(path=write(text), target=["y"], task="multiclass").load().outputs == 5


def test_targets_and_inputs_beyond_single_precision_are_refused_by_row(write):
    lines = [f"{i},{i % 7}.5" for i in range(30)]
    for row, line, named in [
        (9, "9,1e300", "target 'y': 1e[+]300"),
        (20, "1e300,2.5", "column 'a'"),
    ]:
        text = "\n".join(["a,y", *lines[:row], "", line, *lines[row:]])
        source = Csv(path=write(text), target="y", scaling="none", scale_targets=False)
        match = f"table.csv: row {row + 1}, {named}"
        with warnings.catch_warnings(action="error"), pytest.raises(DataError, match=match):
            source.load()
    gaps = "\n".join(["a,y", ",1.5", *lines[:9], "1e300,2.5", *lines[9:]])
    with pytest.raises(DataError, match=r"table\.csv: row 11, column 'a'"):
        Csv(path=write(gaps), target="y", scaling="none", missing="drop").load()


GAPS = "a,b,y\n" + "".join(
    f"{'' if i == 3 else i},{'NA' if i == 5 else 'uv'[i % 3 == 0]},{i % 2}\n" for i in range(12)
)


def test_missing_values_are_refused_by_default(write):
    with pytest.raises(DataError, match=r"table.csv, line 5 \(row 4\), column 'a': .*2 of 12 rows"):
        Csv(path=write(GAPS), target="y").load()


def test_a_text_that_counts_as_missing_may_be_a_value(write):
    table = "country,a,y\n" + "DE,1,0\nNA,2,1\n" * 6
    with pytest.raises(DataError, match="if 'NA' is a value, leave it out of"):
        Csv(path=write(table), target="y").load()


def test_missing_values_drop_their_rows(write):
    dataset = Csv(path=write(GAPS), target="y", missing="drop", scaling="none").load()
    inputs, _ = every_row(dataset)
    assert sorted(inputs[:, 0]) == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
    assert "10 rows after 2 with missing values were dropped" in dataset.notes[0]


@pytest.mark.parametrize(("missing", "statistic"), [("mean", np.mean), ("median", np.median)])
@pytest.mark.parametrize("seed", range(4))
def test_missing_values_are_imputed_from_the_training_part(write, missing, statistic, seed):
    # The square of the row's number, but for row 3.
    text = "row,a,b,y\n" + "".join(
        f"{i},{'' if i == 3 else i * i},{'?' if i == 5 else 'u' if i % 3 else 'v'},{i % 2}\n"
        for i in range(12)
    )
    source = Csv(path=write(text), target="y", missing=missing, scaling="none", seed=seed)
    dataset = source.load()
    training = dataset.train.inputs[:, 0]
    expected = statistic([row**2 for row in training if row != 3])
    inputs, _ = every_row(dataset)
    np.testing.assert_allclose(
        inputs[:, 1], np.where(inputs[:, 0] == 3, expected, inputs[:, 0] ** 2), rtol=1e-12
    )
    rows = [int(row) for row in training if row != 5]
    frequent = "u" if sum(1 if row % 3 else -1 for row in rows) >= 0 else "v"
    assert dataset.preprocessing.fills["b"] == frequent
    assert inputs[inputs[:, 0] == 5, 2:].tolist() == [[frequent == "u", frequent == "v"]]


def test_missing_target_is_never_invented(write):
    text = GAPS.replace("7,u,1", "7,u,")
    for missing in ("refuse", "mean", "median"):
        with pytest.raises(DataError, match=r"column '[ay]': the value is missing"):
            Csv(path=write(text), target="y", missing=missing).load()
    with pytest.raises(DataError, match=r"line 9 .*column 'y'.*dataset.missing=drop\."):
        Csv(path=write(text), target="y", missing="mean").load()
    dataset = Csv(path=write(text), target="y", missing="drop").load()
    assert sum(map(len, dataset.parts.values())) == 9


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiters_line_ends_byte_order_mark_blanks_and_quotes(write, delimiter, ending):
    lines = ["a,the name,y", *(f' {i} ,"q ""{i % 2}""\n,x",{i % 2}' for i in range(8)), "", ""]
    text = "\ufeff" + ending.join(lines).replace(",", delimiter)
    dataset = Csv(path=write(text), target="y").load()
    levels = tuple(f'q "{i}"\n{delimiter}x' for i in range(2))
    assert dataset.preprocessing.levels == {"the name": levels}
    assert dataset.feature_names == ("a", "the name")


def test_options_for_columns(write):
    text = "id,zip,x,y\n" + "".join(f"n{i},{1000 + i % 3},{i},{i / 2}\n" for i in range(12))
    path = write(text)
    source = Csv(path=path, target="y", ignore=["id"], categorical=["zip"])
    assert source.load().preprocessing.encoded_names == ("zip=1000", "zip=1001", "zip=1002", "x")
    with pytest.raises(DataError, match=r"'id' has 12 levels .*dataset.ignore=\[id\]"):
        Csv(path=path, target="y", max_levels=11).load()


def test_path_starts_at_dir(write, tmp_path, monkeypatch):
    write(FLOWERS)
    assert Csv(dir=str(tmp_path), path="table.csv", target="kind").load().name == "table"
    monkeypatch.chdir(tmp_path)
    assert Csv(path="table.csv", target="kind").files() == (tmp_path / "table.csv",)


def test_lists_of_a_configuration_are_accepted():
    config = OmegaConf.create(
        {
            "_target_": "experiments.datasets.Csv",
            "path": "p",
            "target": ["a", "b"],
            "ignore": [],
            "categorical": ["c"],
        }
    )
    source = hydra.utils.instantiate(config)
    assert (source.target, source.ignore, source.categorical) == (("a", "b"), (), ("c",))


ROWS = "".join(f"{i},{i % 2}\n" for i in range(10))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "the file is empty"),
        ("\n\n", {}, "the file is empty"),
        ("a,y\n", {}, "no rows below the header"),
        ("a,y\n1,2\n1,2,3\n", {}, "line 3: 3 cells, where the header names 2"),
        ("a,y\n1,2\n\n1\n", {}, "line 4: 1 cell, where the header names 2"),
        ("a,,y\n1,2,3\n", {}, "column 2 has no name"),
        ("a,a,y\n1,2,3\n", {}, "names 'a' twice"),
        ("1,2\n3,4\n", {}, "first line holds numbers"),
        ('a,y\n1,"2\n', {}, "line 2: not proper CSV"),
        ("a,y\n" + ROWS + "abc,1\n", {}, r"line 12 \(row 11\), column 'a': 'abc' is not a number"),
        ("a,y\n" + ROWS + "1_0,1\n", {}, r"line 12 \(row 11\), column 'a': '1_0' is not a number"),
        ("a,y\n" + ROWS + "inf,1\n", {}, r"line 12 .*'inf' is not a finite number"),
        ("y,a\n" + ROWS, {"target": "a", "ignore": ["y"]}, "no column is left to predict a"),
        ("a,price\n" + ROWS, {"target": "prices"}, "'prices', .*did you mean 'price'"),
        ("a,y\n" + ROWS, {"ignore": ["b"]}, "dataset.ignore names the column 'b'"),
        ("a^y\n1^2\n", {}, r"'y', which is not there.*only column is 'a\^y'.*dataset.delimiter"),
        ("y,a\n" + ROWS + "x,1\n", {}, r"line 12 .*'x' is not a number, which the task"),
        ("a,y\n" + ROWS + "1,x\n", {"task": "regression"}, r"line 12 .*column 'y': 'x' is not"),
        ("y,a\n" + ROWS + "1e999,1\n", {}, r"line 12 .*'1e999' is not a finite"),
        ("a,y\n" + ROWS + "1,x\n", {"target": ["a", "y"], "ignore": []}, "no column is left"),
        ("a,y\n" + ROWS + "1,3\n", {"task": "multilabel"}, r"line 12 .*'3' is not a label"),
        ("a,y\n" + ROWS + "1,3\n", {"task": "binary"}, r"has 3 classes \(0, 1, 3\), not two"),
        ("a,y\n1,5\n2,5\n3,5\n", {}, "every row has '5' in the target column"),
        ("a,b,y\n1,2,3\n" * 2, {}, "is not a number"),
        ("a,y\n,1\n,2\n", {"missing": "drop"}, "every row misses a value"),
        ("a,y\n" + ",1\n,0\n" * 9, {"missing": "mean"}, "table.csv: column 'a' has no value"),
        ("a,y\n1,1\n2,0\n", {}, "table.csv: 2 rows cannot be split"),
        (b"a,y\n1,2\n\xff,3\n", {}, "line 3: not UTF-8"),
        ("a,y\n" + "x" * 200_000 + ",1\n", {}, "line 2: not proper CSV"),
        ("x,a,b\n1,u,v\n", {"target": ["a", "b"]}, "'u' is not a number"),
        ("x,a,b\n1,1,2\n", {"target": ["a", "b"], "task": "binary"}, "has one target"),
    ],
)
def test_malformed_tables_are_named_with_place(write, text, options, message):
    source = Csv(**({"path": write(text), "target": "y"} | options))
    with pytest.raises(DataError, match=message) as caught:
        source.load()
    assert "table.csv" in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv: there is no such file"):
        Csv(path=str(tmp_path / "absent.csv"), target="y").load()
    with pytest.raises(DataError, match="cannot be read"):
        Csv(path=str(tmp_path), target="y").load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": []}, "names no column"),
        ({"target": 3}, "dataset.target must be"),
        ({"path": None}, "dataset.path must be a word"),
        ({"missing": "zero"}, "dataset.missing must be one of refuse, mean, median, drop"),
        ({"task": "ranking"}, "dataset.task must be"),
        ({"delimiter": ",,"}, "dataset.delimiter is ',,'"),
        ({"delimiter": '"'}, "dataset.delimiter is"),
        ({"ignore": ["y"]}, "in dataset.target and in dataset.ignore"),
        ({"categorical": ["y"]}, "in dataset.target and in dataset.categorical"),
        ({"max_levels": 1}, "dataset.max_levels"),
        ({"decimal": ";;"}, "dataset Csv: dataset.decimal is ';;'"),
        ({"decimal": ",", "thousands": ","}, "dataset.decimal and dataset.thousands are both ','"),
        ({"encoding": "klingon"}, "dataset.encoding is 'klingon', which Python does not know"),
        ({"encoding": "hex"}, "dataset.encoding is 'hex'"),
        ({"missing_values": "NA"}, "dataset.missing_values must be a list"),
        ({"target": "é", "ignore": ["e\u0301"]}, "in dataset.target and in dataset.ignore"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ConfigError, match=message):
        Csv(**({"path": "t.csv", "target": "y"} | options))


@given(
    st.binary(max_size=60) | st.text(alphabet="abc1,;.\n\"'-eE \t|", max_size=80).map(str.encode),
    st.sampled_from(["refuse", "mean", "median", "drop"]),
)
def test_any_bytes_lead_to_data_or_data_error(write, content, missing):
    source = Csv(path=write(b"a,b,y\n" + content), target="y", missing=missing)
    try:
        dataset = source.load()
    except DataError as error:
        assert "table.csv" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert dataset.features >= 1


def codes(*levels, header="c,x,y", form="{},{},{}\n"):
    return (
        header + "\n" + "".join(form.format(levels[i % len(levels)], i, i % 2) for i in range(24))
    )


@pytest.mark.parametrize(
    ("content", "options", "levels"),
    [
        (codes("None", "mild"), {}, {"c": ("None", "mild")}),
        (codes("None", "NULL", "a"), {"missing": "mean"}, {"c": ("None", "a")}),
        (codes("1.#IND", "-nan", "u"), {}, {"c": ("-nan", "1.#IND", "u")}),
        (codes("1.1", "1.10"), {"categorical": ["c"]}, {"c": ("1.1", "1.10")}),
        (codes("01", "1", "007"), {"categorical": ["c"]}, {"c": ("007", "01", "1")}),
        (
            codes("9007199254740992", "9007199254740993"),
            {"categorical": ["c"]},
            {"c": ("9007199254740992", "9007199254740993")},
        ),
        (codes("true", "True", "TRUE"), {}, {"c": ("TRUE", "True", "true")}),
        (codes("NA", "DE"), {"missing_values": []}, {"c": ("DE", "NA")}),
        (codes("DE", "none"), {"missing_values": ["None"], "missing": "median"}, {"c": ("DE",)}),
        (codes("a", "b", form="{};{};{}\n", header=" c ; x; y"), {}, {"c": ("a", "b")}),
        (codes("a", "b").replace(",", "\t"), {"delimiter": "\\t"}, {"c": ("a", "b")}),
        (codes("ü", "b").encode("latin-1"), {"encoding": "latin-1"}, {"c": ("b", "ü")}),
        (codes("ü", "b").encode("utf-16"), {"encoding": "utf-16"}, {"c": ("b", "ü")}),
        (
            codes("1.234,5", "7", form="{};{};{}\n", header="c;x;y"),
            {"decimal": ",", "thousands": "."},
            {},
        ),
        (codes("-999", "7"), {"missing_values": [-999], "missing": "mean"}, {}),
        (codes("a", "b", header="c,e\u0301,y"), {"ignore": ["é"]}, {"c": ("a", "b")}),
        (codes("a", "b", header="e\u0301,x,y"), {"categorical": ["é"]}, {"é": ("a", "b")}),
        (codes("a", "b", header="sep=,\nc,x,y"), {}, {"c": ("a", "b")}),
        (gzip.compress(codes("a", "b").encode(), mtime=0), {}, {"c": ("a", "b")}),
    ],
)  # fmt: skip
def test_prediction_reads_what_training_read(write, content, options, levels):
    path = write(content)
    source = Csv(**({"path": path, "target": "y"} | options))
    dataset = source.load()
    assert dataset.preprocessing.levels == levels
    # What a record stores
    stored = Preprocessing.from_json(dataset.preprocessing.to_json())
    table = read_table(Path(path), TableFormat.of_config(dataclasses.asdict(source)))
    expected = {row.tobytes() for row in every_row(dataset)[0]}
    assert {row.tobytes() for row in stored.encode(table)} == expected


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["4,0", "1,5"], r"line 2 \(row 1\), column 'c': '4,0' and most .*dataset\.decimal=','\."),
        (["1,234", "2,500,000"], r"dataset\.thousands=','\. Give that, if"),
        (["1.5", "2.5", "1,5"], r"line 4 .*'1,5' is not a number, .*one with dataset\.decimal=','"),
        (["950", "1 050"], r"'1 050' is not a number, .*one with dataset\.thousands=' '"),
        (["1.5", "2.5", "-nan"], r"'-nan' is not a number, as most of this column are\. Correct"),
    ],
)
def test_numbers_in_another_notation_are_no_categories(write, cells, message):
    text = codes(*cells, form="{};{};{}\n", header="c;x;y")
    with pytest.raises(DataError, match=message):
        Csv(path=write(text), target="y").load()
    dataset = Csv(path=write(text), target="y", categorical=["c"]).load()
    assert set(dataset.preprocessing.levels["c"]) == set(cells)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (
            "{}.5%",
            r"line 2 \(row 1\), column 'c': '0\.5%' and most .*take '%' out of",
        ),
        ("$ {}.25", r"take '\$' out of the cells"),
        ("{},5 kg", r"take 'kg' out of the cells and give dataset\.decimal=','"),
    ],
)
def test_quantities_are_no_categories(write, form, message):
    text = codes(*map(form.format, range(24)), form="{};{};{}\n", header="c;x;y")
    with pytest.raises(DataError, match=message):
        Csv(path=write(text), target="y").load()
    dataset = Csv(path=write(text), target="y", categorical=["c"]).load()
    assert len(dataset.preprocessing.levels["c"]) == 24


@pytest.mark.parametrize("levels", [("S 36", "M 38"), ("12b", "7c", "9d"), ("5%", "10%"), ("A4",)])
def test_names_with_a_number_stay_categories(write, levels):
    dataset = Csv(path=write(codes(*levels)), target="y").load()
    assert set(dataset.preprocessing.levels["c"]) == set(levels)


def test_a_prediction_table_may_have_more_columns_in_another_order(write):
    dataset = Csv(path=write(codes("a", "b")), target="y", scaling="none").load()
    table = read_table(Path(write(",x,note,c,y\n0,5,NA,b,\n1,6,,a,1\n", "new.csv")))
    np.testing.assert_array_equal(dataset.preprocessing.encode(table), [[0, 1, 5], [1, 0, 6]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x\n1\n", r"no column is called 'c'"),
        ("c,c,x\na,a,1\n", r"new\.csv: the header names 'c' twice"),
        ("c,x\na,1\nz,2\n", r"row 2, column 'c': 'z' is not among the levels"),
        ("c,x\nA,1\n", r"row 1, column 'c': 'A' is not among the levels"),
        ("c,x\na,1\nb,'1,5'\n", r"new\.csv, line 3: 3 cells"),
        ('c,x\na,1\nb,"1,5"\n', r"row 2, column 'x': '1,5' is not .* training table does: 1234\.5"),
        ("c,x\na,\n", r"row 1, column 'x': the value is missing"),
        ("c,x\nNA,1\n", r"row 1, column 'c': the value is missing"),
    ],
)
def test_a_prediction_table_that_does_not_fit(write, text, message):
    dataset = Csv(path=write(codes("a", "b")), target="y").load()
    with pytest.raises(DataError, match=message):
        dataset.preprocessing.encode(read_table(Path(write(text, "new.csv"))))


def test_a_parquet_file_is_read_as_its_csv_file(write, tmp_path):
    frame = pd.DataFrame(
        {
            "code": pd.array([1, 2**53 + 1, None] * 8, "Int64"),
            "x": np.arange(24) / 4,
            "y": ["no", "yes"] * 12,
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    frame.to_parquet(tmp_path / "table.parquet")
    options = {"target": "y", "categorical": ["code"], "missing": "mean", "dir": str(tmp_path)}
    one, other = (Csv(path=f"table.{end}", **options).load() for end in ("csv", "parquet"))
    assert one.preprocessing == other.preprocessing
    assert one.digest == other.digest
    for table in map(read_table, (tmp_path / "table.csv", tmp_path / "table.parquet")):
        rows = {row.tobytes() for row in one.preprocessing.encode(table)}
        assert rows == {row.tobytes() for row in every_row(one)[0]}


def test_encoding_that_does_not_fit_in_memory(write, monkeypatch):
    # The function of this name hides its module.
    module = sys.modules["experiments.datasets.prepare"]
    monkeypatch.setattr(module, "available_memory", lambda: 24 * 3 * 8)
    with pytest.raises(DataError, match=r"table\.csv: encoding 24 rows as 3 features needs about"):
        Csv(path=write(codes("a", "b")), target="y").load()


def test_loading_makes_no_copy_of_the_encoded_table(write, monkeypatch):
    path = write(FLOWERS)

    def scaled(rows):
        raise AssertionError("the rows were scaled, which takes as much memory again")

    monkeypatch.setattr(DrawnRows, "inputs", scaled)
    assert len(Csv(path=path, target="kind").load().train) == 16


def test_a_column_of_codes_read_as_numbers_is_named(write):
    rows = [f"{2**53 + 1 + i},{20240101 + i % 28},{i % 2}" for i in range(80)]
    path = write("\n".join(["id,day,y", *rows]))
    lost, dates = Csv(path=path, target="y").load().warnings
    assert "the last digits of large numbers in the column 'id'" in lost
    assert "the numbers of the column 'day' look like dates, such as 20240101" in dates
    assert Csv(path=path, target="y", ignore=["id"], dates=["day"]).load().warnings == ()
