"""Preparing a sweep: every job is composed and checked, and its data loaded, before any trains."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from omegaconf import DictConfig, OmegaConf

from experiments.commands.hydra.compose import Composer
from experiments.config.trust import named_packages
from experiments.datasets import Dataset, Source, cached_dataset
from experiments.errors import ConfigError, UserError
from experiments.files import yaml as libyaml
from experiments.files.masking import mask_secrets
from experiments.runs.job import Job, make_job
from experiments.training.targets import encoding_for


def compose_jobs(
    composer: Composer,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    folder: Path,
    *,
    labels: Sequence[Mapping[str, str]] | None = None,
    between: Callable[[], None] = lambda: None,
) -> list[Job]:
    """Compose and check every job of a sweep; write each its Hydra folder.

    Parameters
    ----------
    composer : Composer
    config : DictConfig
        Hydra's for the sweep itself.
    job_overrides : sequence of sequence of str
        What each job changes.
    first : int
        Number of the first job.
    folder : Path
        The sweep's.
    labels : sequence of mapping, optional
        Those of each job.
    between : callable, optional
        Called before each job is composed and before each folder is written.

    Raises
    ------
    ConfigError
        Listing every job that is wrong.
    UserError
        If a folder cannot be written.
    """
    varied = _varied(job_overrides)
    faults: dict[str, list[str]] = {}
    jobs: list[Job] = []
    files: list[dict[str, str]] = []
    writer = _HydraFiles()
    for index, overrides in enumerate(job_overrides):
        between()
        try:
            one = composer.compose(list(overrides), first + index)
            job = make_job(
                one.resolved,
                trusted=named_packages(one.resolved),
                choices=one.hydra["runtime"]["choices"],
                overrides=overrides,
                folder=folder / _subfolder(one.hydra),
                varied=varied,
                labels=labels[index] if labels else {},
            )
        except ConfigError as error:
            for fault in str(error).splitlines():
                faults.setdefault(fault, []).append(_told(overrides, varied))
            continue
        jobs.append(job)
        one.hydra["runtime"] = {**one.hydra["runtime"], "output_dir": str(job.folder)}
        # As text, which is small: thousands of composed configurations would not be.
        files.append(writer.texts(one.config, one.hydra))
    if faults:
        raise ConfigError(_listed(faults, len(job_overrides)))
    if len({job.folder for job in jobs}) < len(jobs):
        raise ConfigError(
            f"hydra.sweep.subdir={config.hydra.sweep._get_node('subdir')} gives several runs one "
            "folder, where each would overwrite the others; put ${hydra.job.num} into it"
        )
    for job, texts in zip(jobs, files, strict=True):
        between()
        _write_hydra_folder(job.folder / str(config.hydra.output_subdir or ".hydra"), texts)
    return jobs


def load_datasets(jobs: Sequence[Job]) -> dict[Source, Dataset]:
    """Load every dataset of the sweep once, and check that losses fit them."""
    datasets: dict[Source, Dataset] = {}
    unloaded: dict[Source, str] = {}
    faults: dict[str, list[str]] = {}
    varied = _varied([job.overrides for job in jobs])
    for job in jobs:
        source = job.run.dataset
        if source not in datasets and source not in unloaded:
            try:
                datasets[source] = cached_dataset(source)
            except UserError as error:
                unloaded[source] = str(error)
        fault = unloaded.get(source)
        if fault is None:
            try:
                encoding_for(datasets[source], job.run.objective)
            except ConfigError as error:
                fault = str(error)
        if fault is not None:
            faults.setdefault(fault, []).append(_told(job.overrides, varied))
    if faults:
        raise ConfigError(_listed(faults, len(jobs)))
    return datasets


def _varied(job_overrides: Sequence[Sequence[str]]) -> list[str]:
    """Return the keys that differ between jobs."""
    values: dict[str, set[str]] = {}
    for overrides in job_overrides:
        for override in overrides:
            key, _, value = override.lstrip("+").partition("=")
            values.setdefault(key, set()).add(value)
    return [key for key, seen in values.items() if len(seen) > 1]


def _told(overrides: Sequence[str], varied: Sequence[str]) -> str:
    """Tell a job by what sets it apart from the others."""
    own = [o for o in overrides if o.lstrip("+").partition("=")[0] in varied]
    return " ".join(own or overrides)


def _listed(faults: Mapping[str, Sequence[str]], jobs: int) -> str:
    """List what is wrong, each fault once, with the jobs that have it."""
    lines = [f"nothing was trained; of {jobs} jobs these are wrong:"]
    for fault, having in faults.items():
        if len(having) == jobs:
            who = "every job"
        elif len(having) <= 3:
            who = "; ".join(having)
        else:
            who = f"{having[0]} and {len(having) - 1} others"
        lines.append(f"  {fault}  [{who}]")
    return "\n".join(lines)


def _subfolder(hydra: Mapping[str, Any]) -> str:
    """Resolve ``hydra.sweep.subdir`` for one job."""
    if hydra["sweep"]["subdir"] == "${hydra.job.num}":
        return str(hydra["job"]["num"])
    return str(OmegaConf.create({"hydra": dict(hydra)}).hydra.sweep.subdir)


class _HydraFiles:
    """Writes what Hydra's own launcher does for a job; passwords in addresses are masked.

    Most of Hydra's part is the same objects in all jobs of the same choices: it is written once.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], tuple[object, str]] = {}

    def texts(self, config: DictConfig, hydra: Mapping[str, Any]) -> dict[str, str]:
        """Return a job's configuration, Hydra's part and the overrides, by the file's name."""
        sections = (self._section(name, value) for name, value in hydra.items())
        return {
            "config.yaml": _yaml(OmegaConf.to_container(config, resolve=False)),
            "hydra.yaml": "hydra:\n" + "".join(sections),
            "overrides.yaml": _yaml(hydra["overrides"]["task"]),
        }

    def _section(self, name: str, value: object) -> str:
        if name in _OF_EACH_JOB:
            return _indented(_yaml({name: value}))
        key = name, id(value)
        if key not in self._written:
            # With the object, whose id would otherwise become another's.
            self._written[key] = value, _indented(_yaml({name: value}))
        return self._written[key][1]


_OF_EACH_JOB: Final = ("overrides", "job", "runtime")
"""Sections of Hydra's part that no two jobs have in common."""


def _yaml(content: object) -> str:
    return mask_secrets(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def _indented(text: str) -> str:
    return textwrap.indent(text, "  ")


def _write_hydra_folder(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}); choose another hydra.sweep.dir"
        ) from error


class _Dumper(libyaml.Dumper):
    """Writes enumerations by their names."""


_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))
