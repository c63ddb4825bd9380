# The one entrance. `make demo` and `make test` do all set-up on a machine with Python >= 3.11, Rust and make;
# `make test` runs peers from npm where Node.js is present. ZKMARGIN_CI=1 (.ci/run) insists on Rust and Node.js.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
PYTHON := $(VENV)/bin/python
CARGO := $(shell command -v cargo 2>/dev/null)
NODE := $(shell command -v node 2>/dev/null)
RUST_SOURCES := $(shell find rust -path rust/target -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -print)
PEERS := tests/peers
PEERS_LOCK := $(wildcard $(PEERS)/package-lock.json)

ifdef CARGO
export ZKMARGIN_REQUIRE_RUST := 1
endif

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.][a-z-]*:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- set-up ----------------------------------------------------------------------------------------------------------

$(VENV)/.installed: requirements/dev.txt pyproject.toml setup.py | tools
	@python=; for candidate in python3 python3.11 python3.12 python3.13 python3.14; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python="$$candidate"; break; fi; done; \
	if [ -z "$$python" ]; then echo 'zkmargin needs Python 3.11 or later' >&2; exit 2; fi; \
	if [ ! -x $(PYTHON) ]; then "$$python" -m venv $(VENV); fi
	$(PYTHON) -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(PYTHON) -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

# Without cargo the package runs on the reference engine.
$(VENV)/.core: $(VENV)/.installed $(RUST_SOURCES)
ifdef CARGO
	$(PYTHON) setup.py --quiet build_rust --inplace --release
	@$(PYTHON) -c 'import zkmargin._core'
else
	@echo 'zkmargin: no Rust toolchain, the slow reference engine will be used'
endif
	@touch $@

$(PEERS)/node_modules/.installed: $(PEERS_LOCK)
	npm ci --prefix $(PEERS) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: tools
tools:
ifeq ($(ZKMARGIN_CI),1)
	@command -v cargo >/dev/null || { echo 'CI needs a Rust toolchain' >&2; exit 2; }
	@command -v node >/dev/null || { echo 'CI needs Node.js' >&2; exit 2; }
endif

.PHONY: develop peers
develop: $(VENV)/.core  ## make .venv, install everything, build the Rust core

ifneq ($(and $(NODE),$(PEERS_LOCK)),)
peers: $(PEERS)/node_modules/.installed  ## install the peers that tests run against (Node.js)
else
peers:
endif

# --- use -------------------------------------------------------------------------------------------------------------

.PHONY: demo test test-rust fuzz fuzz-contracts mutate lint format bench bench-check bench-soak requirements clean
demo: develop  ## the main job, end to end, on real data
	$(VENV)/bin/zkmargin demo

PYTEST_ARGS ?= --numprocesses=auto

test: develop peers test-rust  ## all tests; PYTEST_ARGS selects
	$(PYTHON) -m pytest $(PYTEST_ARGS)

test-rust:
ifdef CARGO
	$(CARGO) test --quiet --profile checked --locked --manifest-path rust/arith/Cargo.toml
endif

FUZZ_SECONDS := 1800
fuzz: develop  ## mutated inputs for every parser, FUZZ_SECONDS in all
	$(PYTHON) -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

FUZZ_RUNS := 7200
fuzz-contracts: develop peers  ## forge against the contracts, FUZZ_RUNS calls of each of 14 kinds
	ZKMARGIN_FUZZ_RUNS=$(FUZZ_RUNS) $(PYTHON) -m pytest --quiet tests/contracts/test_fuzz.py

MUTATE_SECONDS := 7200
mutate: develop  ## is there a test for every slip in the verifier? MUTATE_SECONDS at most
	nice -n 15 $(PYTHON) -m tests.mutation --seconds $(MUTATE_SECONDS) $(MUTATE_ARGS)

lint: develop  ## style, types, layers, clippy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports
ifdef CARGO
	$(PYTHON) -m mypy.stubtest zkmargin._core
	$(CARGO) fmt --manifest-path rust/Cargo.toml --all --check
	$(CARGO) clippy --quiet --locked --release --target-dir rust/target/lint --manifest-path rust/Cargo.toml --workspace --all-targets -- -D warnings
endif

format: develop  ## rewrite the sources in the house style
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
ifdef CARGO
	$(CARGO) fmt --manifest-path rust/Cargo.toml --all
endif

bench: develop peers  ## size and times of every rule set; times of ours and of the peers present
	$(PYTHON) benchmarks/rule_sets.py
	$(PYTHON) benchmarks/prove.py

bench-soak: develop  ## ten minutes of submissions to the service: latencies, memory
	$(PYTHON) benchmarks/service.py --seconds 600

bench-check: develop peers  ## fail where a time or a size is above its budget
	$(PYTHON) benchmarks/check.py

requirements:  ## lock the dependencies anew, from pyproject.toml
	python3 -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make requirements' --output-file requirements/runtime.txt pyproject.toml
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command 'make requirements' --output-file requirements/dev.txt \
	  --extra dev --extra markets --extra reports --extra service --extra contracts pyproject.toml requirements/build.in
	rm -rf $(VENV)-lock

clean:  ## remove everything that make made
	rm -rf $(VENV) build dist rust/target $(PEERS)/node_modules src/zkmargin.egg-info
	rm -f src/zkmargin/_core*.so
