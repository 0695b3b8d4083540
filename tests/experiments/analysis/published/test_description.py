import pytest

from experiments.analysis.published.description import read_description
from experiments.analysis.published.verdict import Order, Value
from experiments.errors import ConfigError


def node(**changes):
    claim = {"kind": "order", "says": "so", "where": "page 1", "measure": "test/loss"}
    return {
        "title": "A result",
        "source": "A paper",
        "runs": {
            "adam": ["optimizer=adam"],
            "sgd": {"settings": ["optimizer=sgd"], "seeds": "3-4"},
        },
        "claims": [{**claim, "order": ["adam", "sgd"]}],
        **changes,
    }


def value(**changes):
    return {
        "kind": "value",
        "says": "so",
        "where": "page 1",
        "measure": {"metric": "test/loss"},
        "runs": "adam",
        "value": 1,
        "tolerance": 1,
        "width": 1,
        **changes,
    }


def read(**changes):
    return read_description({"_published_": node(**changes)}, "name")


def test_a_description_is_read():
    found = read(seeds="0-11", claims=[*node()["claims"], value()])
    assert found.seeds == tuple(range(12))
    assert found.runs["adam"].settings == ("optimizer=adam",)
    assert found.runs["sgd"].seeds == (3, 4)
    assert [type(claim) for claim in found.claims] == [Order, Value]
    assert found.claims[0].measure.metric == "test/loss"


def test_a_tuned_group_is_read():
    measure = "best/val_loss"
    tune = {"setting": "optimizer.lr", "values": [0.1, 1], "measure": measure, "seeds": "7-8"}
    found = read(runs={**node()["runs"], "adam": {"tune": tune}}).runs["adam"].tune
    assert found is not None
    assert found.seeds == (7, 8)
    assert found.choose({0.1: [1.0, 3.0], 1: [1.5, 1.5]}) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": []}, "must not be empty"),
        ({"claims": [value(kind="valeu")]}, "kind is 'valeu'; choose value, mean, order"),
        ({"claims": [value(runs="adan")]}, "'adan', which is not in runs; did you mean 'adam'"),
        ({"claims": [value(tolerence=1)]}, "tolerence"),
        ({"claims": [value(width=0)]}, "width"),
        ({"claims": [value()], "seeds": "0-8"}, "too few to judge a number"),
        ({"tittle": "x"}, "unknown key 'tittle'; did you mean 'title'"),
        ({"runs": {"adam": {"setings": []}}}, "setings"),
    ],
)
def test_what_is_wrong_is_said(changes, message):
    with pytest.raises(ConfigError, match=message):
        read(**changes)


def test_few_seeds_have_a_reason():
    assert len(read(claims=[value()], seeds="0-3", few_seeds="A run takes an hour.").seeds) == 4


def test_an_experiment_without_a_description_is_named():
    with pytest.raises(ConfigError, match=r"published/name: _published_ is missing"):
        read_description({}, "name")
