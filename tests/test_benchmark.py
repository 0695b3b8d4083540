"""The benchmark runs, counts right and writes its files. How fast anything is, is not tested."""

import csv
import importlib.util
import json
import os
import sqlite3
import stat
import sys
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nn
from benchmarking import report, steps, sweeps, updates
from benchmarking.contestants.blas import Blas
from benchmarking.contestants.descent import Descent
from benchmarking.contestants.scikit_learn import ScikitLearn
from benchmarking.contestants.worker import make_data, mean_cross_entropy
from benchmarking.cores import available, pinned
from benchmarking.measurements import OURS, Measurement, ratio, write_csv
from benchmarking.picture import draw
from benchmarking.sizes import SIZES, Attention, Convolution, Recurrence, Size
from benchmarking.updating import Update

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = str(ROOT / "scripts")
TINY = Size((3, 5, 2), batch=4, runs=3, rows=32, epochs=2)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark", ROOT / "scripts" / "benchmark.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---- the whole script


@pytest.mark.slow
def test_steps_are_measured_in_turn_and_written(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(script.SIZES_BY_NAME, TINY.name, TINY)
    cores = available()
    command = ["steps", "--sizes", TINY.name, "--optimizers", "adam", "--repeats", "2"]
    assert script.main([*command, "--output", str(tmp_path / "new")]) == 0
    assert available() == cores, "the cores are given back"

    printed = capsys.readouterr().out
    assert f"{TINY.name} adam" in printed
    for name in ("PyTorch", "JAX"):
        assert f"{name}: " in printed, "a peer either takes part or is said to be missing"
    rows = [row for row in rows_of(tmp_path / "new/benchmark.csv") if row["part"] == "step"]
    turns = [(row["repetition"], row["contestant"]) for row in rows]
    contestants = [name for repetition, name in turns if repetition == "0"]
    assert contestants[0] == OURS
    assert set(contestants[1:]) >= {steps.BOUND, "scikit-learn"}
    assert turns == [(turn, name) for turn in ("0", "1") for name in contestants]
    assert all(float(row["value"]) > 0 for row in rows)
    assert (tmp_path / "new/benchmark.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_updates_are_measured_beside_what_they_cannot_do_without(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = {"adam": "elementwise", "lamb": updates.SUMS, "adafactor": updates.SUMS}
    kinds |= {"soap": updates.MATRICES, "muon": updates.MATRICES}
    measure = updates.measure

    def small(labels: list[str], **options: Any) -> list[Measurement]:
        return measure(labels, widths=(5, 4, 3), **options)

    monkeypatch.setattr(updates, "measure", small)
    command = ["updates", "--updates", ",".join(kinds), "--repeats", "2"]
    assert script.main([*command, "--output", str(tmp_path)]) == 0
    rows = rows_of(tmp_path / "benchmark.csv")
    assert {row["optimizer"]: row["detail"] for row in rows} == kinds
    assert len(rows) == len(kinds) * 2 * 3
    assert all(float(row["value"]) > 0 for row in rows if row["contestant"] != updates.ROOTS)
    printed = capsys.readouterr().out
    assert "roots, each" in printed
    assert "its matrix products" in printed


def test_the_products_of_a_step_are_those_of_its_two_matrices() -> None:
    """Muon's are three for each of five Newton-Schulz steps, SOAP's two for each of four."""
    for optimizer, expected in ((nn.Muon(), 15), (nn.SOAP(), 8), (nn.Adafactor(), 0)):
        assert len(Update(optimizer, (5, 4)).products) == expected


def test_every_optimizer_but_those_that_search_is_measured() -> None:
    names = {path.stem for path in (ROOT / "conf" / "optimizer").glob("*.yaml")}
    assert names - set(updates.updates()) == {"lbfgs"}


@pytest.mark.slow
def test_sweeps_are_measured_and_divided_into_phases(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sweeps", "--runs", "4", "--repeats", "1", "--no-peer", "--output", str(tmp_path)]
    assert script.main(command) == 0
    assert "Where Descent's time goes" in capsys.readouterr().out
    rows = rows_of(tmp_path / "benchmark.csv")
    whole = [row for row in rows if row["part"] == "sweep"]
    assert {row["database"] for row in whole} == {"fresh", "existing"}
    for sweep in whole:
        key = ("cores", "database", "repetition")
        parts = [
            float(row["value"])
            for row in rows
            if row["part"] == "phase" and all(row[name] == sweep[name] for name in key)
        ]
        assert len(parts) == len(sweeps.PHASES)
        assert sum(parts) == pytest.approx(float(sweep["value"]), abs=0.1)
    assert {row["case"] for row in rows if row["part"] == "command"} == set(sweeps.COMMANDS)
    assert (tmp_path / "benchmark.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_tiny_runs_are_measured_new_and_reused(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["tiny", "--tiny-runs", "3", "--output", str(tmp_path)]
    assert script.main(command) == 0
    printed = capsys.readouterr().out
    assert "3 tiny runs, new" in printed
    assert "3 tiny runs, reused" in printed
    rows = rows_of(tmp_path / "benchmark.csv")
    assert not (tmp_path / "benchmark.png").exists()
    assert [(row["part"], row["detail"]) for row in rows] == [
        (part, detail)
        for detail in ("new", "reused")
        for part in ("tiny", "tiny cpu", "tiny composing")
    ]
    assert all(float(row["value"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["jumps"], "'jumps' is not among steps, updates, sweeps, tiny"),
        (["tiny", "--tiny-runs", "3,x"], "'x' is not a whole number"),
        (["--sizes", "64-64-10,9-9"], "'9-9' is not among 2-4-2, 64-64-10"),
        (["--runs", "21"], "'21' is not among 4, 20, 400"),
        (["--repeats", "0"], "at least 1"),
        (["--cores=-1"], "choose among the cores"),
        (["--cores", "0,0"], "each once"),
        (["--cores", "123456"], "choose among the cores"),
    ],
)
def test_mistakes_are_told(
    script: ModuleType, capsys: pytest.CaptureFixture[str], command: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        script.main(command)
    assert caught.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


# ---- the contestants


@pytest.mark.parametrize("optimizer", TINY.optimizers)
@pytest.mark.parametrize("kind", [Descent, ScikitLearn])
def test_contestants_learn_in_all_their_ways(kind: type, optimizer: str) -> None:
    contestant = kind(TINY, optimizer, 0.1, *make_data(TINY))
    for way in contestant.ways:
        contestant.start(way)
        contestant.train(1)
        before = contestant.loss()
        contestant.train(30)
        assert contestant.loss() < 0.7 * before


@pytest.mark.parametrize(
    "size", [size for size in SIZES if size.is_dense], ids=lambda size: size.name
)
def test_stacks_hold_every_run_once_and_the_bound_makes_their_products(size: Size) -> None:
    bound = Blas(size, "adam", 0.001, *make_data(size))
    assert sum(bound.widths) == size.runs
    assert size.rows % size.batch == 0
    pairs = list(zip(size.widths, size.widths[1:], strict=False))
    # Forward and the weights' gradients for every layer, the input's but for the first.
    expected = size.batch * (2 * sum(a * b for a, b in pairs) + sum(a * b for a, b in pairs[1:]))
    for way in bound.ways:
        bound.start(way)
        counted = sum(
            left.shape[-1] * result.size for stack in bound.products for left, _, result in stack
        )
        assert counted == expected * size.runs


CONVOLVED = Size(
    (16, 2),
    batch=8,
    runs=3,
    rows=32,
    epochs=1,
    label="convolved",
    shape=(1, 4, 4),
    convolutions=(Convolution(3, 3, padding=1, pool=2),),
)


RECURRENT = Size(
    (16, 2),
    batch=8,
    runs=3,
    rows=32,
    epochs=1,
    label="recurrent",
    shape=(2, 8),
    recurrence=Recurrence("gru", 3, bidirectional=True, all_outputs=True),
)


OF_TOKENS = [
    Size(
        (8, 5), batch=8, runs=3, rows=32, epochs=1, label="lstm", shape=(8,), tokens=5,
        recurrence=Recurrence("lstm", 4, layers=2),
    ),
    Size(
        (8, 5), batch=8, runs=3, rows=32, epochs=1, label="attention", shape=(8,), tokens=5,
        attention=Attention(depth=1, width=8, heads=2),
    ),
]  # fmt: skip


@pytest.mark.parametrize("size", [CONVOLVED, RECURRENT, *OF_TOKENS], ids=lambda size: size.name)
def test_other_networks_than_dense_ones_are_measured_too(size: Size) -> None:
    contestant = Descent(size, "adam", 0.02, *make_data(size))
    contestant.start("stacked")
    contestant.train(1)
    before = contestant.loss()
    contestant.train(60)
    assert contestant.loss() < 0.7 * before
    assert Blas.dense_only
    assert ScikitLearn.dense_only


@pytest.mark.parametrize(
    "size", [TINY, CONVOLVED, RECURRENT, *OF_TOKENS, *SIZES], ids=lambda size: size.name
)
def test_a_size_goes_through_json(size: Size) -> None:
    assert Size.of_json(json.loads(json.dumps(asdict(size)))) == size


def test_data_are_the_same_everywhere_and_in_every_class() -> None:
    inputs, labels = make_data(TINY)
    again = make_data(TINY)
    assert np.array_equal(inputs, again[0])
    assert np.array_equal(labels, again[1])
    assert set(labels) == {0, 1}
    assert mean_cross_entropy(np.zeros((32, 2)), labels) == pytest.approx(np.log(2))
    assert mean_cross_entropy(1000 * np.eye(2)[labels], labels) == 0


def interpreter(folder: Path, program: str) -> str:
    """An executable that stands for `python -m MODULE JSON`."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\nimport runpy, sys\n{program}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_peer_whose_library_is_missing_is_left_out(tmp_path: Path) -> None:
    python = interpreter(
        tmp_path,
        f"sys.path.insert(0, {SCRIPTS!r}); sys.modules['torch'] = None; module = sys.argv[2]\n"
        "sys.argv = sys.argv[2:]\n"
        "runpy.run_module(module, run_name='__main__')",
    )
    said: list[str] = []
    found = steps.measure(
        [TINY],
        ["sgd"],
        repeats=1,
        core=available()[0],
        python=sys.executable,
        peers_python=python,
        tell=said.append,
        entries=[steps.ENTRIES[0], steps.Entry("PyTorch", "pytorch", foreign=True)],
    )
    assert f"PyTorch: torch is not installed for {python}; skipped" in said
    assert {m.contestant for m in found} == {OURS}


def test_contestant_that_ends_is_told(tmp_path: Path) -> None:
    python = interpreter(tmp_path, "sys.exit(7)")
    with pytest.raises(steps.WorkerError, match="PyTorch ended with status 7"):
        steps.Worker(steps.Entry("PyTorch", "pytorch"), python, TINY, "sgd")


def test_pinning_holds_for_a_while() -> None:
    before = available()
    with pinned(before[-1:]):
        assert available() == before[-1:] or not hasattr(os, "sched_setaffinity")
    assert available() == before


# ---- counting


def step(contestant: str, values: list[float]) -> list[Measurement]:
    return [
        Measurement("step", "2-4-2", contestant, value, steps.UNIT, i, "adam", detail="way")
        for i, value in enumerate(values)
    ]


def test_ratio_compares_what_was_measured_side_by_side() -> None:
    # The machine was ten times slower in the last two repetitions: the medians of each say 20.
    assert ratio(step("PyTorch", [2, 20, 20]), step(OURS, [1, 10, 10])) == 2
    assert ratio(step("PyTorch", [2, 2, 20]), step(OURS, [1, 1, 10])) == 2


def sweep(contestant: str, runs: int, value: float, **more: object) -> Measurement:
    return Measurement("sweep", f"{runs} runs", contestant, value, "s", **more)


def sweep_measurements() -> list[Measurement]:
    """One repetition of everything, made up."""
    found = []
    for cores in (2, 1):
        for database in ("fresh", "existing"):
            more = {"cores": cores, "database": database}
            for runs, value in ((20, 4.0), (400, 20.0)):
                found.append(sweep(OURS, runs, value, **more))
                named = {"unit": "s", "case": f"{runs} runs", "contestant": OURS, **more}
                cpu = 6.0 if runs == 20 else 9.8
                found.append(Measurement(part="cpu", value=cpu, **named))
                found += [
                    Measurement(part="phase", value=value / len(sweeps.PHASES), detail=p, **named)
                    for p in sweeps.PHASES
                ]
            found.append(sweep(sweeps.PEER, 20, 30.0, **more))
            found.append(Measurement("run", "20 runs", sweeps.PEER, 1.2, "s", **more))
    found += [Measurement("command", name, OURS, 0.5, "s") for name in sweeps.COMMANDS]
    chosen = [sweeps.SWEEPS[20], sweeps.SWEEPS[400]]
    return found + sweeps._extrapolate(chosen, found)


def test_extrapolation_adds_what_each_further_run_costs_and_says_so() -> None:
    added = [m for m in sweep_measurements() if m.detail == sweeps.EXTRAPOLATED]
    assert len(added) == 4, "one and two cores, fresh and existing"
    assert {m.case for m in added} == {"400 runs"}
    assert [m.value for m in added] == pytest.approx([30 + 380 * 1.2] * 4)


def test_sweeps_hold_as_many_runs_as_their_names_say() -> None:
    assert sorted(sweeps.SWEEPS) == [4, 20, 400]
    assert sweeps.SWEEPS[20].varied("lr") == ["optimizer=sgd,adagrad,rmsprop,adam", "seed=range(5)"]
    rates = sweeps.SWEEPS[400].varied("lr")[-1]
    assert rates.startswith("lr=")
    assert len(set(rates.split(","))) == 10


def test_report_and_picture_show_everything(tmp_path: Path) -> None:
    found = sweep_measurements()
    for name, value in (("PyTorch", 30.0), ("JAX", 1.0), (steps.BOUND, 0.5), (OURS, 2.0)):
        found += step(name, [value] * 3)
    text = "\n".join([*report.steps_report(found), *report.sweeps_report(found)])
    assert "15.00 ×" in text
    assert "Descent reaches 25% of its speed" in text
    assert "extrapolated" in text
    for phase in sweeps.PHASES:
        assert phase in text
    short = "\n".join(report.speedups(found))
    assert "2-4-2 adam: PyTorch 15.00, JAX 0.50, matrix products alone 0.25" in short
    assert "20 runs, 2 cores: PyTorch + Hydra + MLflow 7.50" in short
    # (20 s - 4 s) for 380 more runs; (9.8 s - 6 s) of CPU.
    assert "42.1" in text
    assert "existing database, CPU time of all processes" in text
    assert "10.0" in text

    write_csv(found, tmp_path / "benchmark.csv")
    assert len(rows_of(tmp_path / "benchmark.csv")) == len(found)
    draw(found, tmp_path / "benchmark.png", "a machine")
    assert (tmp_path / "benchmark.png").read_bytes().startswith(PNG)


# ---- where time goes

OUTPUT = """\
[2025-03-01 12:00:01,000][HYDRA] started
[2025-03-01 12:00:01,500][HYDRA] composed
[2025-03-01 12:00:01,600][HYDRA] loaded
20 runs → multirun
[2025-03-01 12:00:04,000][HYDRA] trained

a table
[2025-03-01 12:00:05,000][HYDRA] compared
[2025-03-01 12:00:07,000][HYDRA] published
"""


def at(second: float) -> float:
    return datetime(2025, 3, 1, 12).timestamp() + second


def test_phases_are_read_from_the_launchers_lines() -> None:
    done = sweeps.Finished(at(0), at(7.25), 7.25, 5, OUTPUT)
    parts = sweeps.phases(done, (at(2), at(3.5)))
    assert list(parts) == list(sweeps.PHASES)
    expected = [1, 0.5, 0.1, 0.4, 1.5, 0.5, 1, 2, 0.25]
    assert list(parts.values()) == pytest.approx(expected, abs=1e-6)


def test_phases_never_run_backwards() -> None:
    # The clock of a stamp is cut to milliseconds: the first run seems to begin before.
    done = sweeps.Finished(at(0), at(7.25), 7.25, 5, OUTPUT)
    parts = sweeps.phases(done, (at(1.5999), at(4.1)))
    assert min(parts.values()) == 0
    assert sum(parts.values()) == pytest.approx(7.25)


def test_output_without_a_phase_is_an_error() -> None:
    done = sweeps.Finished(at(0), at(7), 7, 5, OUTPUT.replace("composed", "decomposed"))
    with pytest.raises(sweeps.CommandError, match="lacks the line 'composed'"):
        sweeps.phases(done, (at(2), at(3)))


def test_published_runs_are_counted_in_the_database(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    assert sweeps.count_published(database) == 0
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE runs (start_time BIGINT, end_time BIGINT)")
    connection.executemany(
        "INSERT INTO runs VALUES (?, ?)", [(3000, 4000), (1000, 2000), (5, None)]
    )
    connection.commit()
    connection.close()
    assert sweeps.count_published(database) == 2
    assert sweeps.run_starts(database) == [1, 3]


def test_command_that_fails_shows_what_it_said(tmp_path: Path) -> None:
    program = "print('out of cheese'); raise SystemExit(3)"
    with pytest.raises(sweeps.CommandError, match="out of cheese"):
        sweeps.run_command([sys.executable, "-c", program], tmp_path)


def test_networks_of_sparse_rows_learn():
    bag = next(size for size in SIZES if size.entries)
    few = replace(bag, widths=(200, 4, 2), rows=64, batch=16, runs=2, entries=9)
    contestant = Descent(few, "adagrad", 0.1, *make_data(few))
    contestant.start("stacked")
    contestant.train(1)
    before = contestant.loss()
    contestant.train(30)
    assert contestant.loss() < 0.7 * before
