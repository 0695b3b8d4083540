#!/bin/sh
# Tunes and compares SGD, Adagrad, RMSprop and Adam: nine learning rates each on three seeds, then
# the best and the default on ten others, and the report. On handwritten digits, unless told
# otherwise; what follows the command goes to run.py:
#
#     scripts/compare_classic.sh dataset=digits,wine,breast_cancer
#     scripts/compare_classic.sh hydra.sweep.dir=/tmp/classic hydra.sweeper.reporting_seeds=0-19
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python

exec "$python" "$root/run.py" -m experiment=compare_classic "$@"
