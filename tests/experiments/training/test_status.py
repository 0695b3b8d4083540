"""The questions that are asked of a run's status."""

import json

import pytest

from experiments.training.status import Status


@pytest.mark.parametrize(
    ("value", "has_ended", "ended_well", "is_final"),
    [
        ("running", False, False, False),
        ("done", True, True, True),
        ("stopped_early", True, True, True),
        ("diverged", True, False, True),
        ("failed", True, False, False),
        ("interrupted", True, False, False),
    ],
)
def test_every_status_answers(
    value: str, has_ended: bool, ended_well: bool, is_final: bool
) -> None:
    status = Status(value)
    assert (status.has_ended, status.ended_well, status.is_final) == (
        has_ended,
        ended_well,
        is_final,
    )


def test_a_status_is_the_text_that_records_hold() -> None:
    assert json.dumps(list(Status)) == json.dumps([status.value for status in Status])
    assert f"{Status.STOPPED_EARLY}" == "stopped_early"
    assert Status.STOPPED_EARLY.words == "stopped early"
