"""Which runs share a stack, and how wide it is."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from experiments.config.models import MLP, Sequential
from experiments.config.schema import EarlyStopping, Run, Tracking
from experiments.datasets import Moons, Xor
from experiments.training.loop import train
from experiments.training.stacking import make_stacks, stack_key
from nn import initializers, orders, schedules
from nn.activations import ReLU, Tanh
from nn.optimizers import Optimizer
from tests.experiments.small_runs import make_dataset, make_run
from tests.nn.optimizers.stepping import STEPPING


def stacks_of(runs: Sequence[Run], **options: Any) -> list[list[int]]:
    data = {run.dataset: DATASET for run in runs}
    return make_stacks(runs, data, **options)


DATASET = make_dataset()
DROPPED = MLP(hidden=(4,), activation=Tanh(), dropout=0.5)


def differing(**changes: Any) -> Run:
    return make_run(model=DROPPED, **changes)


@pytest.mark.parametrize(
    "other",
    [
        differing(seed=7),
        differing(dataset=Xor(seed=1)),
        differing(report="last"),
        differing(penalties_over_rows=True),
        differing(optimizer=nn.Muon(lr=0.3, weight_decay=0.1)),
        differing(optimizer=nn.SGD(lr=0.1)),
        differing(schedule=schedules.Cosine(by="step", warmup=3)),
        differing(epochs=50),
        differing(early_stopping=EarlyStopping(patience=3)),
        differing(experiment_name="another"),
        differing(tracking=Tracking(enabled=False)),
        make_run(model=dataclasses.replace(DROPPED, dropout=0.1)),
        make_run(model=dataclasses.replace(DROPPED, initializer=initializers.Xavier())),
        make_run(model=dataclasses.replace(DROPPED, bias_initializer=initializers.Filled(1))),
    ],
    ids=lambda run: repr(run)[-40:],
)
def test_runs_that_may_share_a_stack(other: Run) -> None:
    assert stack_key(other, 3) == stack_key(differing(), 3)
    assert len(list(train([differing(), other], DATASET))) == 2


@pytest.mark.parametrize(
    "other",
    [
        differing(dataset=Xor(validation=0)),
        differing(dataset=Moons()),
        differing(order=orders.AsGiven()),
        differing(last_batch="drop"),
        differing(steps=7),
        differing(test_every_epoch=True),
        differing(box=(-1.0, 1.0)),
        differing(loss=nn.CrossEntropy(label_smoothing=0.1)),
        differing(loss=nn.KLDivergence()),
        differing(batch_size=9),
        differing(batch_size="full"),
        differing(dtype="float32"),
        differing(blas_threads=2),
        differing(penalize_biases=True),
        differing(l1=0.1),
        differing(l2=0.1),
        differing(clip_norm=1.0),
        differing(clip_value=1.0),
        make_run(model=dataclasses.replace(DROPPED, hidden=(5,))),
        make_run(model=dataclasses.replace(DROPPED, hidden=(4, 4))),
        make_run(model=dataclasses.replace(DROPPED, activation=ReLU())),
        make_run(model=dataclasses.replace(DROPPED, activation=nn.activations.LeakyReLU())),
        make_run(model=dataclasses.replace(DROPPED, dropout=0.0)),
        make_run(model=dataclasses.replace(DROPPED, normalization="batch")),
        make_run(model=dataclasses.replace(DROPPED, output_activation=nn.activations.Sigmoid())),
    ],
    ids=lambda run: repr(run)[-40:],
)
def test_runs_that_may_not(other: Run) -> None:
    assert stack_key(other, 3) != stack_key(differing(), 3)
    assert stacks_of([differing(), other]) == [[0], [1]]


def test_outputs_belong_to_the_architecture() -> None:
    assert stack_key(make_run(), 2) != stack_key(make_run(), 3)


def test_settings_of_the_same_activation_count() -> None:
    keys = {
        stack_key(make_run(model=MLP(activation=nn.activations.LeakyReLU(slope=slope))), 3)
        for slope in (0.01, 0.1)
    }
    assert len(keys) == 2


def test_equal_architectures_of_different_models_share() -> None:
    layers = (nn.Dense(4), nn.layers.ActivationLayer(Tanh()))
    one, other = make_run(), make_run(model=Sequential(hidden_layers=layers))
    assert stack_key(one, 3) == stack_key(other, 3)


def test_classes_of_ones_own_are_not_taken_for_ours_of_the_same_name() -> None:
    @dataclass(frozen=True)
    class CrossEntropy(nn.CrossEntropy):
        pass

    @dataclass(frozen=True, kw_only=True)
    class OurXor(Xor):
        pass

    @dataclass(frozen=True)
    class OurTanh(Tanh):
        pass

    # As in a module of their own, where nothing in print tells them from ours.
    CrossEntropy.__qualname__, OurXor.__qualname__, OurTanh.__qualname__ = (
        "CrossEntropy",
        "Xor",
        "Tanh",
    )
    ours = make_run()
    for theirs in (
        make_run(loss=CrossEntropy()),
        make_run(dataset=OurXor()),
        make_run(model=MLP(hidden=(4,), activation=OurTanh())),
    ):
        assert repr(theirs) == repr(ours)
        assert stack_key(theirs, 3) != stack_key(ours, 3)
        assert stacks_of([ours, theirs, ours]) == [[0, 2], [1]]


OPTIMIZERS = [
    Optimizer.named(name)
    for name in STEPPING
    if Optimizer.class_named(name).__module__.startswith("nn.")
]
some_runs = st.lists(
    st.builds(
        make_run,
        seed=st.integers(0, 5),
        optimizer=st.sampled_from(OPTIMIZERS),
        batch_size=st.sampled_from([4, 8, "full"]),
        dtype=st.sampled_from(["float32", "float64"]),
        l2=st.sampled_from([0.0, 0.1, 0.2]),
    ),
    max_size=25,
)


@given(runs=some_runs, width=st.none() | st.integers(1, 9), workers=st.integers(1, 8))
def test_every_job_is_in_one_stack_of_its_like(
    runs: list[Run], width: int | None, workers: int
) -> None:
    stacks = stacks_of(runs, width=width, workers=workers)
    assert sorted(p for stack in stacks for p in stack) == list(range(len(runs)))
    share = int(np.ceil(len(runs) / workers))
    for stack in stacks:
        assert 1 <= len(stack) <= min(width or len(runs), share)
        assert len({stack_key(runs[p], 3) for p in stack}) == 1
        # Equal rules stand together, so that the optimizers make as few groups as they can.
        rules = [runs[p].optimizer.variant() for p in stack]
        changes = sum(a != b for a, b in pairwise(rules))
        assert changes == len(set(rules)) - 1
    assert stacks == stacks_of(runs, width=width, workers=workers)


@given(count=st.integers(1, 40), width=st.integers(1, 40), workers=st.integers(1, 8))
def test_no_more_stacks_than_it_takes(count: int, width: int, workers: int) -> None:
    stacks = stacks_of([make_run(seed=seed) for seed in range(count)], width=width, workers=workers)
    widest = min(width, int(np.ceil(count / workers)))
    assert len(stacks) == int(np.ceil(count / widest))
    # No worker that could have a stack is idle while another has two rounds more than it.
    assert max(len(stack) for stack in stacks) <= int(np.ceil(count / workers))


def test_shares_are_even() -> None:
    twenty = [make_run(seed=seed) for seed in range(20)]
    assert [len(stack) for stack in stacks_of(twenty, width=16)] == [10, 10]
    assert [len(stack) for stack in stacks_of(twenty, width=7)] == [7, 7, 6]
    assert [len(stack) for stack in stacks_of(twenty, workers=2)] == [10, 10]
    assert [len(stack) for stack in stacks_of(twenty, workers=20)] == [1] * 20
    assert [len(stack) for stack in stacks_of(twenty, workers=50)] == [1] * 20


def test_no_jobs_make_no_stacks() -> None:
    assert stacks_of([]) == []


def test_splits_of_equal_sizes_share_a_stack_unless_they_are_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = [Xor(seed=seed) for seed in (0, 1, 2)]
    runs = [make_run(dataset=source, seed=source.seed) for source in sources]
    splits = [make_dataset(seed=seed) for seed in (0, 1, 2)]
    data = dict(zip(sources, splits, strict=True))
    assert make_stacks(runs, data) == [[0, 1, 2]]
    data[sources[1]] = make_dataset(rows=(22, 12, 9))
    assert make_stacks(runs, data) == [[0, 2], [1]]
    monkeypatch.setattr("experiments.training.stacking._LARGE", 100)
    assert make_stacks([*runs, runs[0]], data) == [[0, 3], [1], [2]]
