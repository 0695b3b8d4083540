"""A run that goes on from a checkpoint ends with the bits of one that was never interrupted."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from experiments.config.models import MLP
from experiments.config.schema import EarlyStopping, Run
from experiments.datasets import Dataset, Task
from experiments.runs.checkpoints import Checkpoint, pack, unpack
from experiments.training.loop import train
from experiments.training.outcome import Outcome
from experiments.training.state import State
from experiments.training.tile import Tile
from nn import schedules
from nn.activations import Tanh
from nn.averaging import ExponentialAverage, NoAveraging, StochasticWeightAverage
from nn.optimizers import Optimizer, ParameterGroup
from tests.experiments.small_runs import LOSSES, in_tiles_of, make_dataset, make_run
from tests.experiments.training.test_loop import ORDERS, bits

DATASET = make_dataset()
OPTIMIZERS = sorted(
    (
        kind
        for kind in vars(nn.optimizers).values()
        if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
    ),
    key=lambda kind: kind.name,
)


@dataclasses.dataclass
class Kept:
    """Keeps every run after one epoch, through the bytes of a file, and stops there."""

    epoch: int
    states: dict[int, State] = dataclasses.field(default_factory=dict)

    def due(self, position: int) -> bool:
        return True

    def keep(self, outcome: Outcome, state: State) -> None:
        assert outcome.status == "running"
        assert outcome.metrics["epoch"][-1] == state.epoch
        if state.epoch == self.epoch:
            content = pack(Checkpoint("run", {}, state))
            self.states[outcome.position] = unpack(content, "run").state


def whole(
    runs: Sequence[Run], dataset: Dataset | Sequence[Dataset] = DATASET
) -> list[dict[str, Any]]:
    found = sorted(train(runs, dataset), key=lambda outcome: outcome.position)
    return [bits(outcome) for outcome in found]


def interrupted(
    runs: Sequence[Run],
    epoch: int,
    order: Sequence[int],
    dataset: Dataset | Sequence[Dataset] = DATASET,
    tile: int = 9,
) -> list[dict[str, Any]]:
    """Train to an epoch, then go on with what is left of the runs, in another order."""
    kept = Kept(epoch)
    ended: dict[int, Outcome] = {}
    with in_tiles_of(tile):
        for outcome in train(runs, dataset, keeper=kept):
            ended[outcome.position] = outcome
    ended = {p: outcome for p, outcome in ended.items() if p not in kept.states}
    left = [position for position in order if position in kept.states]
    for part in (left[::2], left[1::2]):  # in two stacks
        if part:
            states = [kept.states[p] for p in part]
            own = dataset if isinstance(dataset, Dataset) else [dataset[p] for p in part]
            with in_tiles_of(max(1, tile - 1)):
                for outcome in train([runs[p] for p in part], own, states=states):
                    ended[part[outcome.position]] = outcome
    return [bits(ended[position]) for position in range(len(runs))]


def test_all_optimizers_are_here() -> None:
    assert len(OPTIMIZERS) == 33


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", OPTIMIZERS, ids=lambda kind: kind.name)
def test_every_optimizer(kind: type[Optimizer], dtype: str) -> None:
    runs = [
        make_run(
            optimizer=kind(weight_decay=decay),
            seed=seed,
            epochs=5,
            dtype=dtype,
            batch_size="full" if kind.full_batch else 8,
            schedule=schedules.Cosine(by="step"),
        )
        for decay, seed in [(0.0, 0), (0.01, 0), (0.01, 1)]
    ]
    assert interrupted(runs, 2, [2, 0, 1]) == whole(runs)


GROUPS = (
    ParameterGroup(parameters="biases", lr_factor=0.5),
    ParameterGroup(parameters="first", weight_decay=0.1),
)
AVERAGES = [NoAveraging(), ExponentialAverage(0.5, start=1), StochasticWeightAverage(start=1)]


@pytest.mark.parametrize("model", [{}, {"normalization": "batch"}, {"dropout": 0.3}], ids=str)
@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize(
    "settings", [{"lookahead": 4}, {"groups": GROUPS}, {"groups": GROUPS, "lookahead": 2}], ids=str
)
def test_what_goes_around_an_optimizer(
    settings: dict[str, Any], epoch: int, model: dict[str, Any]
) -> None:
    runs = [
        make_run(
            optimizer=nn.NAdam(lr=0.1, sam=0.1, **settings),
            averaging=averaging,
            seed=seed,
            epochs=4,
            model=MLP(hidden=(4,), activation=Tanh(), **model),
            dtype="float32",
        )
        for seed, averaging in enumerate([*AVERAGES, AVERAGES[0]])
    ]
    assert interrupted(runs, epoch, [2, 0, 3, 1]) == whole(runs)


@st.composite
def stacks(draw: st.DrawFn) -> list[Run]:
    """Runs that can share a stack, with everything that keeps a state."""
    shared = {
        "batch_size": draw(st.sampled_from([4, 8, "full"])),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "clip_norm": draw(st.sampled_from([None, 0.5])),
        "snapshots": draw(st.sampled_from([None, 3])),
        "test_every_epoch": draw(st.booleans()),
        "order": draw(st.sampled_from(ORDERS)),
        "last_batch": draw(st.sampled_from(["keep", "drop"])),
        "steps": draw(st.sampled_from([None, 7, 16])),
    }
    norm = draw(st.sampled_from([None, "batch", "layer"]))
    dropout = draw(st.sampled_from([0.0, 0.3]))
    plateau = schedules.ReduceOnPlateau(gamma=0.5, patience=1)
    runs = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([kind for kind in OPTIMIZERS if not kind.searches]))
        runs.append(
            make_run(
                optimizer=kind(lr=draw(st.sampled_from([0.003, 0.1, 3.0]))),
                seed=draw(st.integers(0, 2)),
                epochs=draw(st.integers(1, 7)),
                schedule=draw(
                    st.sampled_from([schedules.Constant(), plateau, schedules.OneCycle(by="step")])
                ),
                early_stopping=EarlyStopping(patience=draw(st.sampled_from([None, 1, 2]))),
                report=draw(st.sampled_from([None, "best_accuracy", "last"])),
                model=MLP(
                    hidden=(4, 3),
                    activation=Tanh(),
                    normalization=norm,
                    dropout=dropout,
                ),
                **shared,
            )
        )
    return runs


@given(runs=stacks(), epoch=st.integers(0, 6), data=st.data())
def test_whatever_is_trained_and_whenever_it_stops(
    runs: list[Run], epoch: int, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(runs))))
    tile = data.draw(st.integers(1, 4))
    assert interrupted(runs, epoch, order, tile=tile) == whole(runs)


def test_states_are_those_of_any_tiles() -> None:
    runs = [make_run(optimizer=nn.Adam(), seed=seed, epochs=4) for seed in range(3)]
    kept, other = Kept(2), Kept(2)
    list(train(runs, DATASET, keeper=kept))
    with in_tiles_of(2):
        list(train(runs, DATASET, keeper=other))
        states = [other.states[position] for position in range(3)]
        resumed = [bits(outcome) for outcome in train(runs, DATASET, states=states)]
    assert resumed == whole(runs)
    for position in range(3):
        one, two = kept.states[position].arrays, other.states[position].arrays
        assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}


@pytest.mark.parametrize("task", LOSSES)
def test_every_task(task: Task) -> None:
    dataset = make_dataset(task)
    runs = [make_run(task, seed=seed, epochs=4) for seed in range(3)]
    assert interrupted(runs, 1, [1, 2, 0], dataset) == whole(runs, dataset)


def test_runs_with_different_splits() -> None:
    splits = [make_dataset(seed=seed) for seed in (0, 1, 0, 2)]
    runs = [make_run(seed=seed, epochs=4 + seed, batch_size=8) for seed in (0, 1, 0, 2)]
    assert interrupted(runs, 2, [3, 0, 2, 1], splits, tile=2) == whole(runs, splits)


def test_times_go_on_from_where_they_were() -> None:
    run = make_run(epochs=4)
    kept = Kept(2)
    list(train([run], DATASET, keeper=kept))
    state = kept.states[0]
    before = state.values["metrics"]["seconds"][-1]
    (outcome,) = train([run], DATASET, states=[state])
    seconds = outcome.metrics["seconds"]
    assert seconds[2] == before
    assert all(np.diff(np.array(seconds, float)) > 0)
    assert outcome.summary["time/seconds"] == seconds[-1]
    assert outcome.summary["time/us_per_step"] > 0


def test_an_interrupt_while_a_stack_closes_up_keeps_no_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(tile: Tile, rows: Any, network: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tile, "keep", interrupt)
    runs = [make_run(seed=seed, epochs=epochs) for seed, epochs in enumerate([2, 1, 2])]
    kept = Kept(1)
    kept.due = lambda position: False  # type: ignore[method-assign]
    with in_tiles_of(2), pytest.raises(KeyboardInterrupt):
        list(train(runs, DATASET, keeper=kept))
    assert kept.states == {}


def test_an_interrupt_between_epochs_keeps_every_run() -> None:
    runs = [make_run(seed=seed, epochs=5) for seed in range(2)]
    kept = Kept(3)
    kept.due = lambda position: False  # type: ignore[method-assign]

    def interrupt(epoch: int, losses: Any) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    outcomes: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        outcomes.extend(train(runs, DATASET, interrupt, keeper=kept))
    resumed = train(runs, DATASET, states=[kept.states[0], kept.states[1]])
    assert [bits(o) for o in sorted(resumed, key=lambda o: o.position)] == whole(runs)


def test_an_interrupt_within_an_epoch_keeps_nothing_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an epoch's steps are no place to go on from."""
    kept = Kept(2)
    kept.due = lambda position: False  # type: ignore[method-assign]
    steps = iter(range(7))
    step = nn.optimizers.OptimizerStack.step

    def interrupted_step(self: Any, *arguments: Any) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        step(self, *arguments)

    monkeypatch.setattr(nn.optimizers.OptimizerStack, "step", interrupted_step)
    with pytest.raises(KeyboardInterrupt):
        list(train([make_run(epochs=5)], DATASET, keeper=kept))
    assert kept.states == {}


def test_runs_of_different_epochs_cannot_share_a_stack(tmp_path: Path) -> None:
    run = make_run(epochs=4)
    states = []
    for epoch in (1, 2):
        kept = Kept(epoch)
        list(train([run], DATASET, keeper=kept))
        states.append(kept.states[0])
    with pytest.raises(ValueError, match="unpack"):
        list(train([run, run], DATASET, states=states))


def test_the_best_epoch_may_lie_before_the_interruption() -> None:
    model = MLP(hidden=(4,), activation=Tanh(), normalization="batch")
    run = make_run(model=model, optimizer=nn.SGD(lr=0.5, weight_decay=0.1), epochs=6)
    (expected,) = whole([run])
    assert int(float(expected["summary best/epoch"])) == 1
    assert interrupted([run], 4, [0]) == [expected]
