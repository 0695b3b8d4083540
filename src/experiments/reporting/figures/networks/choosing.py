"""Choose the network pictures that apply to a comparison, and write their captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from threadpoolctl import threadpool_limits

from experiments.analysis.analyse import metric_of
from experiments.analysis.groups import Group, group_runs, scope_names, scopes
from experiments.analysis.values import ranked
from experiments.datasets import Dataset, Task
from experiments.reporting.figures.curves import Family, family_of
from experiments.reporting.figures.looks import OTHERS_ARE_GREY, Look, looks_of
from experiments.reporting.figures.networks import (
    attention,
    boundaries,
    confusion,
    diagram,
    filters,
    hardest,
    norms,
    regression,
    states,
    surface,
)
from experiments.reporting.figures.networks.shown import Shown, shown
from experiments.reporting.words.reported import its_epoch
from experiments.runs.network import network_of
from experiments.runs.record import Record
from experiments.training.status import Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class NetworkPicture(NamedTuple):
    """A figure with its name, title and caption.

    Attributes
    ----------
    name : str
        The name for files: `confusion`, or `confusion-2` for a second loss on the same data.
    title : str
        The title, a few words.
    caption : str
        The caption: how to read the figure, and what it omits.
    figure : Figure
        The figure, which contains the title but not the caption.
    on_white : bool
        Whether it has text on coloured cells or images, so that a dark page should show it
        unchanged, on white.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    on_white: bool = True


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
        Runs of any status; runs on other data are skipped.
    dataset : Dataset
        The dataset that the runs were trained on.
    by : sequence of str, optional
        Grouping keys (see `experiments.reporting.tables.frames.comparison`).
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used to build the networks; see
        `experiments.config.trust.allowed_packages`.

    Returns
    -------
    list of NetworkPicture
        The pictures that apply, in this order: `boundaries` (two inputs, classes, snapshots),
        `paths` (snapshots), `confusion` and `hardest` (one class a row), `filters` (a first
        convolution), `states` (recurrent layers), `attention` (self-attention), `predictions`
        (regression), `network` (samples with a shape), `norms`.
        The same records give the same pictures.

    Raises
    ------
    ConfigError
        If no run has one of the keys, or a network needs a class that is not trusted.
    """
    fitting = [run for run in records if run.dataset.get("digest") == dataset.digest]
    if not fitting:
        return []
    groups = group_runs(fitting, by)
    metric = metric_of(groups)
    parts = [ranked(part, metric) for part in scopes(groups)]
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
        The groups, best first.
    looks : sequence of Look
        The looks of the groups, which give them the same names and colours in all pictures.
    dataset : Dataset
        The dataset that the runs were trained on.
    trusted : frozenset of str
        The trusted packages (see `figures_for`).

    Returns
    -------
    list of NetworkPicture
        The pictures, in the order of `figures_for`.
    """
    # One thread, as in training: the bits of a prediction may depend on the number of threads.
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
        fewer = f" {len(rows)} of {len(trained)} groups are shown: the best of each optimizer."
    moving = [one for one in rows if one.run.snapshots()]
    classes_of_rows = dataset.task.has_classes and not dataset.samples.steps
    if moving and dataset.features == 2 and classes_of_rows and not dataset.samples.tokens:
        yield _boundaries(moving, dataset, fewer)
    yield from _paths(rows, dataset, fewer)
    finished = [one for one in rows if one.finished]
    missing = _listed([one.label for one in rows if not one.finished])
    without = f" Without a finished run: {missing}." if missing else ""
    if finished and classes_of_rows:
        yield _confusion(finished, dataset, fewer + without)
        yield _hardest(finished, dataset, fewer + without)
    yield from _filters(finished, dataset, fewer + without)
    yield from _states(finished, dataset, fewer + without)
    yield from _attention(finished, dataset, fewer + without)
    if finished and dataset.task is Task.REGRESSION:
        yield _predictions(finished, dataset, fewer + without)
    yield from _diagram(rows)
    families = [family_of(one.group, one.look) for one in rows]
    if norms.layers_of(families):
        yield _norms(families, fewer)


def _boundaries(rows: Sequence[Shown], dataset: Dataset, fewer: str) -> NetworkPicture:
    caption = (
        "Each row is a group, represented by a run with typical validation loss; each column is "
        "an epoch. The tint shows the probabilities of the classes, lines show where the "
        "prediction changes, and points are training data. Above each panel: validation accuracy."
    )
    figure = boundaries.plot_boundaries(rows, dataset)
    return NetworkPicture("boundaries", boundaries.TITLE, caption + fewer, figure)


def _paths(rows: Sequence[Shown], dataset: Dataset, fewer: str) -> Iterator[NetworkPicture]:
    found = surface.paths(rows)
    if not found:
        return
    plane = surface.common_plane(found)
    caption = (
        f"All paths start at the same initial weights (seed {found[0].record.seed}). The plane "
        f"holds {sum(plane.explained):.0%} of their variance; other directions are not shown. "
        "Contours: training loss on the plane, equally spaced in its logarithm. Small dots are "
        "snapshots, large dots the ends of runs; × marks runs that diverged."
    )
    left_out = _listed(
        [one.label for one in rows if one.label not in {path.shown.label for path in found}]
    )
    far = [path for path in found if path not in surface.near(found)]
    if far:
        names = _listed([path.shown.label for path in far])
        caption += f" The plane does not take into account {names}, which diverged or went too far."
    if left_out:
        caption += f" No path starts here for {left_out}."
    figure = surface.plot_paths(found, dataset, plane)
    yield NetworkPicture("paths", surface.TITLE, caption + fewer, figure)


