# `make help` lists what there is. Everything runs in .venv (VENV), which is built on first use
# from requirements.lock and from nothing else.

PYTHON ?= python3
UV ?= uv
VENV ?= .venv

# Two stamps say how far .venv is, each written as the last act of its step: an interrupted
# installation leaves none and is done again. A new lock file rebuilds the environment; a new
# pyproject.toml only installs the project again.
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed

# An environment holds absolute paths: after the folder moved, or its interpreter went away,
# it is not this one.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null && $(VENV)/bin/python -c ''),$(CURDIR))
.PHONY: $(LOCKED)
endif

PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps

# A line for every 20 packages that pip fetches, and one when it begins to write them.
PROGRESS = ' \
  /^Collecting / { sub(/==.*/, "", $$2); if (++n % 20 == 0) print "  " n " packages: " $$2 } \
  /^Installing / { print "  " n " packages are here; writing them takes a minute" } \
  { fflush() }'

NO_NETWORK = '' 'Packages could not be installed; the messages above say why.' \
  'Behind a proxy, or with a mirror of PyPI: set HTTPS_PROXY or PIP_INDEX_URL, and try again.' \
  'Without a network: on another machine of this kind, fill a folder by' \
  '  pip download --no-deps -r requirements.lock -d FOLDER' \
  'bring it here, and give the command as' \
  '  PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER make $(MAKECMDGOALS)'

PYTEST := $(VENV)/bin/python -m pytest

# Each file's tests stay in one process, where they share what is slow to set up.
ON_ALL_CORES := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DELETE_ON_ERROR:
.PHONY: help demo test slow thorough lint lock clean .venv
.DEFAULT_GOAL := help

help: ## what there is
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=/path/to/python3.12 make .venv    to choose another interpreter"

demo: .venv ## four optimizers, five seeds, on handwritten digits; ends with the comparison
	@echo "Training 20 networks, in half a minute or less: four optimizers, five seeds each."
	@scripts/four_optimizers.sh

test: .venv ## the fast tests, before every commit; ends with the ten slowest
	$(PYTEST) $(ON_ALL_CORES) --durations=10

slow: .venv ## the slow tests: whole command lines, MLflow servers, workers that die
	$(PYTEST) -m "slow and not thorough" $(ON_ALL_CORES) --durations=10

thorough: .venv ## all tests, with long fuzzing, many kills, other BLAS kernels and Pythons: hours
	DESCENT_TESTS=thorough $(PYTEST) -m "" $(ON_ALL_CORES) --timeout=7200 --durations=10
	.ci/other_pythons

lint: .venv ## ruff and mypy
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

.venv: $(INSTALLED) ## the environment that all of these use

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(VENV)/bin/python -m compileall -q src
	@printf '%s\n' '$(CURDIR)' > $@

# The build backend comes first and alone: a package that the lock file holds as source would
# otherwise be built with whatever backend pip downloads, which no hash protects.
$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed. '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>/dev/null || echo missing)." >&2; \
	  echo "Choose another: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments (no venv or ensurepip)." >&2; \
	  echo "On Debian and Ubuntu: apt install python3-venv." \
	    "Or choose another: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Building $(VENV) from requirements.lock; the first time this downloads some 200 MB:"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[^ #]/ { backend = /^setuptools==/ } backend' requirements.lock > $(VENV)/backend.lock
	@{ $(PIP) --quiet -r $(VENV)/backend.lock && \
	  $(PIP) --progress-bar off --no-build-isolation --use-pep517 -r requirements.lock && \
	  touch $@; } | awk $(PROGRESS); [ -e $@ ] || { printf '%s\n' $(NO_NETWORK) >&2; exit 1; }

lock: ## choose versions anew from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { \
	  echo "uv is needed: https://docs.astral.sh/uv, or make UV=/path/to/uv lock" >&2; exit 1; }
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --upgrade \
	  --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev \
	  pyproject.toml --output-file requirements.lock

clean: ## remove what can be made again; runs and their records stay
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
