"""The names of the files in a run's folder.

The folder is the authoritative source for a run: the tracker, the comparison and the predictions
all read it. `record.json` is written last, so a folder that has one is complete.

    config.yaml         the resolved configuration
    metrics.csv         one row per epoch; epoch 0 is before training
    weights.npz         arrays `final/<name>` and `best/<name>`, plain numbers, never pickled
    snapshots.npz       the weights at some epochs, if the configuration asks for them
    preprocessing.json  the transformation of raw columns into the network's inputs
    SHA256SUMS          checksums of all other files, as `sha256sum --check` reads them
    record.json         identity, status, summary, dataset and environment

While a run trains, its folder may contain its progress: `config.yaml`, `metrics.csv` and
`progress.json`, which has the format of `record.json`.
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
# The files of every record; snapshots are optional.
FILES: Final = (CONFIG, METRICS, WEIGHTS, PREPROCESSING, CHECKSUMS, RECORD)
