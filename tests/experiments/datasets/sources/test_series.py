"""Windows of series against slices, the parts by position, gaps, and forecasts of raw tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.datasets import Preprocessing, Series, read_table
from experiments.errors import ConfigError, DataError


def write(folder: Path, columns: dict[str, list], name: str = "power.csv") -> Path:
    path = folder / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def numbers(steps: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    return {"load": rng.normal(10, 3, steps).tolist(), "wind": rng.normal(5, 1, steps).tolist()}


def days(steps: int, frequency: str = "D") -> list[str]:
    dates = pd.date_range("2020-01-31", periods=steps, freq=frequency)
    return [str(date) if "h" in frequency else str(date.date()) for date in dates]


@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (5, 1), (4, 3)])
@pytest.mark.parametrize("target", [None, "wind", ["wind", "load"]])
def test_windows_are_slices(tmp_path: Path, window: int, horizon: int, target) -> None:
    columns = numbers(60)
    path = write(tmp_path, columns)
    source = Series(path=str(path), window=window, horizon=horizon, target=target, scaling="none")
    dataset = source.load()
    assert dataset.shape == (2, window)
    values = np.array([columns["load"], columns["wind"]])
    chosen = {None: [0, 1], "wind": [1]}.get(target if target != ["wind", "load"] else 0, [1, 0])
    assert dataset.target_names == tuple(
        f"{('load', 'wind')[one]} t+{step}" for one in chosen for step in range(1, horizon + 1)
    )
    ends = {"train": (0, 42), "validation": (42, 51), "test": (51, 60)}  # 9 steps are 15%
    for name, (begin, end) in ends.items():
        part = dataset.parts[name]
        firsts = [s for s in range(window, 60) if begin <= s and s + horizon <= end]
        assert len(part) == len(firsts)
        raw = dataset.preprocessing.decode_targets(part.targets)
        for row, first in enumerate(firsts):
            expected = values[:, first - window : first].ravel()
            np.testing.assert_allclose(part.inputs[row], expected)
            np.testing.assert_allclose(raw[row], values[chosen, first : first + horizon].ravel())


def test_scaling_knows_only_the_training_part(tmp_path: Path) -> None:
    columns = numbers(80)
    one = Series(path=str(write(tmp_path, columns)), window=6).load()
    center, scale = one.preprocessing.center, one.preprocessing.scale
    assert len(set(center[:6])) == len(set(scale[6:])) == 1  # a series has one mean
    columns["load"][-20:] = [1e6] * 20
    other = Series(path=str(write(tmp_path, columns, "other.csv")), window=6).load()
    assert (other.preprocessing.center, other.preprocessing.scale) == (center, scale)


@pytest.mark.parametrize(
    "time",
    [days(50), days(50, "3h"), days(50, "7D"), days(50, "ME"), list(range(1950, 2000)),
     [f"{2000 + i // 12}-{i % 12 + 1:02d}" for i in range(50)],
     [f"{1950 + i}-02-{28 + (i % 4 == 2)}" for i in range(50)]],
    ids=["days", "hours", "weeks", "ends of months", "years", "months", "ends of February"],
)  # fmt: skip
def test_even_steps(tmp_path: Path, time: list) -> None:
    path = write(tmp_path, {"time": time, **numbers(50)})
    dataset = Series(path=str(path), time="time", window=3).load()
    assert dataset.feature_names[:4] == ("load t-2", "load t-1", "load t-0", "wind t-2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: [column.pop(7) for column in c.values()],
         "line 9 .*'2020-02-08' follows '2020-02-06', a step of 2 days, but most steps are 1 day"),
        (lambda c: c["time"].__setitem__(4, c["time"][3]), "a step of 0 days"),
        (lambda c: c["time"].__setitem__(4, None), r"line 6 .*'time': the time is missing"),
        (lambda c: c.__setitem__("time", ["inf"] * 50), r"line 2 .*'time': the time is infinite"),
        (lambda c: c["time"].reverse(), "does not advance. Sort the rows"),
        (lambda c: c["load"].__setitem__(9, None), "line 11 .*'load': the value is missing .*1 of"),
        (lambda c: c["load"].__setitem__(9, "?"), "'load': the value is missing"),
        (lambda c: c["wind"].__setitem__(2, "calm"), "'wind': 'calm' is not a number"),
        (lambda c: c["wind"].__setitem__(2, "inf"), "'wind': (the value is infinite|'inf' is not)"),
        (lambda c: [column.__delitem__(slice(8, None)) for column in c.values()],
         "8 rows are too few: the training part has 6"),
    ],
)  # fmt: skip
def test_what_is_no_series(tmp_path: Path, change, message: str) -> None:
    columns = {"time": days(50), **numbers(50)}
    change(columns)
    path = write(tmp_path, columns)
    with pytest.raises(DataError, match=message):
        Series(path=str(path), time="time", window=6).load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "lod"}, "dataset.target names the column 'lod', .*did you mean 'load'"),
        ({"series": ["wind"], "target": "load"}, "names 'load', which is not in dataset.series"),
        ({"time": "when"}, "dataset.time names the column 'when'"),
        ({}, "the column 'time' holds dates. Give dataset.time=time"),
        ({"time": "load"}, "load"),
    ],
)
def test_columns_that_do_not_fit(tmp_path: Path, options, message: str) -> None:
    path = write(tmp_path, {"time": days(50), **numbers(50)})
    with pytest.raises(DataError, match=message):
        Series(path=str(path), window=6, **options).load()


@pytest.mark.parametrize(
    "options",
    [
        {"window": 0},
        {"horizon": 0},
        {"validation": 0.6, "test": 0.5},
        {"series": []},
        {"series": ["a", "a"]},
        {"target": ["a", "a"]},
    ],
)
def test_options_out_of_range(options) -> None:
    with pytest.raises(ConfigError, match=f"dataset.{next(iter(options))}"):
        Series(path="x.csv", **options)


def test_limit_takes_the_first_rows(tmp_path: Path) -> None:
    columns = numbers(60)
    path = write(tmp_path, columns)
    short = write(tmp_path, {name: column[:40] for name, column in columns.items()}, "power2.csv")
    one = Series(path=str(path), window=3, limit=40).load()
    other = Series(path=str(short), window=3).load()
    np.testing.assert_array_equal(one.test.inputs, other.test.inputs)


@pytest.mark.parametrize("as_frame", [False, True])
def test_raw_tables_of_steps_become_windows(tmp_path: Path, as_frame: bool) -> None:
    columns = numbers(60)
    path = write(tmp_path, columns)
    dataset = Series(path=str(path), window=5).load()
    stored = Preprocessing.from_json(dataset.preprocessing.to_json())
    assert stored == dataset.preprocessing
    raw = pd.DataFrame(columns) if as_frame else read_table(path)
    encoded = stored.encode(raw)
    assert encoded.shape == (56, 10)  # the last window has no target
    np.testing.assert_array_equal(encoded[: len(dataset.train)], dataset.train.inputs)
    windows = pd.DataFrame(
        [np.r_[columns["load"][3:8], columns["wind"][3:8]]], columns=stored.columns
    )
    np.testing.assert_array_equal(stored.encode(windows)[0], encoded[3])
    with pytest.raises(DataError, match="the table has 4 rows, and a forecast needs the last 5"):
        stored.encode(pd.DataFrame(columns).head(4))
    with pytest.raises(DataError, match="row 3, column 'wind': the value is missing"):
        stored.encode(pd.DataFrame(columns).replace(columns["wind"][2], np.nan))
