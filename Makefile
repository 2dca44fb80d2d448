# What a user types, and what the checks are. `make digest` and `make test` need Python >= 3.11 and a package registry.
# A virtual environment is made once; each stamp in it is renewed when pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
WORKERS ?= 2
# scikit-learn and NumPy must not start a thread per core in each of the test processes.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: digest test slow check format bench model clean

digest: $(RUN)  ## make the newest digest, or that of the sample where arXiv cannot be reached
	@$(BIN)/cvdigest run || { status=$$?; [ $$status -eq 69 ] || exit $$status; $(BIN)/cvdigest run --sample; }

test: $(DEV)  ## run the test suite but for its slow part
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadfile -q

slow: $(DEV)  ## run the slow part of the test suite
	$(BIN)/pytest -m slow -n $(WORKERS) -q

check: $(DEV)  ## run the linter, the formatter, the type checker and the architecture test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_architecture.py

format: $(DEV)  ## mend what the linter and the formatter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)  ## measure accuracy, speed and memory
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/sections.py
	$(BIN)/python benchmarks/speed.py

model: $(RUN)  ## train models/default again; the same corpus gives the same bytes
	$(BIN)/cvdigest train --abstracts $${CVDIGEST_SHARED:-../shared}/corpus/labelled.jsonl.gz --out models/default --name default-1

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cvdigest needs Python 3.11 or newer; try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUN): $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEV): $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(RUN)
