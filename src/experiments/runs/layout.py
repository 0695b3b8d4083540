"""A run's folder: the names of its files.

The folder is the truth about a run: the tracker, the comparison and the predictions all read it.
`record.json` is written last, so a folder that has one is complete.

    config.yaml         the resolved configuration
    metrics.csv         one row an epoch; epoch 0 is before training
    weights.npz         arrays `final/<name>` and `best/<name>`, plain numbers, never pickled
    snapshots.npz       where they were asked for: the weights at some epochs
    preprocessing.json  how raw columns become the network's inputs
    SHA256SUMS          of all of these, as `sha256sum --check` reads them
    record.json         identity, status, summary, dataset and environment

While a run trains, its folder may hold what there is so far: `config.yaml`, `metrics.csv` and
`progress.json`, which is as `record.json` will be.
"""

from __future__ import annotations

from typing import Final

RECORD: Final = "record.json"
PROGRESS: Final = "progress.json"
CONFIG: Final = "config.yaml"
METRICS: Final = "metrics.csv"
WEIGHTS: Final = "weights.npz"
PREPROCESSING: Final = "preprocessing.json"
SNAPSHOTS: Final = "snapshots.npz"
LEARNING_CURVES: Final = "learning_curves.svg"
LOG: Final = "run.log"
CHECKSUMS: Final = "SHA256SUMS"
# Snapshots may be missing.
FILES: Final = (CONFIG, METRICS, WEIGHTS, PREPROCESSING, CHECKSUMS, RECORD)
