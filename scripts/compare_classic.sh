#!/bin/sh
# Tunes and compares SGD, Adagrad, RMSprop and Adam: nine learning rates each on three seeds, then
# the best and the default one on ten other seeds, and writes the report. The dataset is digits by
# default; arguments are passed on to run.py:
#
#     scripts/compare_classic.sh dataset=digits,wine,breast_cancer
#     scripts/compare_classic.sh hydra.sweep.dir=/tmp/classic hydra.sweeper.reporting_seeds=0-19
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python

exec "$python" "$root/run.py" -m experiment=compare_classic "$@"
