import dataclasses
from pathlib import Path

import hydra.utils
import numpy as np
import pytest
from omegaconf import OmegaConf

from experiments import datasets
from experiments.datasets import (
    BreastCancer,
    Circles,
    Diabetes,
    Digits,
    Iris,
    Mnist,
    Moons,
    Source,
    Spirals,
    Task,
    Wine,
    Xor,
)
from experiments.errors import ConfigError

CONF = Path(__file__).parents[4] / "conf" / "dataset"

SPLIT = [
    (Moons, Task.BINARY, 600, 2, 2),
    (Circles, Task.BINARY, 600, 2, 2),
    (Spirals, Task.BINARY, 600, 2, 2),
    (Iris, Task.MULTICLASS, 150, 4, 3),
    (Wine, Task.MULTICLASS, 178, 13, 3),
    (BreastCancer, Task.BINARY, 569, 30, 2),
    (Digits, Task.MULTICLASS, 1797, 64, 10),
    (Diabetes, Task.REGRESSION, 442, 10, 1),
]


@pytest.mark.parametrize(("kind", "task", "rows", "features", "outputs"), SPLIT)
def test_description(kind, task, rows, features, outputs):
    dataset = kind().load()
    assert dataset.task is task
    assert sum(map(len, dataset.parts.values())) == rows
    assert (dataset.features, dataset.outputs) == (features, outputs)
    assert len(dataset.feature_names) == features
    assert dataset.train.inputs.dtype == (np.float32 if kind is Digits else np.float64)
    assert dataset.train.inputs.flags.c_contiguous
    if task.has_classes:
        assert set(dataset.train.targets) == set(range(outputs))


@pytest.mark.parametrize("kind", [row[0] for row in SPLIT] + [Xor])
def test_same_options_same_data_and_seed_matters(kind):
    first, again = kind(seed=0).load(), kind(seed=0).load()
    assert first.digest == again.digest
    for name, part in first.parts.items():
        np.testing.assert_array_equal(part.inputs, again.parts[name].inputs)
        np.testing.assert_array_equal(part.targets, again.parts[name].targets)
    if kind is not Xor:
        assert kind(seed=1).load().digest != first.digest


# These hold on every machine. A change here changes everybody's records: it must be meant.
DIGESTS = {
    Xor: "6aed76006ab7b3a0d84d65a7b3000f08ecfa86375434b46b4d8f5573aa930b91",
    Moons: "ae5df1e738bcd6a84ce0443617e737415d0cad9ce21e8468789f7c248c6a14ae",
    Iris: "705e5642637b4fe053fb699cd039db34784fba18d558a2ff703b7b577e2dc99b",
    Digits: "a551e3f64e29aa4a08356e1c1255cb3d29a78052d057cbc6aebda12c73c1351c",
}


@pytest.mark.parametrize("kind", DIGESTS)
def test_digest_is_the_same_everywhere(kind):
    assert kind().load().digest == DIGESTS[kind]


@pytest.mark.parametrize("kind", [row[0] for row in SPLIT])
def test_digest_depends_on_what_decides_the_data(kind):
    options = [{}, {"scaling": "minmax"}, {"limit": 60}, {"test": 0.2}, {"validation": 0.2}]
    options += [{"validation": 0}, {"split": "position"}, {"counts": (50, 10, 10)}]
    assert len({kind(**option).load().digest for option in options}) == len(options)


@pytest.mark.parametrize("kind", [row[0] for row in SPLIT])
def test_limit_and_fractions(kind):
    dataset = kind(limit=60, validation=0.2, test=0.3).load()
    assert [len(part) for part in dataset.parts.values()] == [30, 12, 18]


@pytest.mark.parametrize("kind", [row[0] for row in SPLIT])
@pytest.mark.parametrize("split", ["stratified", "position"])
def test_counts_are_the_sizes_of_the_parts(kind, split):
    dataset = kind(counts=(70, 0, 20), split=split).load()
    assert {name: len(part) for name, part in dataset.parts.items()} == {"train": 70, "test": 20}
    assert dataset.validation is None
    assert hash(kind(counts=[70, 0, 20])) == hash(kind(counts=(70, 0, 20)))


