# make demo    renders people, trains a student with its teacher, predicts and scores (about 8 minutes on two cores)
# make demo PHOTO=me.jpg   adds a photograph of yours to its report, as the bundled student sees it
# make study   what synthetic people add to N photographs; on rendered stand-ins, resumes where it stopped
# make study STUDY_FLAGS="--real_records=DIR --validation=DIR"   on your own photographs; more flags: eval.study --help
# make test    passes all fast tests; make test-slow the rest; TESTS=tests/eval a part
# make docs    builds the pages of docs/ as a site in site/, and checks their links
# make lint    checks format, types and spelling; make format fixes the format
# make benchmarks   times the parts, one after the other
# make models  gets the files of the built-in person detector (two npm packages)
# make clean-demo   deletes the folder of the demo; make help prints this
# The Python is 3.11, else 3.13, else uv's 3.11; PYTHON=/path/to/python decides (.ci/environment).
CORE = python="$$(PYTHON='$(PYTHON)' .ci/environment core)" &&
FULL = python="$$(PYTHON='$(PYTHON)' .ci/environment full)" &&
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help demo study test test-slow docs lint format benchmarks models clean-demo

help:
	@sed -n 's/^# \(make.*\)/\1/p' Makefile

demo:
	@$(CORE) "$$python" -m teacher.demo --output_dir=demo $${PHOTO:+"--photo=$$PHOTO"}

study:
	@$(CORE) "$$python" -m eval.study $(STUDY_FLAGS)

test:
	@$(FULL) "$$python" -m pytest $(TESTS)

test-slow:
	@$(FULL) "$$python" -m pytest -m slow $(TESTS)

docs:
	@$(FULL) NO_MKDOCS_2_WARNING=1 "$$python" -m mkdocs build  # not --quiet, which switches strict off

lint:
	@$(FULL) "$$python" -m ruff format --check .
	@$(FULL) "$$python" -m ruff check .
	@$(FULL) "$$python" -m mypy
	@$(FULL) "$${python%python}typos"

format:
	@$(FULL) "$$python" -m ruff format .
	@$(FULL) "$$python" -m ruff check --fix .

benchmarks:
	@$(FULL) for file in tests/benchmarks/bench_*.py; do echo "== $$file"; "$$python" $$file || exit 1; done

models:
	@$(CORE) "$$python" -m synth.fetch_models

clean-demo:
	rm -rf demo
