# `make demo` and `make test` do all set-up themselves on a machine with Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENCODERS := .venv-encoders
EXTRAS := cluster,export,hub,medical,serve
OLDEST := .venv-oldest
NEWEST := .venv-newest
BARE := .venv-bare
WHEEL := .venv-wheel
DIST := .venv-dist
AXE := .axe

.PHONY: help demo test check lint coverage soak fuzz speed speed-gpu tables clean
.PHONY: test-encoders test-oldest test-newest test-bare test-wheel docs dist accessibility

help:
	@echo "make demo           set up, then train and compare two methods on generated images"
	@echo "make test           set up, then run linters, type checker and tests"
	@echo "make coverage       set up, then run the tests and list the lines that none of them reaches"
	@echo "make soak           set up, then kill trainings hundreds of times, and call the service 10000 times"
	@echo "make fuzz           set up, then read damaged files of every kind, for about an hour"
	@echo "make test-encoders  the same for the optional encoders, in an environment of their own"
	@echo "make test-oldest    the tests with the lowest versions that pyproject.toml allows"
	@echo "make test-newest    the tests with the newest versions there are"
	@echo "make test-bare      every module is imported with nothing but the core dependencies"
	@echo "make test-wheel     the wheel is built, and used in an environment that holds nothing else"
	@echo "make speed          speed and memory against plain implementations; many minutes"
	@echo "make speed-gpu      a step of every method on this machine's GPU, against plain PyTorch there"
	@echo "make dist           what a release holds, in dist/: built twice and equal, checked, with its parts"
	@echo "make docs           set up, then make the site of all pages in site/; a warning fails it"
	@echo "make accessibility  axe-core (npm) looks at docs and report in Chromium, light and dark"
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
	$(BIN)/pytest -n 2 -rs

coverage: $(VENV)/.dev
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

soak: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python tests/survival/kills.py --kills 100
	$(BIN)/python -m benchmarks.service --soak --requests 10000

fuzz: $(VENV)/.dev
	$(BIN)/pytest -n 2 --hypothesis-profile=fuzz tests/fuzz
	$(BIN)/pip install --quiet --constraint constraints/core.txt atheris
	for reader in images_and_masks layouts csv split__of_any_text configuration; do \
		PYTHONPATH=tests $(BIN)/python tests/fuzz/guided.py $$reader -max_total_time=300 \
			|| exit 1; \
	done

test-encoders: $(ENCODERS)/.installed
	$(ENCODERS)/bin/pytest -m encoders tests/models tests/contracts

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/pytest -n 2

test-newest: $(NEWEST)/.installed
	$(NEWEST)/bin/pytest -n 2

test-bare: $(BARE)/.installed
	$(BARE)/bin/python .ci/import_every_module.py

test-wheel: $(VENV)/.python
	rm -rf dist $(WHEEL)
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(PYTHON) -m venv $(WHEEL)
	$(WHEEL)/bin/pip install --quiet --constraint constraints/core.txt torch
	$(WHEEL)/bin/pip install --quiet --constraint constraints/core.txt dist/*.whl
	cd dist && ../$(WHEEL)/bin/crosslevel demo --out demo --num_images 60 --epochs 1
	test -s dist/demo/report.html

speed: $(VENV)/.dev
	$(BIN)/python -m benchmarks

speed-gpu: $(VENV)/.dev
	$(BIN)/python -m benchmarks.gpu

tables: $(VENV)/.dev
	$(BIN)/python -m docs.tables

dist: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct)
dist: $(DIST)/.installed
	rm -rf dist
	$(DIST)/bin/python -m build --quiet --outdir dist/again
	$(DIST)/bin/python -m build --quiet --outdir dist
	for file in dist/again/*; do cmp "$$file" "dist/$$(basename "$$file")" || exit 1; done
	rm -r dist/again
	$(DIST)/bin/twine check --strict dist/*
	$(DIST)/bin/cyclonedx-py requirements constraints/core.txt --pyproject pyproject.toml \
		--output-reproducible --output-file dist/sbom.json

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -q -E -c docs . site
	@echo "Done: open site/index.html"

accessibility: docs $(VENV)/.dev
	rm -rf $(AXE)/demo
	npm install --silent --no-save --no-package-lock --prefix $(AXE) axe-core@4.14.1
	$(BIN)/crosslevel demo --out $(AXE)/demo --num_images 60 --epochs 1
	$(BIN)/crosslevel report $(AXE)/demo/clcc
	$(BIN)/python .ci/accessibility.py $(AXE)/node_modules/axe-core/axe.min.js site $(AXE)/demo

$(VENV)/.python:
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Crosslevel needs Python 3.11 or newer'"
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints/core.txt
	$(BIN)/pip install --quiet --constraint constraints/core.txt torch
	$(BIN)/pip install --quiet --constraint constraints/core.txt --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints/core.txt --editable ".[dev,$(EXTRAS)]"
	touch $@

$(VENV)/.docs: $(VENV)/.demo
	$(BIN)/pip install --quiet --constraint constraints/core.txt --editable ".[docs]"
	touch $@

$(ENCODERS)/.installed: pyproject.toml constraints/encoders.txt
	$(PYTHON) -m venv --clear $(ENCODERS)
	$(ENCODERS)/bin/pip install --quiet --constraint constraints/encoders.txt torch torchvision
	$(ENCODERS)/bin/pip install --quiet --constraint constraints/encoders.txt --editable ".[test,encoders]"
	touch $@

$(OLDEST)/.installed: pyproject.toml constraints/oldest.txt
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/pip install --quiet --constraint constraints/oldest.txt torch
	$(OLDEST)/bin/pip install --quiet --constraint constraints/oldest.txt --editable ".[test,$(EXTRAS)]"
	touch $@

$(NEWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/bin/pip install --quiet --editable ".[test,$(EXTRAS)]"
	touch $@

$(DIST)/.installed:
	$(PYTHON) -m venv --clear $(DIST)
	$(DIST)/bin/pip install --quiet build twine cyclonedx-bom
	touch $@

$(BARE)/.installed: pyproject.toml constraints/core.txt
	$(PYTHON) -m venv --clear $(BARE)
	$(BARE)/bin/pip install --quiet --constraint constraints/core.txt torch
	$(BARE)/bin/pip install --quiet --constraint constraints/core.txt --editable .
	touch $@

clean:
	rm -rf $(VENV) .venv-* $(AXE) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist
