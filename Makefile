# Everything a developer types. A machine needs Python 3.11-3.13 and make; the rest goes to .venv.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
export VEILLE_DATA_DIR ?= .veille
unexport PYTHONDONTWRITEBYTECODE
SEEDS ?= 1
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

run: .venv/.run  ## Start Veille with the shipped settings: http://127.0.0.1:8420 (ARGS="--port 9000")
	$(BIN)/veille up $(ARGS)

test: lint  ## Check everything and run every test but the long ones (ARGS="tests/unit -k post")
	$(BIN)/python -m pytest -m "not long and not soak" --numprocesses=3 --dist=loadscope $(ARGS)

long: .venv/.dev  ## Run the long tests, without faults and pictures (ARGS="-k large_export")
	$(BIN)/python -m pytest -m "long and not soak" --ignore=tests/faults --ignore=tests/browser/test_screenshots.py $(ARGS)

faults: .venv/.dev  ## Break things and count every post; writes docs/reliability.md (SEEDS=5)
	$(BIN)/python -m pytest tests/faults -m "not soak" --seeds=$(SEEDS) $(ARGS)
	$(BIN)/python -m tests.faults.report

soak: .venv/.dev  ## Send posts through random faults (SEEDS=4 ARGS=--posts=1000000)
	$(BIN)/python -m pytest tests/faults -m soak --seeds=$(SEEDS) $(ARGS)
	$(BIN)/python -m tests.faults.report

mutations: .venv/.dev  ## Take each guarantee out of a copy of the source: a test must fail
	$(BIN)/python -m tests.faults.mutations $(ARGS)

lint: .venv/.dev  ## Style, types, layers, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m streams.contracts --check

bench: .venv/.dev  ## Run every benchmark and print its figures (several minutes)
	@set -e; for program in worker indexing live_first replay criteria sentiment detection incidents airlines alert_latency jetstream triage topics_preview; do echo "== $$program"; $(BIN)/python -m benchmarks.$$program; done

screenshots: .venv/.dev  ## Take the pictures of docs/images anew, by Chromium from the sample source
	$(BIN)/python -m pytest tests/browser/test_screenshots.py $(ARGS)

servers: .venv/.dev  ## Start a real Kafka and a real Elasticsearch from Maven, until Ctrl-C
	$(BIN)/python -m tests.support.servers

docs: .venv/.dev  ## Write the generated pages again: settings, contracts
	$(BIN)/python -m streams.contracts --write

messages: .venv/.dev  ## Take new messages of the pages into the catalogues to translate
	$(BIN)/python -m streams.web.catalogues --write

lock:  ## Pin the newest allowed versions with their hashes (needs uv)
	$(LOCK) requirements/build.in --output-file requirements/build.txt
	$(LOCK) pyproject.toml --output-file requirements/run.txt
	$(LOCK) pyproject.toml --group dev --constraint requirements/run.txt --output-file requirements/dev.txt

clean:  ## Remove what was installed and built here (your mentions in .veille stay)
	rm -rf .venv .servers dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .faults

.venv/.made:
	@test -n "$(PYTHON)" || { echo "Veille needs Python 3.11, 3.12 or 3.13. Remedy: install one, or make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Remedy on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

.venv/.run: .venv/.made requirements/build.txt requirements/run.txt pyproject.toml
	$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: help run test long faults soak mutations lint bench screenshots servers docs messages lock clean