def test_a_split_by_position_keeps_the_order_of_the_rows():
    from sklearn.datasets import load_wine

    dataset = Wine(split="position", counts=(100, 30, 48), scaling="none").load()
    together = np.concatenate([part.inputs for part in dataset.parts.values()])
    np.testing.assert_array_equal(together, load_wine().data)


def test_scaling_is_fitted_on_the_training_part():
    dataset = Wine().load()
    np.testing.assert_allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(dataset.train.inputs.std(axis=0), 1)
    assert np.abs(dataset.test.inputs.mean(axis=0)).max() > 1e-3
    assert Digits().load().train.inputs.max() == 1.0


def test_regression_targets_are_scaled_and_decoded():
    scaled, raw = Diabetes().load(), Diabetes(scale_targets=False).load()
    np.testing.assert_allclose(scaled.train.targets.std(), 1)
    np.testing.assert_allclose(
        scaled.preprocessing.decode_targets(scaled.test.targets), raw.test.targets
    )
    assert raw.train.targets.max() > 300
    np.testing.assert_array_equal(
        raw.preprocessing.decode_targets(raw.test.targets), raw.test.targets
    )


def test_xor_is_its_truth_table_in_every_part():
    dataset = Xor().load()
    for part in dataset.parts.values():
        np.testing.assert_array_equal(part.inputs, [[0, 0], [0, 1], [1, 0], [1, 1]])
        np.testing.assert_array_equal(part.targets, [0, 1, 1, 0])


def test_noisy_xor_is_split():
    dataset = Xor(rows=200, noise=0.1).load()
    assert sum(map(len, dataset.parts.values())) == 200
    inputs, targets = dataset.train.inputs, dataset.train.targets
    corners = np.rint(inputs).clip(0, 1).astype(int)
    np.testing.assert_array_equal(corners[:, 0] ^ corners[:, 1], targets)
    np.testing.assert_allclose((inputs - corners).std(), 0.1, rtol=0.2)


def raw_points(source):
    dataset = dataclasses.replace(source, scaling="none").load()
    points = np.concatenate([part.inputs for part in dataset.parts.values()])
    return points, np.concatenate([part.targets for part in dataset.parts.values()])


def test_moons_lie_on_their_circles():
    points, targets = raw_points(Moons(noise=0.0))
    centers = np.array([[0.0, 0.0], [1.0, 0.5]])[targets]
    np.testing.assert_allclose(np.hypot(*(points - centers).T), 1, atol=2e-6)
    assert (points[targets == 0, 1] >= 0).all()
    assert (points[targets == 1, 1] <= 0.5).all()


def test_circles_have_their_radii():
    points, targets = raw_points(Circles(noise=0.0, factor=0.3))
    radii = np.where(targets == 0, 1.0, 0.3)
    np.testing.assert_allclose(np.hypot(*points.T), radii, atol=2e-6)


def test_spirals_wind_from_the_middle_to_the_rim():
    points, targets = raw_points(Spirals(noise=0.0, arms=3, turns=2.0, rows=300))
    radius = np.hypot(*points.T)
    angle = np.arctan2(points[:, 1], points[:, 0])
    turned = angle - 2 * np.pi * (2.0 * radius + targets / 3)
    np.testing.assert_allclose(np.cos(turned), 1, atol=1e-6)
    np.testing.assert_allclose([radius.min(), radius.max()], [0.05, 1], atol=1e-6)
    assert Spirals(arms=3).load().task is Task.MULTICLASS


