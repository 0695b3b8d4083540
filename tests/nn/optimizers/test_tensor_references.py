"""Optimizers of tensors, matrices and runs, step by step, against numbers of others.

The file holds a matrix (fan_in 4, fan_out 3) and a bias (3,) before the first step, gradients, and
parameters after each step, all in float64 with PyTorch 2.13: of timm 1.0 (LAMB, LARS, Lion),
konstmish/prodigy (3efb213), facebookresearch/dadaptation (c984980, DAdaptAdam), AGI-Arena/MARS
(4831e28), jettify/pytorch-optimizer (19c3e41, NovoGrad), nikhilvyas/SOAP (a1e5535),
kyleliang919/C-Optim (2c0517c, cautious AdamW) and torch.optim.
"""

from pathlib import Path

import numpy as np
import pytest

import nn
from nn.parameters import Layout, Parameter
from tests.nn.optimizers.test_updates import assert_follows, run_stack

with np.load(Path(__file__).parents[2] / "fixtures" / "reference_tensors.npz") as stored:
    REFERENCE = dict(stored)
LAYOUT = Layout([Parameter("dense1/weights", (4, 3), decays=True), Parameter("dense1/bias", (3,))])

CASES = {
    "lamb": nn.LAMB(weight_decay=0.01),
    "lamb all": nn.LAMB(
        lr=0.05, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1, decay_biases=True
    ),
    "lars": nn.LARS(weight_decay=0.01),
    "lars all": nn.LARS(
        lr=0.5, momentum=0.5, weight_decay=0.1, trust=0.02, eps=0.1, decay_biases=True
    ),
    "muon": nn.Muon(eps=1e-8),
    "muon options": nn.Muon(
        lr=0.1, momentum=0.8, nesterov=False, ns_coefficients=(2.0, -1.5, 0.5), ns_steps=3,
        adjust_lr="match_rms_adamw", weight_decay=0.1,
    ),
    "prodigy": nn.Prodigy(),
    "prodigy options": nn.Prodigy(
        lr=0.5, beta1=0.8, beta2=0.95, eps=1e-4, weight_decay=0.1, decay_biases=True, d0=1e-3,
        d_coef=2.0, bias_correction=True, safeguard_warmup=True,
    ),
    "d_adaptation": nn.DAdaptation(),
    "d_adaptation options": nn.DAdaptation(
        lr=0.5, beta1=0.8, beta2=0.95, eps=1e-4, weight_decay=0.1, decay_biases=True, d0=1e-3,
        bias_correction=True,
    ),
    # With optimize_1d=True.
    "mars": nn.MARS(),
    "mars options": nn.MARS(
        lr=0.02, beta1=0.8, beta2=0.9, eps=1e-4, gamma=0.3, weight_decay=0.1, decay_biases=True
    ),
    "novograd": nn.NovoGrad(),
    "novograd options": nn.NovoGrad(
        lr=0.05, beta1=0.8, beta2=0.5, eps=1e-2, averaging=True, weight_decay=0.1
    ),
    "adafactor": nn.Adafactor(),
    "adafactor options": nn.Adafactor(
        lr=0.3, decay_power=0.5, eps1=1e-3, eps2=0.1, clip=1.2, weight_decay=0.1
    ),
    "soap": nn.SOAP(),
    "soap options": nn.SOAP(
        lr=0.05, beta1=0.8, beta2=0.9, shampoo_beta=0.7, eps=1e-3, interval=3, max_size=3
    ),
    "adamw cautious": nn.AdamW(
        lr=0.01, beta2=0.99, eps=1e-20, weight_decay=0.1, decay_biases=True, mask="cautious"
    ),
    "lion cautious": nn.Lion(lr=0.01, weight_decay=0.1, decay_biases=True, mask="cautious"),
}  # fmt: skip

TOLERANCES = {"muon": 1e-6, "muon options": 1e-6}
"""PyTorch divides by the norm of u where it is at least 1e-7, ours by the norm plus 1e-7."""


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_the_reference(case: str) -> None:
    start, gradients = REFERENCE["start"], REFERENCE["gradients"]
    steps = run_stack([CASES[case]], LAYOUT, start[None], gradients[:, None])
    assert_follows(steps[:, 0], REFERENCE[case], TOLERANCES.get(case))


def test_every_stored_trajectory_is_compared() -> None:
    assert {*CASES, "start", "gradients"} == set(REFERENCE)
