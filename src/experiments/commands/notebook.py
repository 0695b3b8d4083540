"""Training and comparing from Python: the functions of `descent` for notebooks and scripts."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import varied
from experiments.analysis.study import Study
from experiments.commands.console import plain_text
from experiments.commands.hydra import call
from experiments.commands.hydra.overrides import override_of, parse
from experiments.errors import ConfigError, UserError
from experiments.runs.find import find_records
from experiments.runs.record import Record
from experiments.training.metrics import HEADLINE, SELECTION

if TYPE_CHECKING:
    import pandas as pd

    from experiments.reporting.figures.drawing import Figure

_PEAK: Final = "test_peak/"
_SHOWN: Final = (
    *(HEADLINE, "test/accuracy", "test/r2", f"{_PEAK}accuracy", f"{_PEAK}r2"),
    *(SELECTION, "best/val_accuracy", "best/val_r2"),
)
_ROWS: Final = 40  # most runs in a printed table; `frame` has all


def sweep(
    *overrides: str, config_dir: str | os.PathLike[str] | None = None, **settings: Any
) -> Results:
    """Train many runs, as ``descent -m`` does: stacked, recorded, published.

        sweep("dataset=digits", optimizer=["sgd", "adam"], seed=range(5))

    Finished runs are not trained again and interrupted runs resume, so the same call after an
    interrupt completes the sweep.

    Parameters
    ----------
    *overrides : str
        Settings as on the command line: ``"optimizer.lr=0.01,0.1"``.
    config_dir : path, optional
        A folder with choices of your own, as ``--config-dir`` names it.
    **settings
        Settings by name. A list, tuple, range or array makes one run for each of its values and
        for each combination; a list of lists sweeps over lists.

    Returns
    -------
    Results
        The results of all runs.

    Raises
    ------
    UserError
        If settings are invalid, before anything is trained; or if runs failed, after all others
        have ended.
    """
    _check_overrides(overrides)
    given = [_swept(name, value) for name, value in settings.items()]
    folder = call.sweep([*overrides, *given], config_dir)
    return Results(find_records(folder))


def train(
    *overrides: str, config_dir: str | os.PathLike[str] | None = None, **settings: Any
) -> Results:
    """Train one run, as ``descent`` does.

        train("dataset=digits", optimizer="adam", seed=3)

    Parameters
    ----------
    *overrides, config_dir, **settings
        See :func:`sweep`; each setting has one value here, which may be a list.

    Returns
    -------
    Results
        The results of the run.

    Raises
    ------
    UserError
        If settings are invalid, or if the run failed.
    """
    _check_overrides(overrides)
    given = [*overrides, *(_override(name, value) for name, value in settings.items())]
    several = [str(one.input_line) for one in parse(given) if one.is_sweep_override()]
    # No group and none of the settings beside them takes a list.
    several += [name for name in settings if "." not in name and _is_list(settings[name])]
    if several:
        raise ConfigError(
            f"{several[0]}: several values are a sweep; descent.sweep trains them, and "
            "descent.train one run"
        )
    return Results([Record.read(call.train(given, config_dir))])


def compare(
    runs: Results | str | os.PathLike[str] | Iterable[Record],
    *,
    by: str | Sequence[str] | None = None,
    metric: str | None = None,
    target: float | None = None,
    margin: float | None = None,
) -> Comparison:
    """Compare runs over their seeds, as ``descent compare`` does.

    Parameters
    ----------
    runs : Results, path, or iterable of Record
        Results, or a folder with the records of runs in it.
    by : str or sequence of str, optional
        Choices or settings that make the groups, such as ``"optimizer"``; by default the optimizer
        and whatever else was varied.
    metric : str, optional
        The metric by which groups are compared; by default `comparison.metric` of the runs, or the
        test loss at the reported epoch.
    target : float, optional
        A validation accuracy, R² or loss to reach; by default the best group's median.
    margin : float, optional
        The smallest difference of the metric that matters, so that groups can be equivalent; by
        default `comparison.margin` of the runs.

    Returns
    -------
    Comparison
    """
    if isinstance(runs, str | os.PathLike):
        runs = Results.read(runs)
    keys = [by] if isinstance(by, str) else by
    return Comparison(analyse(list(runs), by=keys, metric=metric, target=target, margin=margin))


class Results:
    """The results of runs that have ended.

    Parameters
    ----------
    records : sequence of Record
        The records, in the order of the runs.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = list(records)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Results:
        """Read the results of all runs in a folder and its subfolders.

        Raises
        ------
        UserError
            If the folder does not exist, or contains no finished runs.
        """
        records = find_records(folder)
        if not records:
            raise UserError(f"{Path(folder)}: no finished runs here. Give a folder with runs.")
        return cls(records)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def frame(self) -> pd.DataFrame:
        """Return a table of the runs.

        Returns
        -------
        DataFrame, one row a run
            Columns `name`, `status`, `seed`, the choices (`optimizer`), every setting by its dotted
            name (`optimizer.lr`) and the metrics of the whole run (`best/val_loss`).
        """
        from experiments.reporting.tables.frames import runs_table

        return runs_table(self.records)

    def curves(self) -> pd.DataFrame:
        """Return a table of the learning curves.

        Returns
        -------
        DataFrame, one row a run and epoch
            Columns `run` (as `name` in :meth:`frame`), `epoch` (0 is before training), what was
            varied (`optimizer`, `seed`) and the metrics (`val/loss`).
        """
        from experiments.reporting.tables.frames import curves_table

        runs, keys = self.frame(), self._varied()
        long = curves_table(self.records)
        order = list(dict.fromkeys(long["metric"]))
        wide = long.pivot(index=["run", "epoch"], columns="metric", values="value")[order]
        wide = wide.reindex(runs["name"], level="run").reset_index().rename_axis(columns=None)
        found = runs[["name", *keys]].rename(columns={"name": "run"}).merge(wide, on="run")
        return found[["run", "epoch", *keys, *order]]

    def compare(
        self,
        *,
        by: str | Sequence[str] | None = None,
        metric: str | None = None,
        target: float | None = None,
        margin: float | None = None,
    ) -> Comparison:
        """Compare the runs over their seeds; see :func:`compare`."""
        return compare(self, by=by, metric=metric, target=target, margin=margin)

    def plot(self, picture: str | None = None) -> Figure:
        """Draw the learning curves and final losses of all groups, or the curves of one run.

        Parameters
        ----------
        picture : str, optional
            A picture of what networks learnt instead, as ``descent pictures`` draws them:
            ``"boundaries"``, ``"paths"``, ``"confusion"``, ``"hardest"``, ``"filters"``,
            ``"predictions"``, ``"network"`` or ``"norms"``.

        Raises
        ------
        ConfigError
            If the runs have no such picture; the message names those that they have.
        """
        if picture is not None:
            return _network_picture(self.records, picture)
        if len(self.records) > 1:
            return self.compare().plot()
        from experiments.reporting.figures.run import plot_run

        return plot_run(self.records[0])

    def _varied(self) -> list[str]:
        """Return the names of what differs between runs, the optimizer and the seed among them."""
        keys = [key for key in varied(self.records) if key != "optimizer"]
        return ["optimizer", *keys, "seed"]

    def _table(self) -> pd.DataFrame:
        table = self.frame()
        metrics = [name for name in _SHOWN if name in table.columns]
        marked = {name: f"{name} (chosen on test)" for name in metrics if name.startswith(_PEAK)}
        return table[["name", "status", *metrics]].rename(columns=marked)

    def __repr__(self) -> str:
        count = "1 run" if len(self) == 1 else f"{len(self)} runs"
        return f"{count}\n{self._table().to_string(index=False, max_rows=_ROWS)}"

    def _repr_html_(self) -> str:
        return str(self._table().to_html(index=False, max_rows=_ROWS, float_format="{:.4f}".format))


