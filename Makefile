# `make demo` and `make test` do all set-up themselves on a machine with Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENCODERS := .venv-encoders

.PHONY: help demo test check lint coverage soak fuzz test-encoders speed tables clean

help:
	@echo "make demo           set up, then train and compare two methods on generated images"
	@echo "make test           set up, then run linters, type checker and tests"
	@echo "make coverage       set up, then run the tests and list the lines that none of them reaches"
	@echo "make soak           set up, then kill trainings hundreds of times: each must end as if unhurt"
	@echo "make fuzz           set up, then read damaged files of every kind, for about an hour"
	@echo "make test-encoders  the same for the optional encoders, in an environment of their own"
	@echo "make speed          speed and memory against plain implementations; many minutes"
	@echo "make tables         the tables of README and docs from results/; a test fails if they drifted"
	@echo "make clean          remove environments and everything generated"

demo: $(VENV)/.demo
	$(BIN)/crosslevel demo --out demo

test: lint check

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: $(VENV)/.dev
	$(BIN)/pytest -n 2

coverage: $(VENV)/.dev
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

soak: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python tests/survival/kills.py --kills 100

fuzz: $(VENV)/.dev
	$(BIN)/pytest -n 2 --hypothesis-profile=fuzz tests/fuzz
	$(BIN)/pip install --quiet --constraint constraints/core.txt atheris
	for reader in images_and_masks layouts csv split__of_any_text configuration; do \
		PYTHONPATH=tests $(BIN)/python tests/fuzz/guided.py $$reader -max_total_time=300 \
			|| exit 1; \
	done

test-encoders: $(ENCODERS)/.installed
	$(ENCODERS)/bin/pytest -m encoders tests/models tests/contracts

speed: $(VENV)/.dev
	$(BIN)/python -m benchmarks

tables: $(VENV)/.demo
	$(BIN)/python -m docs.tables

$(VENV)/.python:
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Crosslevel needs Python 3.11 or newer'"
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints/core.txt
	$(BIN)/pip install --quiet --constraint constraints/core.txt torch
	$(BIN)/pip install --quiet --constraint constraints/core.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints/core.txt --editable ".[dev,export,medical]"
	touch $@

$(ENCODERS)/.installed: pyproject.toml constraints/encoders.txt
	$(PYTHON) -m venv $(ENCODERS)
	$(ENCODERS)/bin/pip install --quiet --constraint constraints/encoders.txt torch torchvision
	$(ENCODERS)/bin/pip install --quiet --constraint constraints/encoders.txt --editable ".[dev,encoders]"
	touch $@

clean:
	rm -rf $(VENV) $(ENCODERS) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist
