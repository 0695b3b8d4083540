"""Composed fast is composed right: as by Hydra itself, for every choice and kind of override."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.overrides import parse
from experiments.errors import ConfigError

CONF = Path(__file__).resolve().parents[4] / "conf"
SWEPT = ("dataset", "model", "loss", "optimizer", "schedule", "training", "tracking")
ALONE = ("experiment", "debug")  # they choose in other groups


def choices_of(group: str) -> list[str]:
    folder = CONF / group
    paths = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.yaml"))
    return [f"{group}={path.as_posix()}" for path in sorted(paths)]


# Every choice once, those of different groups together: to compose takes Hydra its time.
CHOICES = [
    *([o for o in together if o] for together in zip_longest(*map(choices_of, SWEPT))),
    *([override] for group in ALONE for override in choices_of(group)),
]


@pytest.fixture(scope="module")
def hydra() -> Iterator[tuple[Composer, DictConfig]]:
    """A composer for a sweep with overrides of its own, and the sweep's configuration."""
    own = ["experiment_name=all of them", "hydra.job.config.override_dirname.exclude_keys=[seed]"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loaded = GlobalHydra.instance().hydra
        assert loaded is not None
        master = loaded.compose_config("config", own, RunMode.MULTIRUN)
        yield Composer(loaded.config_loader, master), master
    HydraConfig.instance().cfg = None


def by_hydra(master: DictConfig, overrides: Sequence[str], number: int) -> DictConfig:
    """Compose a job as Hydra's own launcher does."""
    loaded = GlobalHydra.instance().hydra
    assert loaded is not None
    config = loaded.config_loader.load_sweep_config(master, list(overrides))
    with open_dict(config):
        config.hydra.job.id = number
        config.hydra.job.num = number
    return config


def assert_equal(hydra: tuple[Composer, DictConfig], overrides: Sequence[str], number: int) -> None:
    composer, master = hydra
    composed = composer.compose(overrides, number)
    expected = by_hydra(master, overrides, number)
    job = OmegaConf.masked_copy(expected, [key for key in expected if key != "hydra"])
    assert composed.config == OmegaConf.to_container(job)
    assert list(composed.config) == list(job)
    assert composed.hydra == OmegaConf.to_container(expected.hydra)
    expected.hydra.runtime.output_dir = "known when the job runs"
    HydraConfig.instance().set_config(expected)  # for the resolver ${hydra:...}
    whole = OmegaConf.to_container(expected, resolve=True)
    assert isinstance(whole, dict)
    del whole["hydra"]
    assert composed.resolved == whole


@pytest.mark.parametrize("overrides", CHOICES, ids=" ".join)
def test_every_choice(hydra: tuple[Composer, DictConfig], overrides: list[str]) -> None:
    assert_equal(hydra, overrides, 0)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["seed=3"],
        ["optimizer.lr=0.5", "optimizer=sgd"],
        ["optimizer=rmsprop", "optimizer.momentum=0.9", "optimizer.centered=true"],
        ["model.hidden=[64,32]", "training.batch_size=full"],
        ["model.hidden=[]", "model.initializer=null"],
        ["model.activation={_target_:nn.activations.LeakyReLU,slope:0.2}"],
        ["+optimizer.foo=1"],
        ["+extra.deep.key=[a,{b:1}]"],
        ["++optimizer.lr=1", "++optimizer.bar=2"],
        ["~optimizer.eps"],
        ["~schedule"],
        ["~optimizer.lr=0.001"],
        ["~experiment"],
        ["experiment_name='a, b = c'"],
        ['experiment_name="quoted \\"twice\\""'],
        ["experiment_name=${optimizer.lr}-${seed}"],
        ["optimizer.lr=${training.l2}", "training.l2=0.25"],
        ["training.epochs=int('7')", "experiment_name=str(5)"],
        ["experiment=xor", "optimizer=adam", "optimizer.lr=0.1"],
        ["experiment=xor", "model.hidden=[8]", "debug=fast"],
        ["debug=overfit", "dataset=diabetes", "training.epochs=2"],
        ["dataset=diabetes", "loss=huber", "loss.delta=2"],
        ["loss=mae", "dataset=diabetes", "dataset.scale_targets=false"],
        ["dataset=csv", "dataset.path=a b.csv", "dataset.target=[x,y]"],
        ["training.early_stopping.patience=null", "training.early_stopping.min_delta=1e-3"],
        ["tracking.uri=sqlite\\:///runs.db"],
        ["+schedule@second=cosine"],
        ["seed=${hydra:job.num}"],
        ["seed=${hydra.job.num}", "experiment_name=${hydra:runtime.choices.optimizer}"],
    ],
    ids=" ".join,
)
def test_every_kind_of_override(hydra: tuple[Composer, DictConfig], overrides: list[str]) -> None:
    assert_equal(hydra, overrides, 5)


