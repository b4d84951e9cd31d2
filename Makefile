# Everything below makes its own .venv from the pinned versions in constraints.txt.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench studio format clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "make: no $(PYTHON) here: install Python 3.11, or name another (make PYTHON=python3.12)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1" -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[html,office,studio]" --group dev
	touch $@

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

bench: $(STAMP) ## the figures of the README, beside the official `rlms`
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt rlms psutil
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/memory.py

studio: $(STAMP) ## LangGraph Studio's server on this graph, offline
	$(BIN)/langgraph dev --no-browser

format: $(STAMP) ## format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was made here
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .demo
