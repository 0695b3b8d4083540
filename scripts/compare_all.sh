#!/bin/sh
# Tunes and compares all optimizers but rprop and lbfgs, which need full batches, on three tasks or others:
#
#     scripts/compare_all.sh dataset=digits,wine,breast_cancer
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python

exec "$python" "$root/run.py" -m experiment=compare_all "$@"
