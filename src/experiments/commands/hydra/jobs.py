"""Composing jobs from overrides: configurations, validation, and Hydra's output files."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from omegaconf import DictConfig, OmegaConf

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.overrides import override_of
from experiments.config.trust import named_packages
from experiments.errors import ConfigError, UserError
from experiments.files import yaml as libyaml
from experiments.files.masking import masked
from experiments.runs.job import Job, make_job
from experiments.sweeps.drafts import Draft
from experiments.sweeps.faults import Faults, varied_keys
from experiments.sweeps.sweep import phases


class JobComposer:
    """An `experiments.sweeps.drafts.Composer` that composes the jobs of a sweep by Hydra's rules.

    Parameters
    ----------
    composer : Composer
        The composer of configurations.
    folder : Path
        The sweep's folder; ``hydra.sweep.subdir`` gives each job's subfolder.
    on_step : callable, optional
        A function that is called before each step with the number of steps that are done and of all
        steps, and after the last; it may raise an interrupt. A job takes two: one composes it, one
        writes its folder.
    """

    def __init__(
        self,
        composer: Composer,
        folder: Path,
        on_step: Callable[[int, int], None] = lambda done, steps: None,
    ) -> None:
        self._composer = composer
        self._folder = folder
        self._on_step = on_step

    def config(self, draft: Draft) -> dict[str, Any]:
        return self._composer.compose(_overrides(draft)).resolved

    def jobs(self, drafts: Sequence[Draft], first: int = 0) -> list[Job]:
        """Compose and validate all jobs; write Hydra's files to the folder of each.

        Parameters
        ----------
        drafts : sequence of Draft
        first : int, default 0
            The number of the first job in the sweep.

        Raises
        ------
        ConfigError
            If jobs are invalid; the message lists all of them.
        UserError
            If a folder cannot be written.
        """
        job_overrides = [_overrides(draft) for draft in drafts]
        varied = varied_keys(job_overrides)
        faults = Faults(job_overrides)
        jobs: list[Job] = []
        files: list[dict[str, str]] = []
        writer = _HydraFiles()
        for index, (draft, overrides) in enumerate(zip(drafts, job_overrides, strict=True)):
            self._on_step(index, 2 * len(drafts))
            try:
                composed = self._composer.compose(overrides, first + index)
                job = make_job(
                    composed.resolved,
                    trusted=named_packages(composed.resolved),
                    choices=composed.hydra["runtime"]["choices"],
                    overrides=overrides,
                    folder=self._folder / _subfolder(composed.hydra),
                    varied=varied,
                    labels=draft.labels,
                )
            except ConfigError as error:
                for fault in str(error).splitlines():
                    faults.add(fault, overrides)
                continue
            jobs.append(job)
            composed.hydra["runtime"] = {
                **composed.hydra["runtime"],
                "output_dir": str(job.folder),
            }
            # Kept as text, which needs less memory than thousands of composed configurations.
            files.append(writer.texts(composed.config, composed.hydra))
        faults.raise_any()
        phases.debug("composed")
        hydra = self._composer.master.hydra
        if len({job.folder for job in jobs}) < len(jobs):
            raise ConfigError(
                f"hydra.sweep.subdir={hydra.sweep._get_node('subdir')} gives several runs the same "
                "folder, so they would overwrite each other; put ${hydra.job.num} into it"
            )
        for index, (job, texts) in enumerate(zip(jobs, files, strict=True), start=len(jobs)):
            self._on_step(index, 2 * len(jobs))
            _write_hydra_folder(job.folder / str(hydra.output_subdir or ".hydra"), texts)
        self._on_step(2 * len(jobs), 2 * len(jobs))
        return jobs


def _overrides(draft: Draft) -> list[str]:
    return [*draft.overrides, *(override_of(k, v) for k, v in draft.settings.items())]


def _subfolder(hydra: Mapping[str, Any]) -> str:
    """Resolve ``hydra.sweep.subdir`` for one job."""
    if hydra["sweep"]["subdir"] == "${hydra.job.num}":
        return str(hydra["job"]["num"])
    return str(OmegaConf.create({"hydra": dict(hydra)}).hydra.sweep.subdir)


class _HydraFiles:
    """The files that Hydra's own launchers write for a job, with secrets masked.

    Jobs with the same choices share most objects of the ``hydra`` node, whose YAML is cached.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], tuple[object, str]] = {}

    def texts(self, config: DictConfig, hydra: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts of a job's files by name: configuration, ``hydra`` node, overrides."""
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
            # The cache keeps a reference to the object, so that its id cannot be reused.
            self._written[key] = value, _indented(_yaml({name: value}))
        return self._written[key][1]


_OF_EACH_JOB: Final = ("overrides", "job", "runtime")
"""Sections of the ``hydra`` node that differ between any two jobs."""


def _yaml(content: object) -> str:
    return yaml.dump(masked(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


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
    """A YAML dumper that writes enumerations by name."""


_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))
