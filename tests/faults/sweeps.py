"""A sweep to be disturbed, and what must hold of it in the end whatever happened to it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from experiments.runs.find import find_records
from experiments.runs.record import Record
from experiments.tracking.store import ARTIFACTS
from tests.end_to_end.command_line import assert_same_bits, run, succeeded

# Everything that has a state of its own: optimizers, a schedule, dropout, statistics, stopping.
SETTINGS = (
    "dataset.limit=600",
    "model.dropout=0.2",
    "model.normalization=batch",
    "schedule=cosine",
    "training.early_stopping.patience=200",
)


def sweep(optimizers: str, seeds: int, epochs: int, hidden: str) -> tuple[str, ...]:
    """Give the arguments of a sweep over optimizers and seeds, with checkpoints all the time."""
    return (
        "-m",
        f"optimizer={optimizers}",
        f"seed=range({seeds})",
        f"training.epochs={epochs}",
        f"model.hidden={hidden}",
        *SETTINGS,
        "checkpoint.seconds=0.2",
        "tracking.models=none",
    )


def undisturbed(arguments: tuple[str, ...], folder: Path) -> dict[str, Record]:
    """Train a sweep in one go; return its runs by name."""
    finished = succeeded(run(*arguments, "tracking=none", folder=folder))
    return {record.name: record for record in finished.records()}


def newest_sweep(folder: Path) -> dict[str, Record]:
    """Return the runs of the last command given in a folder, by name."""
    last = max((folder / "multirun").glob("*/*"), key=lambda path: path.name)
    return {record.name: record for record in find_records(last)}


def assert_complete(
    runs: Mapping[str, Record],
    reference: Mapping[str, Record],
    database: Path,
    *,
    alone: bool = True,
) -> None:
    """Check that nothing was lost, nothing changed, and all of it was published once."""
    assert runs.keys() == reference.keys()
    for name, record in runs.items():
        assert_same_bits(record, reference[name])
    assert_published_once(runs, database, alone=alone)


def assert_published_once(
    runs: Mapping[str, Record], database: Path, *, alone: bool = True
) -> None:
    """Check that MLflow's database holds each run once, ended, with each point once.

    Unless others share the database, it holds no other runs, and there are no files of others.
    """
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT uid.value, runs.run_uuid, runs.status FROM runs "
            "JOIN tags uid ON uid.run_uuid = runs.run_uuid AND uid.key = 'uid' "
            "JOIN tags kind ON kind.run_uuid = runs.run_uuid AND kind.key = 'kind' "
            "WHERE runs.lifecycle_stage = 'active' AND kind.value = 'run'"
        ).fetchall()
        found = Counter(uid for uid, _, _ in rows)
        wanted = {record.uid for record in runs.values()}
        assert {uid: found[uid] for uid in wanted} == dict.fromkeys(wanted, 1)
        assert not alone or found.keys() == wanted
        folders = {path.name for path in (database.parent / ARTIFACTS).glob(f"*/{32 * '[0-9a-f]'}")}
        everything = connection.execute("SELECT run_uuid FROM runs")
        assert not alone or folders <= {run_id for (run_id,) in everything}
        by_uid = {uid: (run_id, status) for uid, run_id, status in rows}
        for record in runs.values():
            run_id, status = by_uid[record.uid]
            assert status == "FINISHED", record.name
            for column in ("train/loss", "val/loss", "lr"):
                points = connection.execute(
                    "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step",
                    (run_id, column),
                ).fetchall()
                measured = record.measurements()
                expected = [
                    (epoch, value)
                    for epoch, value in zip(measured["epoch"], measured[column], strict=True)
                    if value is not None
                ]
                assert len(points) == len(expected), (record.name, column)
                np.testing.assert_array_equal(points, expected)
