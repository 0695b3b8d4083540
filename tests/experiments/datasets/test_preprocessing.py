import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from experiments.datasets import Diabetes, Digits, Notation, Preprocessing, Table
from experiments.datasets.preprocessing import fit_preprocessing
from experiments.errors import DataError


def fit(table, *, scaling="none", impute=None, targets=None, dtype="float64"):
    table = table.tidied(Notation())
    levels = {name: tuple(sorted({c for c in cells if c})) for name, cells in table.texts.items()}
    return fit_preprocessing(
        table, levels=levels, scaling=scaling, impute=impute, dtype=dtype, targets=targets
    )


@pytest.fixture
def mixed():
    """Age 1 to 4, a colour, a size with a gap."""
    return Table(
        ("age", "colour", "size"),
        np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 20.0], [4.0, 60.0]]),
        {"colour": np.array(["red", "blue", "", "red"], object)},
    )


def test_worked_example(mixed):
    preprocessing = fit(mixed, scaling="minmax", impute="mean")
    assert preprocessing.encoded_names == ("age", "colour=blue", "colour=red", "size")
    assert preprocessing.fills == {"age": 2.5, "size": 30.0, "colour": "red"}
    np.testing.assert_allclose(
        preprocessing.encode_table(mixed),
        [[0, 0, 1, 0], [1 / 3, 1, 0, 0.4], [2 / 3, 0, 1, 0.2], [1, 0, 1, 1]],
        atol=1e-12,
    )


def test_median_of_an_even_number_is_the_middle(mixed):
    assert fit(mixed, impute="median").fills == {"age": 2.5, "size": 20.0, "colour": "red"}


def test_frames_mappings_and_arrays_encode_alike(mixed):
    preprocessing = fit(mixed, scaling="standard", impute="mean")
    expected = preprocessing.encode_table(mixed)
    rows = [[1, "red", 10], [2, "blue", None], [3, None, 20], [4, "red", 60]]
    frame = pd.DataFrame(rows, columns=["age", "colour", "size"])
    frame["unrelated"] = "?"
    for raw in (
        frame,
        frame[["size", "unrelated", "colour", "age"]],
        frame.astype({"colour": "category", "age": "Int64"}),
        {name: frame[name].tolist() for name in ("colour", "size", "age")},
        rows,
        np.array(rows, object),
        [[str(cell) if cell is not None else "NA" for cell in row] for row in rows],
    ):
        np.testing.assert_array_equal(preprocessing.encode(raw), expected)


def test_levels_that_look_like_values_are_found_whatever_their_type():
    texts = np.array(["1", "2", "true", "02134"], object)
    preprocessing = fit(Table(("code",), np.empty((4, 0)), {"code": texts}))
    codes = preprocessing.encode({"code": np.array([1, 2.0, True, "02134", " 2 "], object)})
    names = [preprocessing.encoded_names[slot] for slot in codes.argmax(axis=1)]
    assert names == ["code=1", "code=2", "code=true", "code=02134", "code=2"]


@given(
    arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    st.lists(st.sampled_from(["a", "b", "ü,\n", ""]), min_size=7, max_size=7),
    st.sampled_from(["standard", "minmax", "max", "none"]),
    st.sampled_from(["mean", "median"]),
)
def test_json_brings_back_the_same_encoding(numbers, texts, scaling, impute):
    numbers[0] = 1.5  # a column needs one value, to impute from
    texts[0] = "a"
    table = Table(("x", "t", "y", "z"), numbers, {"t": np.array(texts, object)})
    targets = np.arange(7.0)[:, None] ** 2
    preprocessing = fit(table, scaling=scaling, impute=impute, targets=targets)
    again = Preprocessing.from_json(preprocessing.to_json())
    assert again == preprocessing
    inputs = preprocessing.encode_table(table)
    frame = pd.DataFrame({"x": numbers[:, 0], "t": texts, "y": numbers[:, 1], "z": numbers[:, 2]})
    np.testing.assert_array_equal(again.encode(frame), inputs)
    np.testing.assert_array_equal(
        again.decode_targets(targets), preprocessing.decode_targets(targets)
    )


