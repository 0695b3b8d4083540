"""YAML that may come from anywhere is parsed within bounds, and only to plain values."""

import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from experiments.files import yaml as module
from experiments.files.yaml import DEPTH, Dumper, dump_yaml, parse_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert parse_yaml(yaml.dump(value, Dumper=Dumper, allow_unicode=True)) == value


@given(st.dictionaries(st.text(), VALUES, max_size=3) | st.lists(VALUES, max_size=3))
def test_entries_are_written_as_the_whole(content: dict[str, object] | list[object]) -> None:
    for _ in range(2):  # the second time from what was kept
        whole = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True)
        assert parse_yaml(dump_yaml(content)) == parse_yaml(whole)


LINES = """
a:|b: 1|a: [1, 2]|c: >|  text|- 1|- a: 2|-| - 3||d: 'x|e': y|f: &x [1]|g: *x|---|...|# said
? h|: 4|yes: 1|on: 2|i: !!str|j: {k: 1,|l: 2}|m: "|n: >+|o: x # y|p:\tz|é: 1|1: 2|<<: {q: 1}
""".strip()


@given(
    st.lists(st.sampled_from(re.split(r"[|\n]", LINES)), max_size=6), st.sampled_from(["", "\n"])
)
def test_entries_mean_the_same_as_in_the_whole(lines: list[str], end: str) -> None:
    def outcome(parse: Callable[[str], object]) -> object:
        try:
            return parse("\n".join(lines) + end)
        except ValueError as error:
            return str(error)

    assert repr(outcome(parse_yaml)) == repr(outcome(module._parse))


def test_what_is_kept_of_an_entry_is_not_changed() -> None:
    parse_yaml("a:\n- 1\n")["a"].append(2)
    assert parse_yaml("a:\n- 1\n") == {"a": [1]}


def test_the_order_of_keys_and_an_object_in_two_entries() -> None:
    shared = [1, "ä"]
    assert dump_yaml({"b": shared, "a": shared}) == "b:\n- 1\n- ä\na:\n- 1\n- ä\n"
    assert dump_yaml({}) == "{}\n"
    assert dump_yaml([]) == "[]\n"


def test_an_alias_is_read() -> None:
    assert parse_yaml("a: &x [1, 2]\nb: [*x, *x]") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
IN_KEYS = "a: &a {x: 1}\nb: {*a : 1}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LAUGHS, "more than 100,000 keys and values"),
        ("[" + "a, " * 200_000 + "]", "more than 100,000 keys and values"),
        ("a: &a [*a]", f"more than {DEPTH} levels"),
        ("&a {b: {c: *a}}", f"more than {DEPTH} levels"),
        ("[" * 100_000, f"more than {DEPTH} levels"),
        ("- " * (DEPTH + 1) + "x", f"more than {DEPTH} levels"),
        ("a: &a {x: 1}\nb: {<<: *a}", "type 'merge' is not allowed"),
        ("a: 2020-01-01", "type 'timestamp' is not allowed"),
        ("!!set {a, b}", "type 'set' is not allowed"),
        ("!!python/object/apply:os.system [ls]", r"type '.*os\.system' is not allowed \(line 1"),
        ("!!bool x", "is not of the type"),
        ("!!int x", "invalid literal"),
        ("a: " + "1" * 309, "an integer of 309 digits is too large"),
        ("a: !!int " + "1" * 10_000, "an integer of 10000 digits"),
        ("a: " + ":".join(["1"] * 300) + ":1.5", "too large"),
        ("a: 1\nb: 2\na: 3", r"key 'a' occurs twice \(line 1"),
        ("? [a]\n: 1", "a key is a list or a mapping"),
        (IN_KEYS, "a key is a list or a mapping"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: [", r"did not find .* \(line 2"),
        ("a: \0", "control characters"),
        (b"\xff", "utf-8"),
    ],
)
def test_what_is_refused(text: str | bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_yaml(text)


def test_nodes_are_counted_while_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NODES", 10)
    made: list[object] = []
    resolve = module._Loader.resolve
    monkeypatch.setattr(
        module._Loader, "resolve", lambda self, *given: made.append(given) or resolve(self, *given)
    )
    with pytest.raises(ValueError, match="more than 10"):
        parse_yaml("[" + "a, " * 1000 + "]")
    assert len(made) <= 10
