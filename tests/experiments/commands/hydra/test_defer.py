"""Which settings of a sweep over choices wait for its jobs."""

import pytest

from experiments.commands.hydra.defer import deferred

SWEPT = "optimizer=sgd,adam"


def rewritten(*settings: str) -> list[str]:
    command, choices, *rest = deferred(["-m", SWEPT, *settings])
    assert [command, choices] == ["-m", SWEPT]
    return rest


@pytest.mark.parametrize(
    ("setting", "waits"),
    [
        ("optimizer.momentum=0.8", "optimizer.momentum=choice(0.8)"),
        ("+optimizer.more=[1,2]", "+optimizer.more=choice([1,2])"),
        ("seed=3", "seed=3"),
        ("optimizer.lr=0.1,0.2", "optimizer.lr=0.1,0.2"),
        ("hydra.launcher.n_jobs=2", "hydra.launcher.n_jobs=2"),
        ("~optimizer.lr", "~optimizer.lr"),
        ("training.clip_norm=null", "training.clip_norm=null"),
        ("~optimizer._search_.momentum", "optimizer._search_.momentum=choice([])"),
        ("optimizer._search_.lr=null", "optimizer._search_.lr=null"),
    ],
)
def test_what_waits(setting: str, waits: str) -> None:
    assert rewritten(setting) == [waits]


def test_nothing_waits_where_no_choice_is_swept() -> None:
    assert deferred(["-m", "optimizer.lr=1,2", "model.dropout=0.1"]) == [
        "-m",
        "optimizer.lr=1,2",
        "model.dropout=0.1",
    ]


@pytest.mark.parametrize("words", [("=40", "=null"), ("=null", "=40")])
def test_the_last_word_on_a_key_stays_the_last(words: tuple[str, ...]) -> None:
    said = [f"training.clip_norm{word}" for word in words]
    assert rewritten(*said) == said


def test_what_is_searched_waits_in_any_case() -> None:
    """Hydra would merge a range into the declared list, and refuse."""
    asked = "optimizer._search_.momentum={low:0.5,high:0.99}"
    assert deferred(["-m", "optimizer=momentum", asked]) == [
        "-m",
        "optimizer=momentum",
        "optimizer._search_.momentum=choice({low:0.5,high:0.99})",
    ]
