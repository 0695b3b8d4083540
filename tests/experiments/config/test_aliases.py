import copy
import pydoc

import pytest

from experiments.config.aliases import MOVED, current_name, with_current_names
from experiments.config.build import run_from_config
from experiments.config.models import MLP
from experiments.runs.identity import Identity
from tests.experiments.small_runs import make_small_job

TABLE = {"old.models": "new.config.models", "old": "newer", "old.models.deep": "deep"}


@pytest.mark.parametrize(
    ("target", "now"),
    [
        ("old.models.MLP", "new.config.models.MLP"),
        ("old.models.deep.Deep", "deep.Deep"),  # the longest that fits
        ("old.other.Thing", "newer.other.Thing"),
        ("older.models.MLP", "older.models.MLP"),  # whole parts of the name only
        ("MLP", "MLP"),
        ("", ""),
    ],
)
def test_a_moved_module_is_found_by_its_old_name(target, now):
    assert current_name(target, TABLE) == now


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_the_table_leads_to_what_is_there_in_one_step(old, new):
    assert pydoc.locate(new) is not None
    assert current_name(f"{old}.X") == f"{new}.X" == current_name(f"{new}.X")


def test_names_are_found_at_any_depth_and_nothing_else_is_changed():
    config = {
        "a": [{"_target_": "experiments.models.MLP", "hidden": [1]}, "experiments.models.MLP"],
        "_target_": "my.models.MLP",
        "n": None,
    }
    before = copy.deepcopy(config)
    assert with_current_names(config) == {
        "a": [
            {"_target_": "experiments.config.models.MLP", "hidden": [1]},
            "experiments.models.MLP",
        ],
        "_target_": "my.models.MLP",
        "n": None,
    }
    assert config == before


def test_a_configuration_with_old_names_is_the_same_run(tmp_path):
    new = make_small_job(tmp_path).config
    old = copy.deepcopy(dict(new))
    old["model"]["_target_"] = "experiments.models.MLP"
    old["dataset"]["_target_"] = "experiments.datasets.xor.Xor"
    new["dataset"]["_target_"] = "experiments.datasets.sources.xor.Xor"
    assert isinstance(run_from_config(old, trusted=frozenset()).model, MLP)
    assert run_from_config(old, trusted=frozenset()) == run_from_config(new, trusted=frozenset())
    assert Identity.of(old, "data") == Identity.of(new, "data")
