"""What a sweep writes into its jobs' folders when it begins."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.jobs import JobComposer
from experiments.errors import ConfigError
from experiments.sweeps.drafts import Draft
from nn import component

CONF = Path(__file__).resolve().parents[4] / "conf"
JOBS = [
    ["optimizer=sgd", "seed=0"],
    ["optimizer=adam", "seed=0", "optimizer.lr=0.5"],
    ["optimizer=sgd", "seed=1", "tracking.uri=http://me:secret@localhost:5000"],
]


def test_hydra_folders_say_of_each_job_what_hydra_says(tmp_path: Path) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        master = hydra.compose_config("config", [f"hydra.sweep.dir={tmp_path}"], RunMode.MULTIRUN)
        composer = JobComposer(Composer(hydra.config_loader, master), tmp_path)
        jobs = composer.jobs([Draft(job) for job in JOBS])
        expected = [hydra.config_loader.load_sweep_config(master, job) for job in JOBS]
    assert list(tmp_path.iterdir()) == []
    for number, (job, config) in enumerate(zip(JOBS, expected, strict=True)):
        written = {
            name: yaml.safe_load(jobs[number].files[f".hydra/{name}.yaml"])
            for name in ("config", "hydra", "overrides")
        }
        config.hydra.job.id, config.hydra.job.num = str(number), number
        config.hydra.runtime.output_dir = str(tmp_path / str(number))
        whole = plain(OmegaConf.to_container(config))
        assert written["hydra"] == {"hydra": whole.pop("hydra")}
        assert written["config"] == whole
        assert written["overrides"] == plain(job)


def plain(value: Any) -> Any:
    """Values as YAML has them, passwords masked as in all that is written."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return value.replace("secret", "***")
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def test_composing_says_how_many_jobs_are_composed(tmp_path: Path) -> None:
    steps = []
    composer = JobComposer(Composer.load(CONF), tmp_path, lambda *step: steps.append(step))
    composer.jobs([Draft(job) for job in JOBS])
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    steps.clear()
    with pytest.raises(ConfigError):
        composer.jobs([Draft(["seed=-1"])])
    assert steps == [(0, 1), (1, 1)]  # the last, so that a display ends


def test_a_job_costs_only_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()

    def counted(place: Any, name: str) -> None:
        real = getattr(place, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            counts[name] += 1
            return real(*arguments, **keywords)

        monkeypatch.setattr(place, name, call)

    composer = Composer.load(CONF)
    counted(type(composer._loader), "load_sweep_config")
    counted(OverridesParser, "parse_rule")
    counted(yaml, "dump")
    counted(component, "_check")

    def compose(seeds: range) -> Counter[str]:
        counts.clear()
        jobs = [Draft([f"optimizer={o}", f"seed={s}"]) for s in seeds for o in ("sgd", "adam")]
        JobComposer(composer, tmp_path).jobs(jobs)
        return counts.copy()

    first = compose(range(3))
    assert first["load_sweep_config"] == 2  # one for each optimizer
    assert first["parse_rule"] == 2 + 3 + 2  # each override once; Hydra parses its own
    later = compose(range(3, 13))
    assert later["load_sweep_config"] == later["_check"] == 0
    assert later["parse_rule"] == 10
    assert later["dump"] <= 6 * 20  # number, name, folder, overrides; the rest is written already
