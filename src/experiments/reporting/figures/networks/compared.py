"""Draw the networks of a comparison, whose data are loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from experiments.analysis.study import Entry
from experiments.config.build import source_from_config
from experiments.datasets import cached_dataset
from experiments.errors import ConfigError, UserError
from experiments.reporting.figures.looks import Look
from experiments.reporting.figures.networks.choosing import NetworkPicture, figures_of
from experiments.reporting.figures.networks.shown import typical_seed


def networks_of(
    entries: Sequence[tuple[Entry, Look]],
    *,
    trusted: frozenset[str],
    failed: Callable[[Exception], None] | None = None,
) -> tuple[list[NetworkPicture], str]:
    """Draw the pictures that apply to entries of one task.

    If each seed has its own split of the data, runs on the split of the typical seed are shown: a
    network must not be shown its training rows as test rows.

    Parameters
    ----------
    entries : sequence of (Entry, Look)
        The entries, best first, and their looks.
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used to load the data and build
        the networks.
    failed : callable, optional
        Called with the error of a picture that cannot be drawn (see `figures_of`).

    Returns
    -------
    list of NetworkPicture
        The pictures; none if the runs' settings have ``comparison.pictures=false``.
    str
        The reason why there are none; empty if there are some.
    """
    finished = [run for entry, _ in entries for run in entry.group.finished]
    if not finished:
        return [], "no run finished."
    seed = typical_seed([entry.group for entry, _ in entries])
    run = next((run for run in finished if run.seed == seed), finished[0])
    if run.settings.get("comparison.pictures") is False:
        return [], "comparison.pictures=false."
    try:
        dataset = cached_dataset(source_from_config(run.config, trusted=trusted))
    except UserError as error:
        return [], f"the data cannot be loaded. {error}"
    if dataset.digest != run.dataset.get("digest"):
        return [], "the data have changed since the runs were trained."
    groups, looks = [], []
    for entry, look in entries:
        same = [one for one in entry.group.runs if one.dataset.get("digest") == dataset.digest]
        if same:
            groups.append(replace(entry.group, runs=tuple(same)))
            looks.append(look)
    try:
        drawn = figures_of(groups, looks, dataset, trusted=trusted, failed=failed)
    except ConfigError as error:
        return [], f"the networks cannot be built. {error}"
    return drawn, "" if drawn else "the runs stored nothing that they could show."
