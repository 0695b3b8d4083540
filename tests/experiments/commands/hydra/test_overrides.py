"""Settings as the command line has them."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from experiments.commands.hydra.overrides import override_of, parse, with_marks_quoted
from experiments.errors import ConfigError


@given(
    value=st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(lambda x: float(f"{x:.12g}")),
        st.integers(-(10**9), 10**9),
        st.booleans(),
        st.none(),
        st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), min_size=1),
        st.lists(st.integers(0, 99), max_size=3).map(tuple),
    )
)
def test_hydra_reads_back_what_a_trial_sets(value: Any) -> None:
    (parsed,) = OverridesParser.create().parse_overrides([override_of("optimizer.x", value)])
    read = parsed.value()
    read = read.text if hasattr(read, "text") else read
    assert (tuple(read) if isinstance(read, list) else read) == value
    # A float that is whole is written as people do, 1 for 1.0.
    assert isinstance(value, tuple | float) or type(read) is type(value)


@pytest.mark.parametrize("mark", [",", ";", "|", " ", "'", '"', ".", "\t", "\\"])
def test_a_mark_alone_needs_no_quotes(mark: str) -> None:
    (parsed,) = OverridesParser.create().parse_overrides(
        with_marks_quoted([f"+dataset.delimiter={mark}"])
    )
    assert parsed.value() == mark
    assert parsed.get_key_element() == "+dataset.delimiter"


def test_other_arguments_stay_as_they_are() -> None:
    arguments = ["-m", "seed=1", "optimizer=a,b", "x=", "x=*", "x=?", "dataset.decimal=','", "~x=,"]
    assert with_marks_quoted(arguments) == arguments


@pytest.mark.parametrize(
    "override",
    [
        "tracking.uri=http://ada:s3cr{et@host",
        "tracking.uri='http://ada:s3cret word@host",
        "+token=s3cr{et",
        '++my.api_key="s3cret word',
        "http://ada:s3cret@host",
    ],
)
def test_an_override_that_cannot_be_parsed_is_shown_without_its_secret(override: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse([override])
    assert "***" in str(error.value)
    assert not [piece for piece in ("s3cr", "et@", "word") if piece in str(error.value)]


def test_words_that_a_blank_separated_are_shown_without_their_secret() -> None:
    with pytest.raises(ConfigError) as error:
        parse(["token=[s3cret,", "more]"])
    assert str(error.value).startswith("token=***: a setting ends at a blank")
