"""Other settings for some of the parameters."""

import numpy as np
import pytest

import nn
from nn.layers.shapes import layout_of
from nn.optimizers import OptimizerStack, ParameterGroup
from nn.optimizers.parameter_group import assigned

MLP = layout_of(nn.mlp([4, 3], 2, normalization="batch"), (5,))
RESNET = layout_of(nn.resnet([2], 3), (1, 8, 8))
RNN = layout_of(nn.recurrent(nn.LSTM, [3], 2, learnt_state=True), (2, 6))
READER = layout_of(nn.transformer(1, 4, 2, heads=2, positions="learnt"), (4, 6))
G = ParameterGroup


def named(parameters: str, layout: nn.parameters.Layout = MLP) -> set[str]:
    group = G(parameters=parameters)
    return {p.name for p in layout.parameters if group.matches(p, layout)}


def test_words_name_parameters() -> None:
    assert named("biases") == {"dense1/bias", "dense2/bias", "dense3/bias"}
    assert named("normalization") == {
        f"batchnorm{n}/{what}" for n in (1, 2) for what in ("gain", "shift")
    }
    assert named("first") == {"dense1/weights", "dense1/bias"}
    assert named("last") == {"dense3/weights", "dense3/bias"}
    assert named("dense*/weights") == {f"dense{n}/weights" for n in (1, 2, 3)}
    assert named("Dense1/*") == set()
    assert named("normalization", RESNET) == {
        p.name for p in RESNET.parameters if p.name.rpartition("/")[2] in ("gain", "shift")
    }
    assert {name.partition("/")[0] for name in named("first", RESNET)} == {"conv2d1"}
    assert {name.partition("/")[0] for name in named("last", RESNET)} == {"dense1"}
    assert named("biases", RNN) == {"lstm1/bias", "dense1/bias"}, "but no initial state"
    free = {p.name for p in READER.parameters if not (p.decays or p.normalizes)}
    assert free - named("biases", READER) == {"positions1/vectors"}


def test_the_first_group_that_names_a_parameter_counts() -> None:
    last, biases = G(parameters="last", lr_factor=2.0), G(parameters="biases", lr_factor=3.0)
    found = dict(zip([p.name for p in MLP.parameters], assigned([last, biases], MLP), strict=True))
    assert found["dense3/bias"] is last
    assert found["dense1/bias"] is biases
    assert found["dense1/weights"] is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["densee1/*"], r"groups\[0\] is 'densee1/\*', which matches no parameter; did you mean"),
        (["biases", "normalisation"], "did you mean 'normalization'"),
        (["convolution"], "there are: dense1/weights, dense2/weights"),
        (["*", "biases"], r"groups\[1\] is 'biases', all of whose parameters belong to groups"),
    ],
)
def test_a_group_without_parameters_is_refused(names: list[str], message: str) -> None:
    groups = tuple(G(parameters=name) for name in names)
    with pytest.raises(ValueError, match=message):
        OptimizerStack([nn.SGD(groups=groups)], MLP, np.dtype(float))


GROUPS = (
    G(parameters="last", lr_factor=3.0),
    G(parameters="biases", lr_factor=0.5, weight_decay=0.2),
    G(parameters="dense2/*", weight_decay=0.0),
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "kind", [nn.SGD, nn.Adam, nn.AdamW, nn.NAdam, nn.Muon, nn.ScheduleFreeAdamW, nn.Rprop]
)
def test_each_parameter_has_the_steps_of_its_settings(
    kind: type[nn.Optimizer], dtype: type
) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=(1, MLP.size)).astype(dtype)
    gradients = rng.normal(size=(6, 1, MLP.size)).astype(dtype)
    lr = kind().lr

    def path(optimizer: nn.Optimizer) -> np.ndarray:
        stack, theta = OptimizerStack([optimizer], MLP, np.dtype(dtype)), start.copy()
        for t, g in enumerate(gradients):
            stack.step(theta, g.copy(), np.array([[1 - t / 10]]))
        return np.concatenate([theta, *stack.evaluated(theta)[1:]])

    grouped = path(kind(weight_decay=0.1, groups=GROUPS))
    expected = {
        "dense3/": path(kind(weight_decay=0.1, lr=3 * lr)),
        "bias": path(kind(weight_decay=0.2, lr=0.5 * lr, decay_biases=True)),
        "dense2/": path(kind()),
        "": path(kind(weight_decay=0.1)),
    }
    for parameter in MLP.parameters:
        columns = MLP.slices[parameter.name]
        (own, *_) = [path for key, path in expected.items() if key in parameter.name]
        if parameter.name == "dense2/weights" and kind is nn.AdamW:
            own = path(kind(weight_decay=0.0))
        np.testing.assert_array_equal(grouped[:, columns], own[:, columns], parameter.name)


def test_a_stack_takes_the_steps_of_its_runs_alone() -> None:
    other = (G(parameters="last", lr_factor=0.1), *GROUPS[1:])
    optimizers = [
        nn.Adam(groups=GROUPS), nn.Adam(lr=0.1, groups=other), nn.Adam(), nn.Muon(groups=GROUPS),
        nn.Adam(groups=GROUPS[:1], lookahead=2),
    ]  # fmt: skip
    rng = np.random.default_rng(1)
    start = rng.normal(size=(5, MLP.size)).astype(np.float32)
    gradients = rng.normal(size=(7, 5, MLP.size)).astype(np.float32)
    together, theta = OptimizerStack(optimizers, MLP, np.dtype(np.float32)), start.copy()
    assert len(together.groups) < 5 * 7
    alone = [OptimizerStack([one], MLP, np.dtype(np.float32)) for one in optimizers]
    each, runs = [start[[run]].copy() for run in range(5)], list(range(5))
    for step, g in enumerate(gradients):
        if step == 3:
            runs = [1, 3, 4]
            together.keep(runs)
            theta = theta[runs]
        if step == 5:  # resumed by others
            states = [
                {name: array.copy() for name, array in together.state(row).items()}
                for row in range(3)
            ]
            together = OptimizerStack([optimizers[run] for run in runs], MLP, np.dtype(np.float32))
            together.t = step
            for row, state in enumerate(states):
                together.restore(row, state)
        together.step(theta, g[runs].copy())
        for run, stack in enumerate(alone):
            stack.step(each[run], g[[run]].copy())
        for row, run in enumerate(runs):
            np.testing.assert_array_equal(theta[row], each[run][0])
    np.testing.assert_array_equal(
        together.preconditioner(MLP.size)[0], alone[1].preconditioner(MLP.size)[0]
    )


@pytest.mark.parametrize("options", [{"lr_factor": 0.0}, {"weight_decay": -1.0}, {}])
def test_settings_out_of_range_are_refused(options: dict[str, float]) -> None:
    if options:
        with pytest.raises(ValueError, match=next(iter(options))):
            G(parameters="biases", **options)
    else:
        with pytest.raises(TypeError, match="parameters"):
            G()  # type: ignore[call-arg]
