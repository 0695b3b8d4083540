"""Choose the network pictures that apply to a comparison, and write their captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from threadpoolctl import threadpool_limits

from experiments.analysis.analyse import metric_of
from experiments.analysis.groups import Group, group_runs, scope_names, scopes
from experiments.analysis.values import ranked
from experiments.datasets import Dataset, Task
from experiments.errors import UserError
from experiments.reporting.figures.curves import family_of
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
    groups: Sequence[Group],
    looks: Sequence[Look],
    dataset: Dataset,
    *,
    trusted: frozenset[str],
    failed: Callable[[Exception], None] | None = None,
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
    failed : callable, optional
        A function that gets the error of a picture that cannot be drawn, which is then left out; by
        default the error is raised, as mistakes of the user always are.

    Returns
    -------
    list of NetworkPicture
        The pictures, in the order of `figures_for`.
    """
    drawn: list[NetworkPicture] = []
    # One thread, as in training: the bits of a prediction may depend on the number of threads.
    with threadpool_limits(limits=1, user_api="blas"):
        scene = _Scene.of(shown(groups, looks, trusted=trusted), groups, dataset)
        for draw in _DRAWN:
            try:
                drawn += draw(scene)
            except UserError:
                raise
            except Exception as error:
                if failed is None:
                    raise
                failed(error)
    return drawn


@dataclass(frozen=True)
class _Scene:
    """The groups and the dataset that the pictures of a comparison show.

    Attributes
    ----------
    rows : sequence of Shown
        The groups that are shown.
    dataset : Dataset
        The dataset that their runs were trained on.
    fewer : str
        The sentence of captions about groups that are not shown; empty if all are.
    """

    rows: Sequence[Shown]
    dataset: Dataset
    fewer: str

    @classmethod
    def of(cls, rows: Sequence[Shown], groups: Sequence[Group], dataset: Dataset) -> _Scene:
        """Return the scene of the groups that are shown among all groups."""
        trained = [
            group for group in groups if any(run.status is not Status.FAILED for run in group.runs)
        ]
        fewer = ""
        if len(rows) < len(trained):
            fewer = f" {len(rows)} of {len(trained)} groups are shown: the best of each optimizer."
        return cls(rows, dataset, fewer)

    @cached_property
    def finished(self) -> list[Shown]:
        """The groups that are represented by a finished run."""
        return [one for one in self.rows if one.finished]

    @cached_property
    def notes(self) -> str:
        """The sentences of captions about groups without a finished run, and those not shown."""
        missing = _listed([one.label for one in self.rows if not one.finished])
        return self.fewer + (f" Without a finished run: {missing}." if missing else "")

    @property
    def has_a_class_a_row(self) -> bool:
        """Whether each row of the data has one class, rather than one at each step."""
        return self.dataset.task.has_classes and not self.dataset.samples.steps


def _boundaries(scene: _Scene) -> Iterator[NetworkPicture]:
    moving = [one for one in scene.rows if one.run.snapshots()]
    plane = scene.dataset.features == 2 and not scene.dataset.samples.tokens
    if not moving or not plane or not scene.has_a_class_a_row:
        return
    caption = (
        "Each row is a group, represented by a run with typical validation loss; each column is "
        "an epoch. The tint shows the probabilities of the classes, lines show where the "
        "prediction changes, and points are training data. Above each panel: validation accuracy."
    )
    figure = boundaries.plot_boundaries(moving, scene.dataset)
    yield NetworkPicture("boundaries", boundaries.TITLE, caption + scene.fewer, figure)


def _paths(scene: _Scene) -> Iterator[NetworkPicture]:
    found = surface.paths(scene.rows)
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
        [one.label for one in scene.rows if one.label not in {path.shown.label for path in found}]
    )
    far = [path for path in found if path not in surface.near(found)]
    if far:
        names = _listed([path.shown.label for path in far])
        caption += f" The plane does not take into account {names}, which diverged or went too far."
    if left_out:
        caption += f" No path starts here for {left_out}."
    figure = surface.plot_paths(found, scene.dataset, plane)
    yield NetworkPicture("paths", surface.TITLE, caption + scene.fewer, figure)


def _confusion(scene: _Scene) -> Iterator[NetworkPicture]:
    rows = scene.finished
    if not rows or not scene.has_a_class_a_row:
        return
    caption = (
        f"Test data, classified by a run with typical validation loss at {its_epoch(_runs(rows))}. "
        "Numbers count rows of the data (0 is not written); the colour is the share of the true "
        "class, on a square-root scale."
    )
    figure = confusion.plot_confusion(rows, scene.dataset)
    yield NetworkPicture("confusion", confusion.TITLE, caption + scene.notes, figure)


def _hardest(scene: _Scene) -> Iterator[NetworkPicture]:
    rows, dataset = scene.finished, scene.dataset
    if not rows or not scene.has_a_class_a_row:
        return
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
    yield NetworkPicture("hardest", hardest.TITLE, caption + scene.notes, figure)


def _filters(scene: _Scene) -> Iterator[NetworkPicture]:
    rows, dataset = scene.finished, scene.dataset
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
    yield NetworkPicture("filters", filters.TITLE, caption + scene.notes, figure)


def _states(scene: _Scene) -> Iterator[NetworkPicture]:
    rows, dataset = scene.finished, scene.dataset
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
    yield NetworkPicture("states", states.TITLE, caption + scene.notes, figure)


def _attention(scene: _Scene) -> Iterator[NetworkPicture]:
    rows, dataset = scene.finished, scene.dataset
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
    yield NetworkPicture("attention", attention.TITLE, caption + scene.notes, figure)


def _diagram(scene: _Scene) -> Iterator[NetworkPicture]:
    """Draw the network of the best group, if it takes samples with a shape."""
    for one in scene.rows[:1]:
        layers = network_of(one.run, one.run.weights(), trusted=one.trusted).layers
        if len(layers[0].at.shape) > 1:
            caption = (
                f"The layers of {one.label}, from left to right, with the shape of a sample behind "
                "each and the number of its parameters."
            )
            yield NetworkPicture("network", diagram.TITLE, caption, diagram.plot_diagram(layers))


def _predictions(scene: _Scene) -> Iterator[NetworkPicture]:
    rows, dataset = scene.finished, scene.dataset
    if not rows or dataset.task is not Task.REGRESSION:
        return
    caption = (
        "Test data in raw units, predicted by a run with typical validation loss at "
        f"{its_epoch(_runs(rows))}; predictions on the line are exact."
    )
    if dataset.outputs > regression.MOST_TARGETS:
        caption += f" The first {regression.MOST_TARGETS} of {dataset.outputs} targets are shown."
    figure = regression.plot_predictions(rows, dataset)
    yield NetworkPicture("predictions", regression.TITLE, caption + scene.notes, figure)


def _runs(rows: Sequence[Shown]) -> list[Record]:
    return [one.run for one in rows]


def _norms(scene: _Scene) -> Iterator[NetworkPicture]:
    families = [family_of(one.group, one.look) for one in scene.rows]
    layers = norms.layers_of(families)
    if not layers:
        return
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
    yield NetworkPicture("norms", norms.TITLE, caption + scene.fewer, figure, on_white=False)


_DRAWN: Final[Sequence[Callable[[_Scene], Iterator[NetworkPicture]]]] = (
    _boundaries,
    _paths,
    _confusion,
    _hardest,
    _filters,
    _states,
    _attention,
    _predictions,
    _diagram,
    _norms,
)
"""What draws each picture, in the order of `figures_for`; nothing if it does not apply."""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
