"""What a sweep does for each run outside of training, in counts, which no machine changes.

The numbers may fall; a change that raises one says why.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.files import npz
from experiments.files import yaml as libyaml
from experiments.runs.checkpoints import Checkpoints
from experiments.runs.identity import Identity
from experiments.runs.record import Record
from experiments.sweeps.sweep import Sweep
from experiments.workers.in_process import InProcess
from tests.experiments.small_runs import make_small_job

COUNTED = {
    "flushes": (os, "fsync"),
    "renames": (Path, "replace"),
    "identities": (Identity, "of"),
    "records read": (Record, "_read"),
    "archives": (npz, "pack"),
    "checkpoints": (Checkpoints, "write"),
    "YAML texts": (yaml, "dump"),
    "YAML parsed": (libyaml, "_parse"),
}


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the calls of some functions."""
    counts: Counter[str] = Counter()

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            counts[name] += 1
            return real(*arguments, **keywords)

        return call

    with pytest.MonkeyPatch.context() as patched:
        for name, (place, attribute) in COUNTED.items():
            patched.setattr(place, attribute, noted(name, getattr(place, attribute)))
        yield counts


def counts_of(folder: str, seeds: range) -> Counter[str]:
    with counted() as counts, Sweep(Path(folder), InProcess()) as sweep:
        jobs = [make_small_job(Path(folder, str(seed)), seed=seed) for seed in seeds]
        assert all(record.config for record in sweep.run(jobs))  # which a comparison reads
    return counts


def for_each_run(folder: str) -> dict[str, float]:
    """Return by how much the counts of four runs exceed those of two, for one run."""
    two, four = counts_of(f"{folder}-2", range(2)), counts_of(f"{folder}-4", range(2, 6))
    return {name: (four[name] - two[name]) / 2 for name in COUNTED}


def test_each_run_costs_so_much_and_no_more() -> None:
    libyaml._text.cache_clear()  # of what other tests have written and read
    libyaml._parsed_entry.cache_clear()
    counts_of("first", range(6, 8))  # what is computed once a process
    assert for_each_run("new") == {
        "flushes": 7,  # a file each
        "renames": 8,  # and its entry in the index of finished runs
        "identities": 1,
        "records read": 1,
        "archives": 2,  # weights and snapshots
        "checkpoints": 0,  # none is due yet
        "YAML texts": 1,  # the seed; all else was written for another run
        "YAML parsed": 1,  # likewise
    }
    assert for_each_run("reused") == {
        "flushes": 2,  # checksums and contents: the other files are links
        "renames": 3,
        "identities": 1,
        "records read": 2,  # the earlier run's and the copy
        "archives": 0,
        "checkpoints": 0,
        "YAML texts": 0,
        "YAML parsed": 0,
    }
