"""Composing the experiments that repeat published results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from experiments.analysis.published.description import Published, read_description
from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.jobs import JobComposer
from experiments.commands.hydra.locate import CONF
from experiments.config.schema import PUBLISHED
from experiments.runs.job import Job
from experiments.sweeps.drafts import Draft

FOLDER: Final = "published"
"""The folder of `conf/experiment` with these experiments."""


def names() -> list[str]:
    """Return the names of all experiments, sorted."""
    return sorted(path.stem for path in (CONF / "experiment" / FOLDER).glob("*.yaml"))


class Experiments:
    """Composes the experiments, and the jobs of each.

    Parameters
    ----------
    always : sequence of str, default ()
        Settings of every run, as on a command line.
    """

    def __init__(self, always: Sequence[str] = ()) -> None:
        self._composer = Composer.load(CONF)
        self._always = list(always)

    def read(self, name: str) -> tuple[Published, list[Mapping[str, Any]]]:
        """Return what an experiment's file says was published, and its claims as they stand there.

        Raises
        ------
        ConfigError
            If something in the file is wrong.
        """
        # Unresolved: interpolations in the settings of runs are resolved in the runs.
        config = self._composer.compose([f"experiment={FOLDER}/{name}"]).config
        return read_description(config, name), list(config[PUBLISHED]["claims"])

    def dataset(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """Return the name of an experiment's data, such as ``mnist``, and the dataset's settings.

        Datasets that are made from the same files have the same name: that of their folder.
        """
        composed = self._composer.compose([f"experiment={FOLDER}/{name}"])
        settings = composed.resolved["dataset"]
        if "dir" in settings:
            return Path(settings["dir"]).name, settings
        return str(composed.hydra["runtime"]["choices"]["dataset"]), settings

    def of_files(self, names: Sequence[str]) -> list[str]:
        """Return the names of the data that experiments read from files, sorted."""
        read = (self.dataset(name) for name in names)
        return sorted({data for data, settings in read if "dir" in settings})

    def jobs(
        self,
        name: str,
        settings: Sequence[Sequence[str]],
        folder: Path,
        first: int,
        on_step: Callable[[int, int], None],
    ) -> list[Job]:
        """Return the jobs of an experiment.

        Parameters
        ----------
        name : str
            The experiment's name.
        settings : sequence of sequence of str
            The settings of each job, beside those of the experiment's file.
        folder : Path
            The sweep's folder.
        first : int
            The number of the first job in the sweep.
        on_step : callable
            See :class:`JobComposer`.

        Raises
        ------
        ConfigError
            If jobs are invalid; the message lists all of them.
        """
        drafts = [Draft([f"experiment={FOLDER}/{name}", *self._always, *own]) for own in settings]
        return JobComposer(self._composer, folder, on_step).jobs(drafts, first)
