"""Weights and measurements of small runs, stored with the machine that computed them.

python -m tests.experiments.stored_bits     stores them anew, where a change of them is meant
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import compare_bits
import numpy as np
import yaml
from compare_bits import Arrays, Sweep, read_run
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_info

from experiments.datasets import load_dataset
from experiments.runs.execute import execute
from experiments.runs.execution import Execution
from experiments.runs.job import make_job

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "fixtures" / "bits"


def machine() -> dict[str, Any]:
    """Describe what decides how a result's last bits are rounded."""
    built = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    # Other libraries may have brought an OpenBLAS of their own.
    kernels = {
        entry.get("architecture")
        for entry in threadpool_info()
        if entry["user_api"] == "blas" and entry["version"] == blas["version"]
    }
    return {
        "numpy": np.__version__,
        "simd": sorted(built["SIMD Extensions"].get("found", [])),
        "blas": f"{blas['name']} {blas['version']}",
        "kernel": " ".join(sorted(map(str, kernels))),
        "libc": " ".join(platform.libc_ver()),
        "processor": platform.machine(),
    }


def train_here(sweeps: Sequence[Sweep], scratch: Path) -> Iterator[tuple[str, Arrays]]:
    """Train runs in this process, in a folder with their inputs, and yield what they computed."""
    here = Path.cwd()
    os.chdir(scratch)
    try:
        compare_bits.write_inputs(scratch)
        for sweep in sweeps:
            for name, overrides in sweep.runs().items():
                yield name, _train(overrides, scratch / "run")
    finally:
        os.chdir(here)


def _train(overrides: Sequence[str], folder: Path) -> Arrays:
    # Choosing from groups is what takes Hydra long, and many runs choose the same.
    chosen = [override for override in overrides if "." not in override.partition("=")[0]]
    composed = _composed(tuple(chosen))
    config = composed.copy()
    for override in overrides:
        key, _, value = override.partition("=")
        if "." in key:
            OmegaConf.update(config, key, yaml.safe_load(value))
    resolved = OmegaConf.to_container(config, resolve=True)
    job = make_job(
        {**resolved, "rerun": True}, choices={}, overrides=[], folder=folder, trusted=frozenset()
    )
    dataset = load_dataset(job.run.dataset)
    (path,) = execute([Execution(job, dataset, folder.parent / "cache")])
    return read_run(path)


@cache
def _composed(overrides: Sequence[str]) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", list(overrides))


def load() -> tuple[dict[str, Any], dict[str, Arrays]]:
    """Read the machine and, by the run's name, what is stored."""
    stored = json.loads((FOLDER / "machine.json").read_text())
    with np.load(FOLDER / "runs.npz", allow_pickle=False) as archive:
        return stored, {name: _unpacked(archive[name]) for name in archive.files}


def store() -> None:
    """Train all runs and store what they compute."""
    with tempfile.TemporaryDirectory() as scratch:
        runs = dict(train_here(compare_bits.SWEEPS, Path(scratch)))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "machine.json").write_text(json.dumps(machine(), indent=1) + "\n")
    np.savez_compressed(
        FOLDER / "runs.npz", **{name: _packed(arrays) for name, arrays in runs.items()}
    )


def _packed(arrays: Arrays) -> np.ndarray:
    """Put the arrays of a run into one, with their names as fields: one entry in the archive."""
    kind = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()])
    packed = np.zeros((), kind)
    for name, array in arrays.items():
        packed[name] = array
    return packed


def _unpacked(packed: np.ndarray) -> Arrays:
    return {name: packed[name] for name in packed.dtype.names or ()}


if __name__ == "__main__":
    store()