def test_noise_has_its_standard_deviation():
    clean, _ = raw_points(Moons(noise=0.0, rows=2000))
    noisy, _ = raw_points(Moons(noise=0.3, rows=2000))
    np.testing.assert_allclose((noisy - clean).std(), 0.3, rtol=0.05)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Iris, {"seed": -1}, "dataset.seed must be a whole number at least 0, but is -1"),
        (Iris, {"seed": True}, "dataset.seed"),
        (Iris, {"limit": 2}, "dataset.limit must be"),
        (Iris, {"limit": 10.5}, "dataset.limit"),
        (Iris, {"validation": -0.1}, "dataset.validation must be"),
        (Iris, {"split": "sorted"}, "dataset.split must be one of stratified, position"),
        (Iris, {"counts": [100, 30]}, r"must be 3 numbers of rows \(training, validation, test\)"),
        (Iris, {"counts": [100, 50, 0]}, "only that of validation may be 0"),
        (Iris, {"counts": [9, 3, 3], "limit": 15}, "so does dataset.limit=15"),
        (Iris, {"counts": [100, -1, 20]}, "dataset.counts must be"),
        (Xor, {"split": "position"}, "without noise"),
        (Mnist, {"dir": ".", "counts": [9, 3, 3]}, r"2 numbers of rows \(training, validation\)"),
        (Iris, {"test": 1.0}, "dataset.test must be"),
        (Iris, {"validation": 0.5, "test": 0.5}, "leave no rows for training"),
        (
            Iris,
            {"scaling": "robust"},
            "dataset.scaling must be one of standard, channel, minmax, max",
        ),
        (Moons, {"noise": -0.1}, "dataset.noise"),
        (Moons, {"noise": float("nan")}, "dataset.noise"),
        (Moons, {"rows": 9}, "dataset.rows"),
        (Circles, {"factor": 1.0}, "dataset.factor"),
        (Spirals, {"arms": 1}, "dataset.arms"),
        (Spirals, {"turns": 0.0}, "dataset.turns"),
        (Xor, {"rows": 8}, "repeat the four points"),
        (Diabetes, {"scale_targets": 1}, "dataset.scale_targets must be true or false"),
    ],
)
def test_wrong_options_are_refused_at_construction(kind, options, message):
    with pytest.raises(ConfigError, match=message):
        kind(**options)


GIVEN = {
    "bag_of_words": {"path": "rows.svm"},
    "csv": {"path": "table.csv", "target": "y"},
    "images": {"dir": "leaves"},
    "series": {"path": "power.csv"},
}
"""The fields without a default."""


def of_a_source(path):
    """The settings of the source in a file, which may be of the whole configuration."""
    config = OmegaConf.load(path)
    return config.get("dataset", config)


# The files of functions to minimize hold their own values; test_choices.py lists them.
FUNCTIONS = {path for path in CONF.glob("*.yaml") if "_target_" not in OmegaConf.load(path)}


@pytest.mark.parametrize(
    "path", sorted({*CONF.glob("*.yaml")} - FUNCTIONS), ids=lambda path: path.stem
)
def test_yaml_gives_the_defaults_of_the_class_and_names_all_its_fields(path):
    config = OmegaConf.load(path)
    config.pop("defaults", None)  # for Hydra, which loss goes with the data; not a field
    given = GIVEN.get(path.stem, {})
    assert OmegaConf.missing_keys(config) == set(given)
    config.update(given)
    source = hydra.utils.instantiate(config)
    assert isinstance(source, Source)
    fields = {field.name for field in dataclasses.fields(source) if field.init}
    assert set(config) == {"_target_"} | fields
    expected = type(source)(**given)
    if path.stem == "fashion_mnist":
        expected = dataclasses.replace(expected, fallback_dir="/usr/share/datasets/fashion-mnist")
    assert source == expected


def test_there_is_a_yaml_for_every_source():
    targets = {of_a_source(path)["_target_"] for path in CONF.glob("*.yaml")}
    kinds = {
        f"experiments.datasets.{name}"
        for name in datasets.__all__
        if isinstance(kind := getattr(datasets, name), type)
        and issubclass(kind, Source)
        and not kind.__abstractmethods__
    }
    assert targets == kinds
