# The only commands to know: `make demo`, `make test`, `make lint`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ROWS   ?= 1000000
FLOORS := tests/parsers tests/rewards tests/star_cli tests/benchmarks tests/test_python.py
PARALLEL := -n auto --maxprocesses 4 --dist worksteal

.PHONY: demo demo-train evidence evidence-cpu test test-train test-faults test-kills test-floors soak conformance lint
.PHONY: format docs mutate clean

demo: $(VENV)/.core
	$(BIN)/star score examples/tvr_predictions.jsonl

demo-train: $(VENV)/.train
	$(BIN)/python -m recipes.tiny.run

# the study of docs/evidence.md: on one GPU, what rewards will do said before they are trained; and in words on two CPU
# cores in less than ten minutes
evidence: $(VENV)/.train
	$(BIN)/python -m recipes.evidence.run all --out runs/evidence

evidence-cpu: $(VENV)/.train
	$(BIN)/python -m recipes.evidence.run all --study recipes/evidence/cpu.yaml --out runs/evidence-cpu --minutes 3.2

test-train: $(VENV)/.train
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest $(PARALLEL) tests/trainers

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PARALLEL)

# every call for a file fails once in every way, and the process dies in it: docs/reliability.md
test-faults: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults

# training killed at 20 random moments, in one process and sharded over two
test-kills: $(VENV)/.train
	$(BIN)/python -m tests.trainers.killed
	$(BIN)/python -m tests.trainers.killed --sharded

# every dependency in the lowest version that pyproject.toml allows
test-floors: $(VENV)/.floors
	$(VENV)-floors/bin/python -m pytest -q -m "not slow" $(FLOORS)

# a million inputs for each task: `make soak ROWS=10000` for less
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak --rows $(ROWS)

# the real packages, each in an environment of its own: `make conformance ONLY="verl trl"`
conformance: $(VENV)/.core
	$(BIN)/python -m tests.conformance $(ONLY)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

mutate: $(VENV)/.mutation
	nice $(BIN)/mutmut run
	$(BIN)/mutmut results
	$(BIN)/python tests/measure/mutation_table.py

clean:
	rm -rf $(VENV) $(VENV)-floors .venv-conformance build mutants *.egg-info .mypy_cache .ruff_cache .pytest_cache site

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.core

# torch first and alone: else the others choose a build of it for themselves
$(VENV)/.train: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[train,test]'
	touch $@ $(VENV)/.core

$(VENV)/.floors: pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv $(VENV)-floors
	$(BIN)/python -m tests.floors test > $(VENV)/floors.txt
	$(VENV)-floors/bin/python -m pip install -q --disable-pip-version-check -c $(VENV)/floors.txt -e '.[test]'
	touch $@

$(VENV)/.mutation: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[mutation]'
	touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[docs]'
	touch $@
