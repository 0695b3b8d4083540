"""A configuration that leaves settings out means what building it gives."""

import copy
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.config.defaults import with_defaults
from experiments.runs.record import Record, flat
from nn.optimizers import SGD

RECORDS = Path(__file__).resolve().parents[2] / "fixtures" / "records"
# Settings that are newer than these records are filled in first.
CONFIGS = [with_defaults(Record.read(RECORDS / name).config) for name in ("dense", "csv")]


@pytest.mark.parametrize("config", CONFIGS, ids=["dense", "csv"])
def test_what_a_configuration_says_stays_as_it_is(config):
    before = copy.deepcopy(config)
    filled = with_defaults(config)
    assert flat(config).items() <= flat(filled).items()
    assert with_defaults(filled) == filled
    assert config == before


@given(st.data())
def test_what_is_left_out_comes_back_if_it_had_its_default(data):
    whole = with_defaults(data.draw(st.sampled_from(CONFIGS)))
    without = {
        "training": ["clip_norm", "l1", "penalize_biases", "blas_threads", "early_stopping"],
        "model": ["initializer", "bias_initializer", "output_activation"],
        "optimizer": ["weight_decay", "decay_biases", "eps"],
        "schedule": ["by", "warmup"],
        "dataset": ["seed", "limit", "validation", "scaling"],
    }
    partial = copy.deepcopy(whole)
    for node, keys in without.items():
        for key in data.draw(st.sets(st.sampled_from(keys))):
            del partial[node][key]
    for node in data.draw(st.sets(st.sampled_from(["checkpoint", "rerun", "seed"]))):
        del partial[node]
    assert flat(with_defaults(partial)) == flat(whole)


def test_parts_by_name_and_in_lists_are_filled_too():
    config = {
        "model": {
            "_target_": "experiments.config.models.Sequential",
            "hidden_layers": [
                {"_target_": "nn.layers.Dropout"},
                {
                    "_target_": "nn.layers.ActivationLayer",
                    "function": {"name": "leaky_relu"},
                },
            ],
        }
    }
    dropout, activation = with_defaults(config)["model"]["hidden_layers"]
    assert dropout["rate"] == 0.5
    assert activation["function"] == {"name": "leaky_relu", "slope": 0.01}


@dataclass(frozen=True, kw_only=True)
class Slow(SGD):
    """An optimizer of somebody else's."""

    patience: int = 3


@pytest.mark.parametrize(
    "target",
    [f"{__name__}.Slow", "os.path", "nn.no.Such", "experiments", "gone.Module", "nn.__doc__"],
)
def test_the_settings_of_other_classes_stay_as_they_are(target):
    optimizer = {"_target_": target, "lr": 0.1, "more": [{"a": None}]}
    assert with_defaults({"optimizer": optimizer})["optimizer"] == optimizer
