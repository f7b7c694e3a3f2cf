# `make` lists the commands. Each sets up what it needs: a Python >= 3.11 is all a machine must have,
# and npm for fauxqs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Tests start some hundreds of processes. Where no bytecode is kept, each compiles the package anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A process a core, four at most: each may start a broker of its own.
PYTEST := $(BIN)/pytest -n logical --maxprocesses 4
ON_MOTO := -m "not browser and not fauxqs" --ignore=tests/faults
# How the bus of an acceptance run is: see tests/acceptance/arm.py.
ARMS := memory workers duplicates embedded
# JupyterLab refuses to run as root unless told to; containers often are root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab demo notebooks prepare interop test test-fauxqs test-faults test-browser picture browser soak bench bench-quick fauxqs lint format types coverage acceptance clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

lab: $(READY) ## open the quickstart in JupyterLab
	$(BIN)/jupyter-lab $(AS_ROOT) notebooks/01_quickstart.ipynb

demo: $(READY) ## run the quickstart without a browser and print its table
	$(BIN)/asyncmcp-nb demo

notebooks: $(READY) ## run all notebooks without a browser and save them with their outputs
	$(BIN)/python -m tests.notebooks.save

# All that the commands below install beside $(VENV), so that `make -j prepare` can do it at once.
prepare: fauxqs browser interop acceptance-prepare

interop: $(READY)
	$(BIN)/python tests/interop/asyncmcp_env.py >/dev/null

test: $(READY) ## run the tests: all but those that other commands here run
	$(PYTEST) $(ON_MOTO)

test-fauxqs: $(READY) fauxqs ## run the transport's tests on fauxqs, another SNS and SQS
	$(PYTEST) -m fauxqs --ignore=tests/faults

# Three on any machine: they wait for leases and for cut lines more than they compute.
test-faults: $(READY) fauxqs ## kill, freeze, cut off, forge: in memory, on moto and on fauxqs
	$(BIN)/pytest -n 3 tests/faults

test-browser: $(READY) browser ## use the notebooks in a browser, as a person would; keeps screenshots
	$(BIN)/pytest -n 2 -m browser --session-timeout 1500 tests/browser

picture: $(READY) browser ## take the README's picture of the panel anew
	$(BIN)/python -m tests.browser.picture

browser: ## install Debian's chromium where none is there
	@if [ -n "$${CHROMIUM:-}" ] || command -v chromium >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "No chromium found: install it (Debian: apt-get install chromium), or name a browser: make CHROMIUM=/path/to/chromium test-browser" >&2; \
	  exit 1; \
	fi; \
	echo "Installing chromium with apt-get."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null

soak: $(READY) ## 20,000 calls through worker processes that keep being killed: some minutes
	$(BIN)/python -m tests.faults.soak

fauxqs: ## install fauxqs, in a cache folder
	@tests/fauxqs/prepare.sh

bench: $(READY) fauxqs ## measure speed and cost beside bare boto3, mcp and asyncmcp: many minutes
	$(BIN)/python -m tests.benchmarks $(BENCH)

bench-quick: $(READY) fauxqs ## count AWS requests and steps; fails where one misses its target
	$(BIN)/python -m tests.benchmarks --quick

lint: $(READY) ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## mend style and formatting where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY) ## check types
	$(BIN)/pyright --pythonpath $(BIN)/python

coverage: $(READY) ## run the tests and report which branches they miss
	$(PYTEST) -m "not browser and not fauxqs" --cov --cov-report=term

acceptance: $(ARMS:%=acceptance-%) ## run the MCP SDK's own suite over the transport

.PHONY: acceptance-prepare $(ARMS:%=acceptance-%)
acceptance-prepare: $(READY)
	PYTHON=$(BIN)/python tests/acceptance/prepare.sh

$(ARMS:%=acceptance-%): acceptance-%: acceptance-prepare
	@echo "-- over the arm '$*'"; \
	report=$$(mktemp); trap 'rm -f "$$report"' EXIT; \
	ARM_NAME=$* ARM_PATH="$(CURDIR)/tests/acceptance" \
	  tests/acceptance/run_arm.sh streams arm:$* -n 2 --arm-json "$$report"; \
	$(BIN)/python tests/acceptance/verdict.py "$$report"

clean: ## remove the environment and every cache in this folder
	rm -rf $(VENV) build dist htmlcov .coverage* .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer found: install one, or name it with 'make PYTHON=/path/to/python3'." >&2; \
	  exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
	  echo "Setting up $(VENV) with $$("$$python" --version): two minutes, once."; \
	  "$$python" -m venv $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --editable ".[local,lab,dev]" --constraint constraints.txt
	@touch $@
