# make setup · demo · test · lab · lint · types · build        (make help says what each does)
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Any Python from 3.10 on will do; the first of these that starts is taken. `make setup PYTHON=…` overrides.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3.10 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 && { echo $$p; break; }; done)
UNSLOTH ?= 1
UNSLOTH_PINS := unsloth==2026.10.9 unsloth_zoo==2026.10.9
JOBS ?= 2
# Further options for pip, such as --extra-index-url with PyTorch's CPU wheels: they save some 5 GB without a GPU.
PIP_OPTIONS ?=

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMPS := $(VENV)/.stamps
PIP := $(PY) -m pip --disable-pip-version-check
FRONTEND := $(shell find frontend -path frontend/node_modules -prune -o -path frontend/.test-build -prune -o -type f -print 2>/dev/null)
# What was compiled is kept, whatever the shell says: every worker, kernel and script would compile it again.
# One thread a process: on a small shared machine two spinning OpenMP threads lose three to eight times.
TESTENV := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=
PYTEST := $(TESTENV) $(PY) -m pytest
# pytest says 5 when nothing was selected; for a part of the suite that is no failure.
NONE_IS_FINE := || { code=$$?; [ $$code = 5 ]; }

.PHONY: help setup frontend unsloth demo test test-fast test-browser chromium lab lint format types map formats node-test build clean

help:  ## what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMPS)/install $(STAMPS)/unsloth frontend  ## make .venv: everything installed, front end built

$(STAMPS)/venv:
	@[ -n "$(PYTHON)" ] || { echo "setup: no Python 3.10 or later found; install one or say make setup PYTHON=/path/to/python"; exit 1; }
	@[ -x $(PY) ] || { echo "setup: $(VENV) from $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV) || { \
		echo "setup: this Python cannot make environments; on Debian: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/install: pyproject.toml constraints.txt hatch_build.py | $(STAMPS)/venv
	@echo "setup: installing reasonbook[train,lab,dev] (the first time: some minutes, mostly torch)"
	$(PIP) install -q $(PIP_OPTIONS) -c constraints.txt -e ".[train,lab,dev]"
	@touch $@

# Without its dependencies: its caps are tighter than what it needs, and some of them are GPU-only.
$(STAMPS)/unsloth: Makefile | $(STAMPS)/install
ifeq ($(UNSLOTH),1)
	@if $(PIP) install -q $(PIP_OPTIONS) --no-deps $(UNSLOTH_PINS); then touch $@; else \
		echo "setup: unsloth could not be installed; training uses transformers + PEFT, and the unsloth tests skip"; touch $@; fi
else
	@echo "setup: unsloth left out (UNSLOTH=$(UNSLOTH)); training uses transformers + PEFT"; touch $@
endif

frontend: $(STAMPS)/frontend

$(STAMPS)/frontend: $(FRONTEND) hatch_build.py | $(STAMPS)/install
	@if command -v npm >/dev/null; then $(PY) -m tests.page_events && $(PY) hatch_build.py; else $(PIP) install -q --no-deps -e .; fi && touch $@

demo: setup  ## run the quickstart without a browser; build/quickstart.html is the page to open
	@$(PY) -m reasonbook.cli demo --out build

lab: setup  ## open JupyterLab on the quickstart
	@$(PY) -m reasonbook.cli lab --dir build/lab

test: setup chromium  ## the whole suite: parallel where that is safe, then the rest alone
	$(PYTEST) -q -n $(JOBS) --ignore tests/browser -m "not browser and not alone and not train" $(NONE_IS_FINE)
	$(PYTEST) -q -n $(JOBS) -m "train and not browser and not alone" $(NONE_IS_FINE)
	$(PYTEST) -q -m "browser or alone" $(NONE_IS_FINE)

test-fast: setup  ## under a minute: no browser, no training, nothing slow
	$(PYTEST) -q -n $(JOBS) --ignore tests/browser -m "not browser and not train and not alone and not slow"

test-browser: setup chromium  ## JupyterLab and Notebook 7 in Chromium
	$(PYTEST) -q -m browser

chromium:
	@if command -v chromium chromium-browser google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "test: installing Chromium from Debian"; \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core) \
			>/dev/null 2>&1 || echo "test: Chromium could not be installed; the browser tests will be skipped"; \
	else echo "test: no Chromium here, and no apt with root to install it; the browser tests will be skipped"; fi

# Runs a script of frontend/package.json; a machine without npm works on the Python side alone.
npm = @if command -v npm >/dev/null; then cd frontend && { [ -d node_modules ] || npm ci; } && npm run -s $(1); \
	else echo "$@: no npm here, the front end is left out"; fi

lint: setup  ## ruff and biome: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(call npm,lint)

format: setup  ## put the format right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(call npm,format)

types: setup  ## pyright and tsc
	$(BIN)/pyright
	$(call npm,types)

map: setup  ## draw the map in CONTRIBUTING.md again, from the modules' docstrings
	$(PY) -m tests.contributing

formats: setup  ## write docs/formats.md again: every known chat template, played through
	@mkdir -p build && $(TESTENV) $(BIN)/reasonbook formats --markdown > build/formats.md && mv build/formats.md docs/formats.md

node-test: setup  ## the front end's unit tests
	$(call npm,test)

build: setup  ## wheel and sdist in dist/
	$(PY) -m build --outdir dist

clean:  ## everything that was built, but not .venv
	rm -rf build dist frontend/.test-build reasonbook/widgets/static .pytest_cache .ruff_cache .hypothesis
	rm -f $(STAMPS)/frontend
