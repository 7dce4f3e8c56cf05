# The workbook's commands. `make` alone lists them.
# The first Python that is new enough; if there is none, the first of all, for tools/bootstrap.py to say what is missing.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  command -v $$p >/dev/null 2>&1 || continue; any=$${any:-$$p}; \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { any=$$p; break; }; done; echo $$any)
# tests at a time; more than processors, since many wait for a kernel or a browser
WORKERS ?= 3
JOBS ?= 0

PY := .venv/bin/python
BOOTSTRAP = $(or $(PYTHON),$(error Python 3.11 or newer is needed and no python3 was found: https://www.python.org/downloads/)) tools/bootstrap.py

# One thread per process: several notebooks or tests run side by side, and results do not depend on the machine.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help lab run test rehearsal lint refresh setup setup-reader lock clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

lab: setup-reader  ## set up, and open the workbook in JupyterLab
	@$(PY) -m jupyter lab --LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate notebooks/00_start_here.ipynb $(if $(filter 0,$(shell id -u)),--allow-root)

run: setup-reader  ## set up, and run every notebook into build/workbook/, with the instructor's guide (JOBS=4: four at a time)
	@$(PY) -m crkit guide --out build/workbook
	@$(PY) -m crkit run --all --out build/workbook --jobs $(JOBS)

test: setup  ## set up, and run every check and test
	@PYTHONPATH="$(CURDIR)/tests/quick$${PYTHONPATH:+:$$PYTHONPATH}" $(PY) -m pytest -n $(WORKERS) --dist loadgroup

rehearsal: setup  ## set up, and play an assignment with a class of 30, from the first zip to the feedback in a browser
	@$(PY) tools/rehearsal.py

lint: setup  ## check style and types alone
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy

refresh: setup-reader  ## set up, and re-execute the stored notebooks in place
	@$(PY) -m crkit refresh
	@$(PY) tools/notebook_map.py

setup:  ## set up everything, tests included
	@$(BOOTSTRAP) test

setup-reader:  ## set up what a reader needs, the crkit command among it
	@$(BOOTSTRAP)

lock: setup  ## make requirements.lock anew from pyproject.toml
	@$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --upgrade \
	  pyproject.toml --all-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock

clean:  ## remove what can be made again (not .venv)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name .venv -prune -o -name __pycache__ -prune -exec rm -rf {} +
