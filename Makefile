# make run    start the daemon on config/promscrape.yml; it listens on 127.0.0.1:9090
# make test   run the whole test suite; ARGS="tests/unit -x" passes options to pytest
# make lint   run every static check
# make bench  run the benchmarks
# make sanitize  run the compiled core under the address sanitizer and valgrind
# make clean  remove what the other targets made; ./data stays
#
# Python 3.11 or later is all that is needed beforehand. A C compiler is used where there is one.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

# Read by `make run`.
CONFIG ?= config/promscrape.yml
DATA   ?= ./data
LISTEN ?= 127.0.0.1:9090

bin := $(VENV)/bin
# setuptools warns of every installation in place, at length.
pip := PYTHONWARNINGS=ignore $(bin)/python -m pip install --quiet --disable-pip-version-check

# What an installation in place has to be repeated for; Python files are read where they lie.
build_inputs := pyproject.toml setup.py \
	$(shell find promscrape -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

.PHONY: run test lint bench sanitize clean
.DEFAULT_GOAL := run

run: $(VENV)/.installed-run
	exec $(bin)/promscrape --config.file=$(CONFIG) --storage.agent.path=$(DATA) \
		--web.listen-address=$(LISTEN) $(ARGS)

# What touches the loops that exist twice: run again with the plain twins.
twin_tests := tests/unit/exposition tests/unit/httpclient tests/unit/model tests/unit/scrape tests/unit/storage \
	tests/property/test_exposition.py tests/property/test_wal_record.py tests/property/test_label_columns_twins.py \
	tests/conformance/test_openmetrics.py

# Tests that share nothing with the machine around them: as many at once as it has processors.
pure := tests/unit tests/property tests/conformance
# These start programs and mostly wait for them: three at once keep two processors busy. What is
# measured in some of them needs the machine to itself, and these come last, one after the other.
with_programs := tests/adversity tests/e2e

# The tests of asyncio code run on both event loops, all others once.
test: $(VENV)/.installed-test
ifneq ($(ARGS),)
	$(bin)/python -m pytest --event-loop=both $(ARGS)
else
	$(bin)/python -m pytest --event-loop=both --numprocesses=logical $(pure)
	$(bin)/python -m pytest --event-loop=both --numprocesses=3 --dist=loadfile -m 'not alone' $(with_programs)
	$(bin)/python -m pytest --event-loop=both -m alone $(with_programs)
	PROMSCRAPE_PURE_PYTHON=1 $(bin)/python -m pytest --no-header -q --numprocesses=logical $(twin_tests)
endif

lint: $(VENV)/.installed-lint
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports --no-cache
	$(bin)/codespell
	$(bin)/shellcheck .ci/run .ci/sanitize
	$(bin)/hadolint Dockerfile

bench: $(VENV)/.installed-test
	$(bin)/python -m benchmarks $(ARGS)

sanitize: $(VENV)/.installed-test
	.ci/sanitize $(bin)/python

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis
	find promscrape -name '*.so' -delete
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says what is installed, so that a second `make` starts at once.
$(VENV)/.installed-run: $(VENV)/.made $(build_inputs)
	$(pip) --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.made $(build_inputs)
	$(pip) --editable '.[test]'
	touch $@ $(VENV)/.installed-run

$(VENV)/.installed-lint: $(VENV)/.made $(build_inputs)
	$(pip) --editable '.[test,lint]'
	touch $@ $(VENV)/.installed-test $(VENV)/.installed-run

# Debian ships Python without the part that puts pip into an environment. Where the machine has a
# pip of its own, that one fills the environment.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'promscrape needs Python 3.11 or later: apt-get install python3,' \
			'or name another one with make PYTHON=...' >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) \
			&& $(PYTHON) -m pip --quiet --python $(bin)/python install pip; \
	else echo 'cannot make a virtual environment: apt-get install python3-venv' >&2; exit 1; fi
	@touch $@
