# make demo   a report of 1.47 million transactions, from nothing but Python, make and a package index
# make test   everything that must hold: lint, types, import rules, tests, doctests, notebooks
# make docs   the documentation, warnings as errors
# make bench  ratios against plain pandas, Polars and DuckDB
# make clean  remove what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint docs bench clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed (PYTHON=python3.12 make ...)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'

# Each stamp is older than pyproject.toml when the dependencies may have changed.
$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(PIP) --editable '.[data]'
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	$(PIP) --editable . --group lint --group test
	@touch $@

$(VENV)/.docs: $(BIN)/python pyproject.toml
	$(PIP) --editable . --group docs
	@touch $@

$(VENV)/.bench: $(BIN)/python pyproject.toml
	$(PIP) --editable . --group bench
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python -m crmlytics report --demo --out demo

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal --cov --cov-report=term:skip-covered
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=600 --override-ini addopts= -q notebooks

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage
