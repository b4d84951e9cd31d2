# Everything below makes its own .venv from the pinned versions in constraints.txt.

PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench studio docs format clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "make: $(PYTHON) is no Python 3.11 or newer: install one, or name it (make PYTHON=python3.12)"; exit 1; }
	@echo "making $(VENV) (a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade "pip>=25.1"
	@$(PIP) -e ".[html,office,otel,postgres,s3,studio]" --group dev
	@touch $@

demo: $(STAMP) ## answer a counting question over the whole Python standard library; no key needed
	@$(BIN)/python examples/demo.py

test: $(STAMP) ## the test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not soak"

soak: $(STAMP) ## the long tests
	$(BIN)/python -m pytest -m soak

check: $(STAMP) ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP) ## the figures of the README, beside the official rlms and recursive-llm
	test -x .venv-rlms/bin/python || $(PYTHON) -m venv .venv-rlms
	.venv-rlms/bin/python -m pip install --quiet --disable-pip-version-check rlms==0.1.3
	test -x .venv-recursive-llm/bin/python || $(PYTHON) -m venv .venv-recursive-llm
	.venv-recursive-llm/bin/python -m pip install --quiet --disable-pip-version-check recursive-llm==0.5.0
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/repl.py
	$(BIN)/python benchmarks/guards.py
	$(BIN)/python benchmarks/journal.py
	$(BIN)/python benchmarks/durability.py
	$(BIN)/python benchmarks/batched.py
	$(BIN)/python benchmarks/run_ahead.py

studio: $(STAMP) ## LangGraph Studio's server on this graph, offline
	$(BIN)/langgraph dev --no-browser --n-jobs-per-worker 10

docs: $(STAMP) ## the documentation site, in site/
	$(BIN)/zensical build --strict

format: $(STAMP) ## format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was made here
	rm -rf $(VENV) .venv-rlms .venv-recursive-llm dist build site .cache .mypy_cache .ruff_cache .demo
