"""JSON that may come from anywhere is parsed strictly and within bounds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.files import json as module
from experiments.files.json import DEPTH, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | st.floats(-1e300, 1e300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("[NaN]", "NaN is not a number of JSON"),
        ("-Infinity", "-Infinity is not a number"),
        ("1e999", "the number 1e999 is too large"),
        ("9" * 309, "an integer of 309 digits"),
        ("-" + "9" * 10_000, "an integer of 10001 digits"),
        ('{"a": 1, "b": 2, "a": 1}', "the key 'a' occurs twice"),
        ("[" * 100_000, f"more than {DEPTH} levels"),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), f"more than {DEPTH} levels"),
        ('{"a":' * (DEPTH + 1) + "1" + "}" * (DEPTH + 1), f"more than {DEPTH} levels"),
        (b"\xff", "utf-8"),
    ],
)
def test_what_is_refused(text: str | bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_json(text)


def test_a_byte_that_is_no_text_is_shown() -> None:
    assert parse_json(json.dumps({"\udc80": ["é\ud800"]})) == {r"\udc80": [r"é\ud800"]}


def test_the_deepest_text_is_read() -> None:
    assert parse_json("[" * DEPTH + "]" * DEPTH)


def test_values_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NODES", 5)
    assert parse_json("[1, 2, 3]") == [1, 2, 3]
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(ValueError, match="more than 5 values"):
        parse_json('{"a": [1, 2, 3]}')
