# Everything here works from a fresh clone: Python >= 3.11, make and a package index are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# uv takes the interpreter it is given and downloads none.
export UV_PYTHON_DOWNLOADS := never
# It trusts whom the system trusts, as pip does: a company's proxy, for instance.
export UV_SYSTEM_CERTS := 1
export UV_PROJECT_ENVIRONMENT := $(VENV)
# Several processes import Airflow: without bytecode each would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env demo test check fix bench docs clean up down logs demo-docker test-docker

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(VENV)/.locked ## the environment in .venv, from the lock file
	@:

# uv itself is one of the locked packages, so a sync keeps it.
$(VENV)/.locked: uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Salesflow needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": set PYTHON=/path/to/python3")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo 'making the environment in $(VENV)'
	@$(BIN)/uv sync --locked --quiet
	@touch $@

# The clock starts before the environment is made, as it does for the user.
demo: ## the whole pipeline on this machine (ONCE=1: stop at the end)
	@started=$$($(PYTHON) -c 'import time; print(time.time())') && \
	$(MAKE) --no-print-directory env && \
	SALESFLOW_STARTED=$$started $(BIN)/python -m salesflow.demo $(if $(ONCE),--once)

test: env ## all tests that need no Docker and no browser that isn't there
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

check: env ## formatting, lint, types, templates, generated docs, lock file: verifies, never fixes
	@$(BIN)/uv lock --check --quiet
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/cfn-lint infra/cloudformation/*.yaml
	@$(BIN)/python docs/generate.py --check

fix: env ## formats, and mends what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: env ## writes the generated pages
	@$(BIN)/python docs/generate.py

bench: env ## the benchmarks: a table, and build/bench.json
	@$(BIN)/python -m bench

up: ## Airflow as a team runs it, in containers: builds, starts, waits
	@docker/up.sh

down: ## stops the containers; what they keep stays (docker compose down --volumes deletes it)
	@docker compose down

logs: ## what the containers say, until Ctrl-C
	@docker compose logs --follow --tail 100

demo-docker: ## the demo's steps on the stack that `make up` started
	@started=$$($(PYTHON) -c 'import time; print(time.time())') && \
	$(MAKE) --no-print-directory env && \
	SALESFLOW_STARTED=$$started $(BIN)/python -m salesflow.demo --composed

test-docker: env ## the tests of the containers, on the Docker engine that answers (about 25 minutes)
	@SALESFLOW_TEST_DOCKER=1 $(BIN)/pytest -n 0 tests/compose

clean: ## removes what the targets made
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