def test_jobs_do_not_touch_each_other(hydra: tuple[Composer, DictConfig]) -> None:
    """One base serves many jobs: none may see what another has set."""
    composer, _ = hydra
    composer.compose(["optimizer=adam", "+optimizer.foo=1", "~loss", "model.hidden=[1]"])
    assert_equal(hydra, ["optimizer=adam"], 0)
    first = composer.compose(["optimizer=adam"])
    first.resolved["model"]["hidden"].append(9)
    first.config["optimizer"]["lr"] = 5
    assert_equal(hydra, ["optimizer=adam"], 0)


@pytest.mark.parametrize(
    ("overrides", "faults"),
    [
        (["optimizer=adm"], ["optimizer=adm: unknown choice; did you mean 'adam'?"]),
        (["experiment=publish/nielsen_chapter1"], ["did you mean 'published/nielsen_chapter1'?"]),
        (
            ["experiment/published=nielsen_chapter1"],
            ["experiment/published=nielsen_chapter1: give experiment=published/nielsen_chapter1"],
        ),
        (["optimizer=null"], ["optimizer=null: give one of its choices"]),
        (
            ["optimizer.lrr=1", "sede=2"],
            [
                "unknown key 'optimizer.lrr'; did you mean 'optimizer.lr'?",
                "unknown key 'sede'; did you mean 'seed'?",
            ],
        ),
        (["optimizer=a", "loss=b"], ["optimizer=a: ", "loss=b: "]),
        (["+optimizer.lr=1"], ["+optimizer.lr=1: "]),
        (
            ["optimizer=sgd", "optimizer._search_.momentum=[]"],
            ["optimizer._search_ has no momentum (it has lr, weight_decay)"],
        ),
        (
            ["optimizer._search_.beta=[0]"],
            ["optimizer._search_ has no beta; did you mean 'beta2'?"],
        ),
        (["seed=${nothing}"], ["nothing"]),
        (["seed"], ["'seed' is not a setting"]),
        (["seed=[1", "x={"], ["seed=[1: cannot be read", "x={: cannot be read"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_all_faults_are_listed(
    hydra: tuple[Composer, DictConfig], overrides: list[str], faults: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        hydra[0].compose(overrides)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert fault in line


def test_parse_reads_what_hydra_reads() -> None:
    (sweep, plain) = parse(["seed=range(3)", "optimizer.lr=0.1"])
    assert sweep.is_sweep_override()
    assert plain.value() == 0.1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("optimizer._search_.beta1={low:0.5,high:0.99}", {"low": 0.5, "high": 0.99}),
        ("optimizer._search_.lr=[0.1,0.01]", [0.1, 0.01]),
        ("optimizer._search_.lr={low:1e-4}", {"low": 1e-4, "high": 0.1}),
        ("optimizer._search_.beta1=[]", []),
    ],
)
def test_a_range_replaces_a_list_and_a_list_a_range(
    hydra: tuple[Composer, DictConfig], setting: str, value: object
) -> None:
    """Two mappings are merged, as by Hydra, which refuses to merge a mapping and a list."""
    searched = hydra[0].compose(["optimizer=adam", setting]).resolved["optimizer"]["_search_"]
    assert searched[setting.partition("=")[0].rpartition(".")[2]] == value
    assert len(searched) == 5
