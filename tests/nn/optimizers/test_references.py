"""Optimizers, step by step, against numbers of the authors' or the most used implementation.

The file holds parameters before the first step, gradients, and parameters after each step, all in
float64 with PyTorch 2.13: of iShohei220/adopt (6468572), apple/ml-ademamix (c3d73c0),
juntang-zhuang/Adabelief-Optimizer (2855178, version 0.2.1), sail-sg/Adan (2c65bea),
jettify/pytorch-optimizer (19c3e41, Yogi), facebookresearch/schedule_free (70785b5) and torch.optim.
"""

from pathlib import Path

import numpy as np
import pytest

import nn
from nn.optimizers import OptimizerStack
from nn.parameters import Layout, Parameter
from tests.nn.optimizers.test_updates import assert_follows, run_stack

with np.load(Path(__file__).parents[2] / "fixtures" / "reference_optimizers.npz") as stored:
    REFERENCE = dict(stored)
LAYOUT = Layout([Parameter("weights", (5, 1), decays=True)])

CASES = {
    "adopt": nn.ADOPT(),
    "adopt decay": nn.ADOPT(lr=0.05, beta1=0.8, beta2=0.99, eps=1e-3, weight_decay=0.1),
    "ademamix": nn.AdEMAMix(),
    "ademamix warm": nn.AdEMAMix(
        lr=0.01, beta2=0.99, beta3=0.999, alpha=8.0, beta3_warmup=25, alpha_warmup=15,
        weight_decay=0.1,
    ),
    # With rectify=False.
    "adabelief": nn.AdaBelief(),
    "adabelief decay": nn.AdaBelief(lr=0.02, beta1=0.8, beta2=0.95, eps=1e-8, weight_decay=0.1),
    "adan": nn.Adan(),
    # With no_prox=True.
    "adan decay": nn.Adan(
        lr=0.02, beta1=0.9, beta2=0.8, beta3=0.95, eps=1e-4, weight_decay=0.1
    ),
    # There, the average of the gradients starts at initial_accumulator, too.
    "yogi": nn.Yogi(initial_accumulator=0.0),
    "yogi decay": nn.Yogi(
        lr=0.1, beta1=0.8, beta2=0.9, eps=1e-2, initial_accumulator=0.0, weight_decay=0.1
    ),
    "adamw amsgrad": nn.AdamW(lr=0.01, beta2=0.9, weight_decay=0.1, amsgrad=True),
    "nadam": nn.NAdam(momentum_decay=0.05),
    "nadam decoupled": nn.NAdam(
        lr=0.01, beta1=0.8, beta2=0.99, weight_decay=0.1, decoupled_decay=True
    ),
    "radam decoupled": nn.RAdam(
        lr=0.01, beta1=0.8, beta2=0.99, weight_decay=0.1, decoupled_decay=True
    ),
    "schedule_free_sgd": nn.ScheduleFreeSGD(),
    "schedule_free_sgd warm": nn.ScheduleFreeSGD(
        lr=0.3, beta=0.8, warmup_steps=7, weight_power=1.5, rate_power=1.0, weight_decay=0.1
    ),
    "schedule_free_adamw": nn.ScheduleFreeAdamW(),
    "schedule_free_adamw warm": nn.ScheduleFreeAdamW(
        lr=0.02, beta1=0.95, beta2=0.99, eps=1e-4, warmup_steps=7, weight_power=0.5,
        rate_power=1.0, weight_decay=0.1,
    ),
    "rprop": nn.Rprop(),
    "rprop bounds": nn.Rprop(lr=0.3, eta_minus=0.3, eta_plus=1.7, min_step=0.01, max_step=0.8),
}  # fmt: skip

TOLERANCES = {"ademamix warm": 1e-5}
"""The authors add 1e-8 to β before they compute its half-life; without that all digits agree."""


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_the_reference(case: str) -> None:
    start, gradients = REFERENCE["start"], REFERENCE["gradients"]
    steps = run_stack([CASES[case]], LAYOUT, start[None], gradients[:, None])
    assert_follows(steps[:, 0], REFERENCE[case], TOLERANCES.get(case))


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("schedule_free")])
def test_averages_are_those_of_the_reference(case: str) -> None:
    """What `optimizer.eval()` puts into the model."""
    theta = REFERENCE["start"][None].copy()
    stack = OptimizerStack([CASES[case]], LAYOUT, theta.dtype)
    averages = []
    for g in REFERENCE["gradients"]:
        stack.step(theta, g[None].copy())
        rows, weights = stack.evaluated(theta)
        assert rows == [0]
        averages.append(weights[0])
    assert_follows(np.array(averages), REFERENCE[f"{case} average"])