class Comparison:
    """A comparison of groups of runs, which prints as conclusions and tables.

    Parameters
    ----------
    study : Study
        The numbers and verdicts of the comparison.
    """

    def __init__(self, study: Study) -> None:
        self.study = study

    def frame(self) -> pd.DataFrame:
        """Return a table of the groups, unrounded, one row a group, the best first."""
        from experiments.reporting.tables.frames import study_table

        return study_table(self.study)

    def pairs(self) -> pd.DataFrame:
        """Return a table of all pairs of groups: their differences, intervals and verdicts."""
        from experiments.reporting.tables.frames import pairs_table

        return pairs_table(self.study)

    def plot(self) -> Figure:
        """Draw the learning curves and the final losses of all groups."""
        from experiments.reporting.figures.comparison import plot_comparison

        return plot_comparison(self.study)

    def __repr__(self) -> str:
        from experiments.reporting.tables.terminal import print_study

        return plain_text(partial(print_study, self.study)).rstrip()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def _network_picture(records: Sequence[Record], name: str) -> Figure:
    """Draw one picture of what networks learnt."""
    from experiments.commands.pictures import pictures_of

    drawn = {picture.name: picture.figure for picture in pictures_of(records)}
    if name in drawn:
        return drawn[name]
    have = f"they have {', '.join(drawn)}" if drawn else "no picture fits them"
    raise ConfigError(f"There is no picture {name!r} of these runs: {have} (docs/pictures.md).")


# ---- settings as overrides


def _check_overrides(overrides: Sequence[Any]) -> None:
    for override in overrides:
        if not isinstance(override, str):
            raise ConfigError(
                f"{override!r} is not a text. Give each setting as a text, "
                'sweep("dataset=digits", "seed=0,1"), or by name, sweep(seed=[0, 1])'
            )


def _swept(name: str, value: Any) -> str:
    """Write a setting as an override that sweeps over the values of a list."""
    value = _plain(value)
    if not isinstance(value, list):
        return _override(name, value)
    if not value:
        raise ConfigError(f"{name} is an empty list; give at least one value")
    texts = [_override(name, one).removeprefix(f"{name}=") for one in value]
    return f"{name}={','.join(texts)}"


def _override(name: str, value: Any) -> str:
    """Write a setting with one value; a word stays as it is typed on a command line."""
    value = _plain(value)
    if isinstance(value, str) and _WORD.fullmatch(value) and value.lower() not in _NOT_WORDS:
        return f"{name}={value}"
    return override_of(name, value)


def _is_list(value: Any) -> bool:
    return isinstance(_plain(value), list)


_WORD: Final = re.compile(r"[A-Za-z_][\w.]*")
_NOT_WORDS: Final = ("null", "true", "false", "nan", "inf")


def _plain(value: Any) -> Any:
    """Return a value as Python's own objects: a range, a tuple or an array as a list."""
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars, columns of pandas
        value = value.tolist()
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return [_plain(one) for one in value]
    return value
