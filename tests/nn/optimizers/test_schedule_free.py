"""The Schedule-Free optimizers under schedules."""

import numpy as np
import pytest

import nn
from nn.parameters import Layout, Parameter


@pytest.mark.parametrize("optimizer", [nn.ScheduleFreeSGD(), nn.ScheduleFreeAdamW()])
def test_steps_at_a_rate_of_zero_change_nothing(optimizer: nn.Optimizer) -> None:
    """The average then has no weight yet, of which the newest point could have a share."""
    layout = Layout([Parameter("weights", (3,), decays=True)])
    stack = nn.OptimizerStack([optimizer], layout, np.dtype(np.float64))
    theta = np.array([[1.0, 2.0, 3.0]])
    stack.step(theta, np.ones((1, 3)), np.zeros((1, 1)))
    assert theta.tolist() == [[1.0, 2.0, 3.0]]
    stack.step(theta, np.ones((1, 3)), np.ones((1, 1)))
    assert (theta < [1.0, 2.0, 3.0]).all()
