"""Which settings of a run are refused for a dataset, before anything trains."""

import pytest

import nn
from experiments.config.models import MLP
from experiments.errors import ConfigError
from experiments.training.checks import check
from nn.averaging import Averaging, ExponentialAverage, StochasticWeightAverage
from nn.optimizers import ParameterGroup
from nn.orders import WithReplacement
from tests.experiments.small_runs import make_dataset, make_run

DATASET = make_dataset(rows=(23, 40, 31))


@pytest.mark.parametrize("batch_size", ["full", 23, 100])
def test_rprop_takes_steps_with_all_rows(batch_size: object) -> None:
    check(make_run(optimizer=nn.Rprop(), batch_size=batch_size), DATASET)


# With last_batch=drop an epoch of batches of 22 rows has one step, too.
@pytest.mark.parametrize("settings", [{}, {"last_batch": "drop"}], ids=str)
def test_rprop_refuses_mini_batches(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"all 23 training rows .*batch_size is 22;"):
        check(make_run(optimizer=nn.Rprop(), batch_size=22, **settings), DATASET)
    check(make_run(optimizer=nn.SGD(), batch_size=22, **settings), DATASET)


@pytest.mark.parametrize("optimizer", [nn.Rprop(), nn.LBFGS()])
def test_what_needs_all_rows_refuses_to_draw_them(optimizer: nn.Optimizer) -> None:
    run = make_run(optimizer=optimizer, batch_size="full", order=WithReplacement())
    with pytest.raises(ConfigError, match=r"order=with_replacement leaves some .*shuffled"):
        check(run, DATASET)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 8}, "set training.batch_size=full"),
        ({"clip_norm": 1.0}, r"training.clip_norm .* set it to null"),
        ({"clip_value": 1.0}, r"training.clip_value .* set it to null"),
        ({"box": (-1.0, 1.0)}, r"training.box .* set it to null"),
        ({"model": MLP(dropout=0.1)}, "set model.dropout=0"),
    ],
    ids=str,
)
def test_a_line_search_refuses_another_loss(settings: dict[str, object], message: str) -> None:
    check(make_run(optimizer=nn.LBFGS(), batch_size="full"), DATASET)
    with pytest.raises(ConfigError, match=message):
        check(make_run(optimizer=nn.LBFGS(), **{"batch_size": "full", **settings}), DATASET)


def test_groups_without_parameters_are_refused() -> None:
    groups = ParameterGroup(parameters="biases"), ParameterGroup(parameters="conv*")
    check(make_run(optimizer=nn.SGD(groups=groups[:1])), DATASET)
    with pytest.raises(ConfigError, match=r"optimizer.groups\[1\] is 'conv\*'.*dense1/weights"):
        check(make_run(optimizer=nn.SGD(groups=groups)), DATASET)


@pytest.mark.parametrize(
    "averaging",
    [
        ExponentialAverage(start=3),
        StochasticWeightAverage(start=3),
        StochasticWeightAverage(start=1, every=3),
    ],
    ids=str,
)
def test_averages_that_begin_after_the_end_are_refused(averaging: Averaging) -> None:
    check(make_run(averaging=averaging, epochs=4), DATASET)
    with pytest.raises(ConfigError, match=r"averaging: .* begins after the end"):
        check(make_run(averaging=averaging, epochs=3), DATASET)


@pytest.mark.parametrize("optimizer", [nn.ScheduleFreeSGD(), nn.ScheduleFreeAdamW()])
def test_an_average_of_an_average_is_refused(optimizer: nn.Optimizer) -> None:
    with pytest.raises(ValueError, match="set averaging=none"):
        make_run(optimizer=optimizer, averaging=ExponentialAverage())
    with pytest.raises(ValueError, match=r"set training.box=null"):
        make_run(optimizer=optimizer, box=(-1.0, 1.0))


def test_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="steps and evaluations are two lengths"):
        make_run(steps=5, evaluations=5)
