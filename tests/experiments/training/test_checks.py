"""Which settings of a run are refused for a dataset, before anything trains."""

import pytest

import nn
from experiments.errors import ConfigError
from experiments.training.checks import check
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
