"""Which pictures a comparison can show, and what to say about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from threadpoolctl import threadpool_limits

from experiments.analysis.groups import Group, group_runs, scope_names, scopes
from experiments.analysis.values import ranked
from experiments.datasets import Dataset, Task
from experiments.reporting.figures.curves import Family, family_of
from experiments.reporting.figures.looks import Look, looks_of
from experiments.reporting.figures.networks import (
    boundaries,
    confusion,
    hardest,
    norms,
    regression,
    surface,
)
from experiments.reporting.figures.networks.shown import Shown, shown
from experiments.runs.record import Record
from experiments.training.metrics import SELECTION
from experiments.training.status import Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class NetworkPicture(NamedTuple):
    """A figure and what to write around it.

    Attributes
    ----------
    name : str
        For a file: `confusion`, or `confusion-2` of a second loss on the same data.
    title : str
        A few words.
    caption : str
        How to read it, and what it leaves out.
    figure : Figure
        With the title in it, and not the caption. Words stand on coloured cells and images, so
        show it on white, as it is, where the page is dark too.
    """

    name: str
    title: str
    caption: str
    figure: Figure


def figures_for(
    records: Sequence[Record],
    dataset: Dataset,
    by: Sequence[str] | None = None,
    *,
    trusted: frozenset[str],
) -> list[NetworkPicture]:
    """Draw the pictures that apply to runs on one dataset; nothing is trained.

    Parameters
    ----------
    records : sequence of Record
        Runs of any status; those on other data are left out.
    dataset : Dataset
        As the runs saw it.
    by : sequence of str, optional
        Grouping keys (see `experiments.reporting.tables.frames.comparison`).
    trusted : frozenset of str
        Packages, besides this project's, whose classes the runs' networks may be built of; see
        `experiments.config.trust.allowed_packages`.

    Returns
    -------
    list of NetworkPicture
        Where they apply, in this order: `boundaries` (two inputs, classes, snapshots), `paths`
        (snapshots), `confusion` and `hardest` (classes), `predictions` (regression), `norms`.
        The same records give the same pictures.

    Raises
    ------
    ConfigError
        If no run has one of the keys, or a network is built of a class that is not trusted.
    """
    fitting = [run for run in records if run.dataset.get("digest") == dataset.digest]
    if not fitting:
        return []
    parts = [ranked(part, SELECTION) for part in scopes(group_runs(fitting, by))]
    if len(parts) == 1:
        return figures_of(parts[0], looks_of(parts[0]), dataset, trusted=trusted)
    return [
        picture._replace(
            name=picture.name if place == 0 else f"{picture.name}-{place + 1}",
            title=f"{picture.title} ({name})",
        )
        for place, (part, name) in enumerate(zip(parts, scope_names(parts), strict=True))
        for picture in figures_of(part, looks_of(part), dataset, trusted=trusted)
    ]


def figures_of(
    groups: Sequence[Group], looks: Sequence[Look], dataset: Dataset, *, trusted: frozenset[str]
) -> list[NetworkPicture]:
    """Draw the pictures that apply to ranked groups of one task (see `figures_for`).

    Parameters
    ----------
    groups : sequence of Group
        The best first.
    looks : sequence of Look
        Theirs, so that they have the names and colours of other pictures.
    dataset, trusted
        As in `figures_for`.
    """
    # One thread, as in training: the bits of a prediction may depend on their number.
    with threadpool_limits(limits=1, user_api="blas"):
        return list(_pictures(shown(groups, looks, trusted=trusted), groups, dataset))


def _pictures(
    rows: Sequence[Shown], groups: Sequence[Group], dataset: Dataset
) -> Iterator[NetworkPicture]:
    trained = [
        group for group in groups if any(run.status is not Status.FAILED for run in group.runs)
    ]
    fewer = ""
    if len(rows) < len(trained):
        fewer = f" Shown are {len(rows)} of {len(trained)} groups: the best of each optimizer."
    moving = [one for one in rows if one.run.snapshots()]
    if moving and dataset.features == 2 and dataset.task.has_classes:
        yield _boundaries(moving, dataset, fewer)
    yield from _paths(rows, dataset, fewer)
    finished = [one for one in rows if one.finished]
    missing = _listed([one.label for one in rows if not one.finished])
    without = f" Without a finished run: {missing}." if missing else ""
    if finished and dataset.task.has_classes:
        yield _confusion(finished, dataset, fewer + without)
        yield _hardest(finished, dataset, fewer + without)
    if finished and dataset.task is Task.REGRESSION:
        yield _predictions(finished, dataset, fewer + without)
    families = [family_of(one.group, one.look) for one in rows]
    if norms.layers_of(families):
        yield _norms(families, fewer)


def _boundaries(rows: Sequence[Shown], dataset: Dataset, fewer: str) -> NetworkPicture:
    caption = (
        "A row a group, by a run of typical validation loss; a column a moment. The tint is the "
        "probability that the network gives to the classes, the line where its prediction "
        "changes; points are training data. Above each panel: accuracy on validation data."
    )
    figure = boundaries.plot_boundaries(rows, dataset)
    return NetworkPicture("boundaries", boundaries.TITLE, caption + fewer, figure)


def _paths(rows: Sequence[Shown], dataset: Dataset, fewer: str) -> Iterator[NetworkPicture]:
    found = surface.paths(rows)
    if not found:
        return
    plane = surface.common_plane(found)
    caption = (
        f"From the same initial weights (seed {found[0].record.seed}), on the plane that holds "
        f"most of these paths: {sum(plane.explained):.0%} of their variance; what happens across "
        "it is not seen. Contours: training loss on the plane, equally spaced in its logarithm. "
        "Small dots are moments that were kept, large ones where runs ended, × where they diverged."
    )
    left_out = _listed(
        [one.label for one in rows if one.label not in {path.shown.label for path in found}]
    )
    far = [path for path in found if path not in surface.near(found)]
    if far:
        names = _listed([path.shown.label for path in far])
        caption += f" The plane is laid without {names}, which diverged or went far away."
    if left_out:
        caption += f" Without a path from this start: {left_out}."
    figure = surface.plot_paths(found, dataset, plane)
    yield NetworkPicture("paths", surface.TITLE, caption + fewer, figure)


def _confusion(rows: Sequence[Shown], dataset: Dataset, notes: str) -> NetworkPicture:
    caption = (
        "Test data, by a run of typical validation loss at its best epoch. Numbers are rows of "
        "the data, none where it is 0; the colour is the share of the true class, on a "
        "square-root scale."
    )
    figure = confusion.plot_confusion(rows, dataset)
    return NetworkPicture("confusion", confusion.TITLE, caption + notes, figure)


def _hardest(rows: Sequence[Shown], dataset: Dataset, notes: str) -> NetworkPicture:
    caption = (
        "The test rows to whose true class a run of typical validation loss gives the least "
        "probability, which stands beside them; wrong predictions first, in red."
    )
    if dataset.image_shape is None and len(dataset.feature_names) > 6:
        caption += " Of the columns, those in which these rows are the most unusual."
    if len(rows) > hardest.MOST_GROUPS:
        caption += f" The best {hardest.MOST_GROUPS} of {len(rows)}."
    figure = hardest.plot_hardest(rows, dataset)
    return NetworkPicture("hardest", hardest.TITLE, caption + notes, figure)


def _predictions(rows: Sequence[Shown], dataset: Dataset, notes: str) -> NetworkPicture:
    caption = (
        "Test data in raw units, by a run of typical validation loss at its best epoch; on the "
        "line a prediction is exact."
    )
    if dataset.outputs > regression.MOST_TARGETS:
        caption += f" The first {regression.MOST_TARGETS} of {dataset.outputs} targets."
    figure = regression.plot_predictions(rows, dataset)
    return NetworkPicture("predictions", regression.TITLE, caption + notes, figure)


def _norms(families: Sequence[Family], fewer: str) -> NetworkPicture:
    layers = norms.layers_of(families)
    caption = (
        "Norm of a layer's weights after each epoch, and of their gradient at the epoch's last "
        "full batch, before clipping: every seed thin, the median bold in its 95% interval (with "
        "five seeds or fewer: in their range). Gradients of long runs are medians over "
        "neighbouring epochs; a norm of 0 lies on the lower edge."
    )
    if len(layers) > norms.MOST_LAYERS:
        caption += f" {norms.MOST_LAYERS} of {len(layers)} layers, from first to last."
    if any(one.diverged for one in families):
        caption += " Diverged runs end in ×."
    return NetworkPicture("norms", norms.TITLE, caption + fewer, norms.plot_norms(families))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