def test_targets_are_standardised_and_come_back():
    targets = np.array([[10.0, 5], [20.0, 5], [60.0, 5]])
    preprocessing = fit(Table.of_numbers(np.eye(3)), targets=targets)
    scaled = preprocessing.encode_targets(targets)
    np.testing.assert_allclose(scaled[:, 0].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(scaled[:, 0].std(), 1)
    np.testing.assert_array_equal(scaled[:, 1], 0)  # constant: scale 1
    np.testing.assert_allclose(preprocessing.decode_targets(scaled), targets)
    stacked = preprocessing.decode_targets(np.stack([scaled, scaled]).astype(np.float32))
    np.testing.assert_allclose(stacked, [targets, targets], rtol=1e-6)
    with pytest.raises(ValueError, match=r"\(3, 1\)"):
        preprocessing.decode_targets(scaled[:, :1])


def test_raw_rows_encode_as_in_training():
    from sklearn.datasets import load_diabetes, load_digits

    for dataset, raw in (
        (Digits().load(), load_digits().data),
        (Digits(scaling="standard").load(), load_digits().data),
        (Diabetes().load(), load_diabetes(scaled=False).data),
    ):
        encoded = {row.tobytes() for row in dataset.preprocessing.encode(raw)}
        assert encoded >= {row.tobytes() for row in dataset.train.inputs}
        assert encoded >= {row.tobytes() for row in dataset.test.inputs}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"agee": [1], "colour": ["red"], "size": [1]}, r"'age'; did you mean 'agee'\?"),
        ({"age": ["x"], "colour": ["red"], "size": [1]}, "row 1, column 'age': 'x' is not a num"),
        ({"age": [1, "1_0"], "colour": ["red"] * 2, "size": [1, 1]}, "row 2, column 'age': '1_0'"),
        ({"age": [1], "colour": ["green"], "size": [1]}, "row 1, column 'colour': 'green'.*blue"),
        ({"age": [1], "colour": [7], "size": [1]}, "row 1, column 'colour': '7'"),
        ({"age": [1, 2], "colour": ["red"], "size": [1]}, "differ in length"),
        ({"age": [[1, 2]], "colour": ["red"], "size": [1]}, r"'age' has shape \(1, 2\)"),
        ({"age": ["inf"], "colour": ["red"], "size": [1]}, "row 1, column 'age': .*infinite"),
        ([[1, "red"]], r"shape \(1, 2\), not \(rows, 3\)"),
        ([1, "red", 3], r"shape \(3,\), not \(rows, 3\)"),
        ([[1, "red", 3], [1]], r"differ in length|shape \(2,\)"),
    ],
)
def test_faults_are_named(mixed, raw, message):
    with pytest.raises(DataError, match=message):
        fit(mixed, impute="mean").encode(raw)


def test_missing_value_is_refused_where_nothing_was_fitted():
    preprocessing = fit(Table(("a", "b"), np.ones((2, 1)), {"b": np.array(["x", "y"], object)}))
    with pytest.raises(DataError, match="row 2, column 'a': the value is missing"):
        preprocessing.encode([[1, "x"], ["", "x"]])
    with pytest.raises(DataError, match="row 1, column 'b': the value is missing"):
        preprocessing.encode([[1, None]])


def test_column_without_a_value_cannot_be_imputed():
    with pytest.raises(DataError, match="'x1' has no value in the training part"):
        fit(Table.of_numbers(np.full((3, 1), np.nan)), impute="mean")


def test_float32_refuses_what_it_cannot_hold():
    preprocessing = fit(Table.of_numbers(np.eye(2)), dtype="float32")
    assert preprocessing.encode(np.eye(2, dtype=np.uint8)).dtype == np.float32
    with pytest.raises(DataError, match=r"row 1, column 'x2'.*beyond single precision"):
        preprocessing.encode([[1, 1e300]])


@pytest.mark.parametrize("value", [1e39, -1e39, 1.7e308, -1.7e308, np.inf])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "max", "none"])
def test_values_beyond_single_precision_are_refused_by_row(value, scaling):
    preprocessing = fit(Table.of_numbers(np.eye(2)), scaling=scaling)
    preprocessing.encode([[1, 3e37], [-3e37, 0]])
    match = r"row 3, column 'x1'.*beyond single precision"
    with warnings.catch_warnings(action="error"), pytest.raises(DataError, match=match):
        preprocessing.encode([[1, 2], [2, 1], [value, 0]])


def test_rows_are_named_by_their_number_in_the_source():
    table = Table.of_numbers(np.array([[0.0], [np.nan], [1.0]])).take(np.array([2, 0, 1]))
    with pytest.raises(DataError, match="row 2, column 'x1': the value is missing"):
        fit(table)
    numbered = Table(("a",), np.zeros((2, 1)), rows=np.array([4, 9]))
    assert [numbered.row(index) for index in range(2)] == [4, 9]
    assert numbered.take(np.array([1])).row(0) == 9


def test_no_rows_give_no_rows(mixed):
    preprocessing = fit(mixed, impute="mean")
    assert preprocessing.encode(np.empty((0, 3), object)).shape == (0, 4)
    assert fit(Table.of_numbers(np.eye(2))).encode(np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: "not json",
        lambda c: "[]",
        lambda c: json.dumps(c | {"format": 2}),
        lambda c: json.dumps({k: v for k, v in c.items() if k != "scale"}),
        lambda c: json.dumps(c | {"scale": [1.0]}),
        lambda c: json.dumps(c | {"scale": ["x", 1, 1, 1]}),
        lambda c: json.dumps(c | {"scale": [0.0, *c["scale"][1:]]}),
        lambda c: json.dumps(c | {"dtype": "object"}),
        lambda c: json.dumps(c | {"target_scale": [1.0]}),
        lambda c: json.dumps(c | {"levels": 3}),
    ],
)
def test_damaged_json_is_refused(mixed, damage):
    contents = json.loads(fit(mixed, impute="mean").to_json())
    with pytest.raises(DataError, match="preprocessing cannot be read"):
        Preprocessing.from_json(damage(contents))


@pytest.mark.parametrize("cell", ["x" * 10**6, 10**400, 10**5000], ids=["text", "400", "5000"])
def test_a_long_cell_is_shortened_in_messages(cell):
    preprocessing = fit(Table.of_numbers(np.eye(2)))
    with pytest.raises(
        DataError, match=r"row 1, column 'x1': '.*\.\.\.' is not a number"
    ) as refused:
        preprocessing.encode(np.array([[cell, 1]], object))
    assert len(str(refused.value)) < 300
