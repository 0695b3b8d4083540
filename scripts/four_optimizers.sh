#!/bin/sh
# Compares SGD, Adagrad, RMSprop and Adam over five common seeds: with the same seed, all four start
# from the same weights and see the same batches. The dataset is digits by default; arguments are
# passed on to run.py:
#
#     scripts/four_optimizers.sh dataset=iris training.epochs=20
#     scripts/four_optimizers.sh hydra.sweep.dir=/tmp/sweep
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python

exec "$python" "$root/run.py" -m optimizer=sgd,adagrad,rmsprop,adam 'seed=range(5)' "$@"
