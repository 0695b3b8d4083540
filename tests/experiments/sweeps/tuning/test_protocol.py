"""The terms of a comparison: what is refused, and which settings score best."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.config.search_space import Range, Settings, Space
from experiments.config.seeds import read_seeds, show_seeds
from experiments.errors import ConfigError
from experiments.runs.record import Record
from experiments.sweeps.tuning.comparison import Entrant
from experiments.sweeps.tuning.protocol import Protocol
from hydra_plugins.descent import TuneThenCompareConf


def protocol(**changes: Any) -> Protocol:
    return Protocol.from_config({**vars(TuneThenCompareConf()), **changes})


def record(loss: float | None, status: str = "done", metric: str = "best/val_loss") -> Record:
    return Record(Path("nowhere"), {"status": status, "summary": {metric: loss}})


def test_the_defaults_are_those_that_the_documentation_names() -> None:
    assert vars(protocol()) == {
        "search": "grid",
        "budget": 9,
        "search_seed": 0,
        "tuning_seeds": (100, 101, 102),
        "reporting_seeds": tuple(range(10)),
        "select": "best/val_loss",
        "aggregate": "mean",
        "widenings": 2,
        "target": None,
        "knobs": None,
        "adds_seeds": False,
        "most_seeds": 40,
        "tuning_studies": 1,
        "vary": (),
    }
    assert Protocol() == protocol()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tuning_seeds": "5-7", "reporting_seeds": [1, 7, 5]}, "share 5,7; settings look better"),
        (
            {"tuning_studies": 5, "reporting_seeds": "0-29"},
            "share 100-114 in the 5 studies; settings look better",
        ),
        ({"reporting_seeds": "auto", "most_seeds": 10}, r"hydra\.sweeper\.most_seeds must be"),
        ({"reporting_seeds": "auto", "most_seeds": 101}, "share 100; settings look better"),
        ({"reporting_seeds": "auto", "tuning_studies": 2}, "verdicts on several tuning_studies"),
        ({"reporting_seeds": "auto", "most_seeds": 10**12}, r"hydra\.sweeper\.most_seeds must be"),
        ({"reporting_seeds": "auto", "most_seeds": -5}, r"hydra\.sweeper\.most_seeds must be"),
        ({"reporting_seeds": "auto", "most_seeds": "many"}, r"hydra\.sweeper\.most_seeds must be"),
        ({"vary": "depth"}, r"hydra\.sweeper\.vary"),
        ({"tuning_studies": 0}, r"hydra\.sweeper\.tuning_studies must be"),
        ({"knobs": 0}, r"hydra\.sweeper\.knobs must be"),
        ({"tuning_seeds": []}, "tuning_seeds: give at least one seed"),
        ({"reporting_seeds": [1, 1]}, "reporting_seeds: give at least one seed, and each once"),
        ({"reporting_seeds": [-1]}, r"hydra\.sweeper\.reporting_seeds must be"),
        ({"tuning_seeds": "some"}, r"hydra\.sweeper\.tuning_seeds must be a list"),
        ({"search": "bayes"}, r"hydra\.sweeper\.search must be one of grid, random, sobol, halton"),
        ({"select": "test/loss"}, r"hydra\.sweeper\.select must be one of best/val_loss"),
        ({"aggregate": "max"}, r"hydra\.sweeper\.aggregate must be one of mean, median"),
        ({"budget": 1}, r"hydra\.sweeper\.budget must be a whole number in \[2, 100000\]"),
        ({"budget": 10**9}, r"hydra\.sweeper\.budget must be a whole number in \[2, 100000\]"),
        ({"budget": 50_000}, "150,010 runs would tune and report an optimizer"),
        ({"tuning_studies": 5_000}, "185,000 runs would tune and report an optimizer"),
        ({"widenings": -1}, r"hydra\.sweeper\.widenings must be"),
        ({"target": math.nan}, r"hydra\.sweeper\.target must be"),
    ],
)
def test_wrong_terms_are_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        protocol(**changes)


def test_all_wrong_terms_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        protocol(budget=0, search="no", select="no", aggregate="no")
    assert len(str(refused.value).splitlines()) == 4


# ---- scores


def test_the_score_is_the_mean_by_hand() -> None:
    assert protocol().score([record(1), record(2), record(6)]) == (3, 0, 3)
    assert protocol(aggregate="median").score([record(1), record(2), record(6)]) == (2, 0, 3)


def test_a_higher_accuracy_scores_better() -> None:
    metric = "best/val_accuracy"
    terms = protocol(select=metric)
    better, worse = ([record(x, metric=metric)] for x in (0.9, 0.8))
    assert terms.score(better) < terms.score(worse)


@pytest.mark.parametrize("status", ["diverged", "failed", "interrupted"])
def test_a_run_that_went_wrong_counts_as_infinite_whatever_it_reached(status: str) -> None:
    good, wrong = record(1), record(0.001, status)
    mean, median = protocol(), protocol(aggregate="median")
    assert mean.score([good, good, wrong]) == (math.inf, 1, 1)
    assert median.score([good, good, wrong]) == (1, 1, 1)
    assert mean.score([record(99)] * 3) < mean.score([good, good, wrong])
    assert mean.score([good, good, wrong]) < mean.score([good, wrong, wrong])
    assert mean.score([good, wrong, wrong]) < mean.score([wrong] * 3) == (math.inf, 3, math.inf)


@given(
    losses=st.lists(st.one_of(st.floats(0, 1e6), st.none()), min_size=1, max_size=5),
    worse=st.floats(1e-3, 1e3),
    aggregate=st.sampled_from(["mean", "median"]),
)
def test_no_run_becoming_worse_makes_a_score_better(
    losses: list[float | None], worse: float, aggregate: str
) -> None:
    terms = protocol(aggregate=aggregate)
    before = terms.score([record(loss) for loss in losses])
    for place, loss in enumerate(losses):
        for lowered in [None, *([loss + worse] if loss is not None else [])]:
            after = [*losses[:place], lowered, *losses[place + 1 :]]
            score = terms.score([record(one) for one in after])
            assert score[:1] >= before[:1]


# ---- what is chosen


def entrant(scores: dict[float, tuple[float, int, float]]) -> Entrant:
    space = Space({"optimizer.lr": Range(low=0.01, high=1, points=3)})
    tried = {Settings((("optimizer.lr", rate),)): score for rate, score in scores.items()}
    return Entrant((), ("optimizer=sgd",), space, Settings((("optimizer.lr", 0.1),)), tried)


def chosen(scores: dict[float, tuple[float, int, float]]) -> str:
    return str(entrant(scores).tuned)


def test_the_best_settings_are_chosen() -> None:
    assert chosen({0.01: (3, 0, 3), 0.1: (2, 0, 2), 1: (math.inf, 1, 1)}) == "lr=0.1"


def test_of_equals_those_tried_first_are_chosen() -> None:
    assert chosen({0.1: (2, 0, 2), 0.01: (2, 0, 2), 1: (2, 0, 2)}) == "lr=0.1"


def test_where_every_setting_diverges_sometimes_the_one_that_does_least_is_chosen() -> None:
    infinite = math.inf
    assert chosen({0.01: (infinite, 2, 1), 1: (infinite, 1, 9), 0.1: (infinite, 3, infinite)}) == (
        "lr=1"
    )


def test_where_nothing_trains_the_defaults_stand_in() -> None:
    one = entrant(dict.fromkeys((0.01, 0.1, 1.0), (math.inf, 3, math.inf)))
    assert one.best is None
    assert one.tuned == one.defaults


# ---- seeds


@pytest.mark.parametrize(
    ("written", "seeds"),
    [("0-9", list(range(10))), (" 7 - 8 ", [7, 8]), ([3, 1], [3, 1]), (5, [5]), ("5-5", [5])],
)
def test_seeds_are_read(written: Any, seeds: list[int]) -> None:
    assert read_seeds(written) == seeds


@given(st.lists(st.integers(0, 10**6), min_size=3, unique=True).map(sorted))
def test_seeds_are_shown_whole(seeds: list[int]) -> None:
    shown = show_seeds(seeds)
    read = read_seeds(shown) if "-" in shown else [int(seed) for seed in shown.split(",")]
    assert read == seeds


def test_studies_have_seeds_of_their_own() -> None:
    terms = protocol(tuning_studies=3, tuning_seeds=[100, 102], reporting_seeds="0-4")
    assert [terms.tuning_seeds_of(study) for study in terms.studies] == [
        (100, 102),
        (103, 105),
        (106, 108),
    ]
    assert terms.reporting_seeds_of(2) == (10, 11, 12, 13, 14)
    assert [round(3 * terms.shift_of(study)) for study in terms.studies] == [0, 1, -1]


def test_seeds_are_added_up_to_the_limit() -> None:
    assert protocol(reporting_seeds="auto").looks == (10, 20, 40)
    assert protocol(reporting_seeds="auto", most_seeds=25).looks == (10, 20, 25)
    assert protocol(reporting_seeds="auto").reporting_seeds == tuple(range(40))
    assert protocol().looks == (10,)