def _confusion(rows: Sequence[Shown], dataset: Dataset, notes: str) -> NetworkPicture:
    caption = (
        f"Test data, classified by a run with typical validation loss at {its_epoch(_runs(rows))}. "
        "Numbers count rows of the data (0 is not written); the colour is the share of the true "
        "class, on a square-root scale."
    )
    figure = confusion.plot_confusion(rows, dataset)
    return NetworkPicture("confusion", confusion.TITLE, caption + notes, figure)


def _hardest(rows: Sequence[Shown], dataset: Dataset, notes: str) -> NetworkPicture:
    caption = (
        "The test rows for whose true class a run with typical validation loss gives the lowest "
        f"probability at {its_epoch(_runs(rows))}, with that probability; wrong predictions come "
        "first, in red."
    )
    if len(dataset.shape) == 1 and len(dataset.feature_names) > 6:
        caption += " The columns are those in which these rows are the most unusual."
    if len(rows) > hardest.MOST_GROUPS:
        caption += f" The best {hardest.MOST_GROUPS} of {len(rows)} groups are shown."
    figure = hardest.plot_hardest(rows, dataset)
    return NetworkPicture("hardest", hardest.TITLE, caption + notes, figure)


def _filters(rows: Sequence[Shown], dataset: Dataset, notes: str) -> Iterator[NetworkPicture]:
    found = [(one, filters.first_filters(one, dataset)) for one in rows[: filters.MOST_GROUPS]]
    having = [(one, own) for one, own in found if own]
    if not having:
        return
    caption = (
        "Kernels of the first convolution of a run with typical validation loss at "
        f"{its_epoch(_runs(rows))}: red is positive, blue negative. Below each: what it sees where "
        "it answers most in the test data."
    )
    if len(rows) > filters.MOST_GROUPS:
        caption += f" The best {filters.MOST_GROUPS} of {len(rows)} groups are looked at."
    figure = filters.plot_filters(having)
    yield NetworkPicture("filters", filters.TITLE, caption + notes, figure)


def _states(rows: Sequence[Shown], dataset: Dataset, notes: str) -> Iterator[NetworkPicture]:
    found = [(one, states.states_of(one, dataset)) for one in rows[: states.MOST_GROUPS]]
    having = [(one, own) for one, own in found if own is not None]
    if not having:
        return
    caption = (
        "The last recurrent layer of a run with typical validation loss at "
        f"{its_epoch(_runs(rows))}, in the first test sequence: a line for each unit, red where "
        f"its state is positive, blue where negative. At most {states.MOST_UNITS} units and "
        f"{states.MOST_STEPS} steps are shown."
    )
    figure = states.plot_states(having, dataset)
    yield NetworkPicture("states", states.TITLE, caption + notes, figure)


def _attention(rows: Sequence[Shown], dataset: Dataset, notes: str) -> Iterator[NetworkPicture]:
    found = [(one, attention.attention_of(one, dataset)) for one in rows[: attention.MOST_GROUPS]]
    having = [(one, heads) for one, heads in found if heads]
    if not having:
        return
    caption = (
        "Self-attention of a run with typical validation loss at "
        f"{its_epoch(_runs(rows))}, in the first test sequence: a panel for each head; a line for "
        "each step, with the weights of the steps that it looks at, darker where larger (on a "
        f"square-root scale). At most {attention.MOST_STEPS} steps are shown."
    )
    figure = attention.plot_attention(having, dataset)
    yield NetworkPicture("attention", attention.TITLE, caption + notes, figure)


def _diagram(rows: Sequence[Shown]) -> Iterator[NetworkPicture]:
    """Draw the network of the best group, if it takes samples with a shape."""
    for one in rows[:1]:
        layers = network_of(one.run, one.run.weights(), trusted=one.trusted).layers
        if len(layers[0].at.shape) > 1:
            caption = (
                f"The layers of {one.label}, from left to right, with the shape of a sample behind "
                "each and the number of its parameters."
            )
            yield NetworkPicture("network", diagram.TITLE, caption, diagram.plot_diagram(layers))


def _predictions(rows: Sequence[Shown], dataset: Dataset, notes: str) -> NetworkPicture:
    caption = (
        "Test data in raw units, predicted by a run with typical validation loss at "
        f"{its_epoch(_runs(rows))}; predictions on the line are exact."
    )
    if dataset.outputs > regression.MOST_TARGETS:
        caption += f" The first {regression.MOST_TARGETS} of {dataset.outputs} targets are shown."
    figure = regression.plot_predictions(rows, dataset)
    return NetworkPicture("predictions", regression.TITLE, caption + notes, figure)


def _runs(rows: Sequence[Shown]) -> list[Record]:
    return [one.run for one in rows]


def _norms(families: Sequence[Family], fewer: str) -> NetworkPicture:
    layers = norms.layers_of(families)
    caption = (
        "Norm of a layer's weights after each epoch, and of their gradient at the epoch's last "
        "full batch, before clipping. Each seed is a thin line; the median is bold, with its 95% "
        "interval (the range for five seeds or fewer). Gradients of long runs are medians over "
        "neighbouring epochs; a norm of 0 is drawn at the lower edge."
    )
    if len(layers) > norms.MOST_LAYERS:
        caption += f" {norms.MOST_LAYERS} of {len(layers)} layers are shown, from first to last."
    if any(one.diverged for one in families):
        caption += " Diverged runs end in ×."
    if not all(one.look.named for one in families):
        caption += f" {OTHERS_ARE_GREY}"
    figure = norms.plot_norms(families)
    return NetworkPicture("norms", norms.TITLE, caption + fewer, figure, on_white=False)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
