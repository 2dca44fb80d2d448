# What a user types, and what the checks are. `make digest` and `make test` need Python >= 3.11 and a package registry.
# A virtual environment is made once; each stamp in it is renewed when pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
WORKERS ?= 2
BENCHMARKS ?= accuracy sections lists held_out_venue anchors reconstruction parsers speed backfill reclassify crashes store site serve letters outbox sending
# scikit-learn and NumPy must not start a thread per core in each of the test processes.
export OPENBLAS_NUM_THREADS ?= 1

SHARED := $(or $(CVDIGEST_SHARED),../shared)

.PHONY: digest test slow check format bench card model clean

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
	@status=0; for script in $(BENCHMARKS); do \
	  echo "== $$script"; $(BIN)/python benchmarks/$$script.py || status=1; echo; \
	done; exit $$status

# A goal that is missed is no reason not to say so in the card; figures of another model are left out of it.
card: $(DEV)  ## measure the accuracy card of models/default again, and write its figures into the README
	$(BIN)/python benchmarks/held_out_venue.py --write || true
	$(BIN)/cvdigest evaluate --model models/default --corpus $(SHARED)/corpus/labelled.jsonl.gz \
	  $(if $(wildcard models/daily/reference.tsv),--daily $(SHARED)/corpus/unlabelled.jsonl.gz) --write
	$(BIN)/pytest -q tests/test_card.py -k readme --update-golden

# Without the corrections of whoever makes it.
model: $(RUN)  ## train models/default again; the same corpus gives the same bytes
	$(BIN)/cvdigest train --lists $(SHARED)/lists --abstracts $(SHARED)/corpus/labelled.jsonl.gz \
	  --abstracts $(SHARED)/corpus/unlabelled.jsonl.gz --data /nonexistent --out models/default --name default-2

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
