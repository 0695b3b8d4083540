# `make help` lists what there is. Everything runs in .venv, which is built on first use from
# requirements.lock and from nothing else.

PYTHON ?= python3
UV ?= uv

# Two stamps say how far .venv is, each written as the last act of its step: an interrupted
# installation leaves none and is done again. A new lock file rebuilds the environment; a new
# pyproject.toml only installs the project again.
LOCKED := .venv/.locked
INSTALLED := .venv/.installed

# An environment holds absolute paths: after the folder moved, or its interpreter went away,
# it is not this one.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null && .venv/bin/python -c ''),$(CURDIR))
.PHONY: $(LOCKED)
endif

# Each file's tests stay in one process, where they share what is slow to set up.
ON_ALL_CORES := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DELETE_ON_ERROR:
.PHONY: help demo test slow lint lock clean .venv
.DEFAULT_GOAL := help

help: ## what there is
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=/path/to/python3.12 make .venv    to choose another interpreter"

demo: .venv ## four optimizers, five seeds, on handwritten digits; ends with the comparison
	scripts/four_optimizers.sh

test: .venv ## the fast tests
	.venv/bin/python -m pytest $(ON_ALL_CORES)

slow: .venv ## the slow tests: the command line from end to end
	.venv/bin/python -m pytest -m slow $(ON_ALL_CORES)

lint: .venv ## ruff and mypy
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

.venv: $(INSTALLED) ## the environment that all of these use

$(INSTALLED): $(LOCKED) pyproject.toml
	@.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@.venv/bin/python -m compileall -q src
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
	@echo "Building .venv; the first time this downloads some 200 MB ..."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@awk '/^[^ #]/ { backend = /^setuptools==/ } backend' requirements.lock > .venv/backend.lock
	@.venv/bin/python -m pip install --quiet --require-hashes --no-deps -r .venv/backend.lock
	@.venv/bin/python -m pip install --quiet --require-hashes --no-deps --no-build-isolation \
	  --use-pep517 -r requirements.lock
	@touch $@

lock: ## choose versions anew from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { \
	  echo "uv is needed: https://docs.astral.sh/uv, or make UV=/path/to/uv lock" >&2; exit 1; }
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --upgrade \
	  --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev \
	  pyproject.toml --output-file requirements.lock

clean: ## remove what can be made again; runs and their records stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
