# make demo    renders people, trains a student with its teacher, predicts and scores (about 15 minutes on two cores)
# make study   the nine rows of the paper's tables at a small size, three seeds; goes on where it stopped (5 hours)
# make test    passes all fast tests; make test-slow the rest
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help demo study test test-slow lint format benchmarks models clean-demo

help:
	@sed -n 's/^# \(make.*\)/\1/p' Makefile

demo: $(VENV)/.core
	@$(RUN) -m teacher.demo --output_dir=demo

study: $(VENV)/.core
	@$(RUN) -m eval.study

test: $(VENV)/.full
	@$(RUN) -m pytest

test-slow: $(VENV)/.full
	@$(RUN) -m pytest -m slow

lint: $(VENV)/.full
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

format: $(VENV)/.full
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

benchmarks: $(VENV)/.full
	@for file in tests/benchmarks/bench_*.py; do echo "== $$file"; $(RUN) $$file || exit 1; done

models: $(VENV)/.core
	@$(RUN) -m synth.fetch_models

clean-demo:
	rm -rf demo

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "error: needs Python 3.11 (TensorFlow 2.15 and Blender 4.5 meet there); found: $$($(PYTHON) --version 2>&1); call make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "error: could not make $(VENV); on Debian or Ubuntu: apt-get install python3.11-venv"; rm -rf $(VENV); exit 2; }

$(VENV)/.core: requirements-core.txt | $(VENV)/bin/python
	@echo "installing the packages of requirements-core.txt (about 3.5 GB, some minutes)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-core.txt
	@touch $@

$(VENV)/.full: requirements.txt $(VENV)/.core
	@echo "installing the packages of requirements.txt"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
