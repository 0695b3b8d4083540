"""Composing jobs from overrides: configurations, validation, and Hydra's output files."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from omegaconf import OmegaConf

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.overrides import override_of
from experiments.config.trust import named_packages
from experiments.errors import ConfigError
from experiments.files import yaml as libyaml
from experiments.files.masking import masked
from experiments.files.yaml import dump_yaml
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
        A function that is called with the number of jobs that are composed and of all jobs, before
        each and after the last; it may raise an interrupt.
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
        """Compose and validate all jobs; each has the files that Hydra writes to its folder.

        See :meth:`experiments.sweeps.drafts.Composer.jobs`.
        """
        job_overrides = [_overrides(draft) for draft in drafts]
        varied = varied_keys(job_overrides)
        faults = Faults(job_overrides)
        jobs: list[Job] = []
        hydra_files = HydraFiles()
        for index, (draft, overrides) in enumerate(zip(drafts, job_overrides, strict=True)):
            self._on_step(index, len(drafts))
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
            composed.hydra["runtime"] = {
                **composed.hydra["runtime"],
                "output_dir": str(job.folder),
            }
            # Kept as text, which needs less memory than thousands of composed configurations.
            jobs.append(replace(job, files=hydra_files.texts(composed.config, composed.hydra)))
        self._on_step(len(drafts), len(drafts))
        faults.raise_any()
        phases.debug("composed")
        hydra = self._composer.master.hydra
        if len({job.folder for job in jobs}) < len(jobs):
            raise ConfigError(
                f"hydra.sweep.subdir={hydra.sweep._get_node('subdir')} gives several runs the same "
                "folder, so they would overwrite each other; put ${hydra.job.num} into it"
            )
        return jobs


def _overrides(draft: Draft) -> list[str]:
    return [*draft.overrides, *(override_of(k, v) for k, v in draft.settings.items())]


def _subfolder(hydra: Mapping[str, Any]) -> str:
    """Resolve ``hydra.sweep.subdir`` for one job."""
    if hydra["sweep"]["subdir"] == "${hydra.job.num}":
        return str(hydra["job"]["num"])
    return str(OmegaConf.create({"hydra": dict(hydra)}).hydra.sweep.subdir)


class HydraFiles:
    """The files that Hydra writes for a job, with secrets masked.

    Jobs with the same choices share most objects of the ``hydra`` node, whose YAML is cached.
    """

    def __init__(self) -> None:
        self._written: dict[tuple[str, int], tuple[object, str]] = {}

    def texts(self, config: Mapping[str, Any], hydra: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts of a job's files: configuration, ``hydra`` node and overrides.

        Parameters
        ----------
        config : mapping of str to object
            The job's configuration as plain values, unresolved.
        hydra : mapping of str to object
            The ``hydra`` node as plain values, unresolved.

        Returns
        -------
        dict of str to str
            The texts by path in the job's folder.
        """
        sections = (self._section(name, value) for name, value in hydra.items())
        folder = hydra["output_subdir"] or ".hydra"
        return {
            f"{folder}/config.yaml": _yaml(config),
            f"{folder}/hydra.yaml": "hydra:\n" + "".join(sections),
            f"{folder}/overrides.yaml": _yaml(hydra["overrides"]["task"]),
        }

    def _section(self, name: str, value: Any) -> str:
        if name in _OF_EACH_JOB:
            return f"  {name}:\n" + textwrap.indent(_yaml(value), "    ")
        key = name, id(value)
        if key not in self._written:
            # The cache keeps a reference to the object, so that its id cannot be reused.
            self._written[key] = value, textwrap.indent(_yaml({name: value}), "  ")
        return self._written[key][1]


_OF_EACH_JOB: Final = ("overrides", "job", "runtime")
"""Sections of the ``hydra`` node that differ between any two jobs."""


def _yaml(content: Mapping[str, Any] | Sequence[Any]) -> str:
    return dump_yaml(masked(content), _Dumper)


class _Dumper(libyaml.Dumper):
    """A YAML dumper that writes enumerations by name."""


_Dumper.add_multi_representer(object, lambda dumper, value: dumper.represent_str(str(value)))
