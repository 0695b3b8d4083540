"""Networks and trainings that are too large are refused before anything is allocated."""

from pathlib import Path

import pytest

import nn
from experiments.commands.hydra.arguments import with_settings_together
from experiments.config.build import run_from_config
from experiments.config.limits import PARAMETERS, too_large
from experiments.config.seeds import read_seeds
from experiments.datasets import Xor
from experiments.errors import ConfigError
from experiments.training.checks import check
from tests.experiments.small_runs import make_small_job


@pytest.mark.parametrize(
    ("hidden", "says"),
    [
        ([1] * 1001, "model.hidden must be a list of at most 1000 items"),
        ([1] * 100_000, "model.hidden must be a list of at most 1000 items"),
        ([10**30], r"model.hidden must be a list of items each a whole number in \[1, 1000000\]"),
    ],
)
def test_a_list_of_layers_is_bounded(hidden: list[int], says: str, tmp_path: Path) -> None:
    config = dict(make_small_job(tmp_path).config)
    config["model"] = {"_target_": "experiments.config.models.MLP", "hidden": hidden}
    with pytest.raises(ConfigError, match=says) as caught:
        run_from_config(config, trusted=frozenset())
    assert len(str(caught.value)) < 500


def test_epochs_and_rows_are_bounded(tmp_path: Path) -> None:
    config = dict(make_small_job(tmp_path).config)
    config["training"] = {**config["training"], "epochs": 10**7}
    config["dataset"] = {"_target_": "experiments.datasets.Moons", "rows": 10**12}
    with pytest.raises(ConfigError) as caught:
        run_from_config(config, trusted=frozenset())
    assert "training.epochs must be a whole number in [1, 1000000]" in str(caught.value)
    assert "dataset.rows must be a whole number in [10, 10000000]" in str(caught.value)


def test_parameters_are_counted_without_a_network() -> None:
    layers = nn.mlp([4, 5], 2, normalization="batch")
    network = nn.Network(nn.mlp([4, 5], 2, normalization="batch"), 3, loss=nn.MeanSquaredError())
    assert too_large(layers, (3,), network.layout.size) is None
    assert "parameters, and at most" in (too_large(layers, (3,), network.layout.size - 1) or "")
    # Beyond what an integer of 64 bits can count.
    assert "2,000,000,000,002,000,000,000,000 parameters" in (
        too_large([nn.Dense(10**12)] * 2, (10**12,)) or ""
    )


def test_a_network_that_is_too_large_is_refused_before_training(tmp_path: Path) -> None:
    job = make_small_job(tmp_path)
    config = dict(job.config)
    config["model"] = {"_target_": "experiments.config.models.MLP", "hidden": [10**6] * 2}
    run = run_from_config(config, trusted=frozenset())
    with pytest.raises(ConfigError, match=f"at most {PARAMETERS:,} are possible here"):
        check(run, Xor().load())


def test_a_setting_with_too_many_values_is_refused_before_it_is_parsed() -> None:
    setting = f"model.hidden=[{','.join(['1'] * 20_000)}]"
    with pytest.raises(ConfigError, match="has more than 2000 values") as caught:
        with_settings_together(["-m", setting])
    assert len(str(caught.value)) < 300
    assert with_settings_together(["-m", "seed=1,2"]) == ["-m", "seed=1,2"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (f"{'[' * 3000}{']' * 3000}", "the value is nested more than 50 levels deep"),
        (f"{'{a:' * 60}1{'}' * 60}", "nested more than 50 levels deep"),
        (f"{'${' * 60}seed{'}' * 60}", "nested more than 50 levels deep"),
        ("9" * 5000, "a number of 5000 digits is too large"),
    ],
)
def test_a_setting_without_bounds_is_refused_before_it_is_parsed(value: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_settings_together([f"optimizer.lr={value}"])
    assert str(caught.value).startswith("optimizer.lr: ")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("span", ["0-999999999", "5-" + "9" * 10_000])
def test_a_span_of_too_many_seeds_is_no_list(span: str) -> None:
    assert read_seeds(span) == span


def test_a_table_of_metrics_that_could_not_be_read_is_refused(tmp_path: Path) -> None:
    config = dict(make_small_job(tmp_path).config)
    config["training"] = {**config["training"], "steps": 10**9, "batch_size": "full"}
    run = run_from_config(config, trusted=frozenset())
    with pytest.raises(
        ConfigError, match=r"training: 1,000,000,000 epochs .* more than 20,000,000"
    ):
        check(run, Xor().load())
