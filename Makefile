# What a newcomer runs: `make demo` and `make test`, each alone as the first command.

SHELL := /bin/sh
VENV := .venv
# Workflow code is loaded once for each run, so bytecode is worth writing whatever the shell says.
export PYTHONDONTWRITEBYTECODE =
BIN := $(VENV)/bin
QUIET := --disable-pip-version-check -q
PIP := $(BIN)/python -m pip $(QUIET)
PINNED := --no-compile -c constraints.txt
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Bytecode of what every command loads; that of a provider's SDK is written when it is first used.
SITE = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
LOADED_BY_ALL := pydantic typer temporalio yaml jsonschema referencing attr google/protobuf

.PHONY: help setup demo test test-fast lint types format bench docs clean

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup: $(VENV)/.ready ## .venv with the `ark-temporal` command in it

demo: $(VENV)/.ready ## A three-step team on its own Temporal, without any API key
	@$(BIN)/ark-temporal run examples/blog-team --provider mock -i topic="durable agents"

test: $(VENV)/.ready-dev lint ## Everything that CI runs
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

test-fast: $(VENV)/.ready-dev ## The tests that take no more than a moment
	$(BIN)/pytest -m "not slow" tests/unit

lint: $(VENV)/.ready-dev types ## Style and the arrows between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.ready-dev ## pyright, strict
	$(BIN)/pyright

format: $(VENV)/.ready-dev ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.ready-dev ## Overhead against hand-written workflows, measured in one run; what long agents, maps and gates cost
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.agent_turns
	$(BIN)/python -m benchmarks.teams
	$(BIN)/python -m benchmarks.maps
	$(BIN)/python -m benchmarks.gates
	$(BIN)/python -m benchmarks.applying
	$(BIN)/python -m benchmarks.gateway

docs: $(VENV)/.ready-dev ## Write the generated pages of docs/ again
	$(BIN)/python -m docs.generate

clean: ## Remove what setup made
	rm -rf $(VENV)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "ark-temporal needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) ..." >&2
	@# Where Python has a pip already, it fills the new environment faster than ensurepip would.
	@{ $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $@ $(QUIET) install $(PINNED) pip hatchling; } 2>/dev/null \
	  || { $(PYTHON) -m venv --clear $(VENV) && $(PIP) install $(PINNED) --upgrade pip hatchling; } \
	  || { rm -rf $(VENV); echo "Python's venv module is missing: on Debian, apt-get install python3-venv." >&2; exit 1; }

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing ark-temporal (a minute at most) ..." >&2
	@$(PIP) install $(PINNED) --no-build-isolation -e .
	@cd $(SITE) && $(CURDIR)/$(BIN)/python -m compileall -q -j 0 $(LOADED_BY_ALL)
	@$(BIN)/python -m compileall -q -j 0 ark_temporal workflows activities worker cli
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "installing what the tests need ..." >&2
	@$(PIP) install $(PINNED) --group dev
	@touch $@
