#!/bin/sh
# Tunes and compares all optimizers but rprop, which needs full batches, as compare_classic.sh does for four of them:
#
#     scripts/compare_all.sh dataset=digits,wine,breast_cancer
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python

exec "$python" "$root/run.py" -m experiment=compare_all "$@"
