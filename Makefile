# make demo: the whole way from the trained network to verified files. make test, make lint: for changes. make bench: how fast. make site: all of it to read.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
OUT ?= exports/iris

.PHONY: demo test slow sweep lint bench site clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all,dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/pelu-fab compile designs/iris -o $(OUT) --formats stl,svg,3mf,report,booklet
	@echo "Plates to print: $(OUT)/plates   how to go on: $(OUT)/booklet.pdf   what was checked: $(OUT)/verify.json"

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow -n auto

sweep: $(STAMP)
	$(BIN)/python -m pytest -m sweep -n auto

bench: $(STAMP)
	$(BIN)/python benchmarks/bench_compile.py
	$(BIN)/python benchmarks/bench_verify.py
	$(BIN)/python benchmarks/bench_yield.py

site: $(STAMP)
	$(BIN)/python docs/site.py build/site

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build
