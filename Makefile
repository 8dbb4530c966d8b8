# Every target makes its own environment in .venv; a second run finds it ready.
# Settings: PYTHON=python3.12 (what .venv is made with), JOBS=4 (test processes), SEED=7.

PYTHON ?= python3
JOBS ?= 2
SAMPLE ?= 4

VENV := .venv
RUN := $(VENV)/bin/python
# What a first environment needs besides the package itself: with the build tool in place, an
# installation whose parts are all there needs no network.
BUILD_TOOL := hatchling
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check
FRESH = $(or $(SEED),$(shell $(RUN) -c 'import secrets; print(secrets.randbelow(2**31))'))

# One thread in NumPy and PyTorch: tests run side by side, and figures stay comparable. No window.
CHECK := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg $(RUN)

.NOTPARALLEL:
.PHONY: help demo test tiny parity fuzz coverage bench lint types stubs clean

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo-stamp ## train a network on handwritten digits and draw the result
	$(RUN) -m dynagrad run examples/digits.py

test: lint types ## all checks, with fixed seeds: style, types, tests
	$(CHECK) -m pytest -q -n $(JOBS) --sample $(SAMPLE)

tiny: $(VENV)/.dev-stamp ## the five-second test, for use before every commit
	$(CHECK) -m pytest -q tests/test_tiny.py

parity: $(VENV)/.dev-stamp ## every comparison with PyTorch, with a fresh seed
	@$(call everything,parity,$(FRESH))

fuzz: $(VENV)/.dev-stamp ## every random program, with a fresh seed
	@$(call everything,fuzz,$(FRESH))

coverage: $(VENV)/.dev-stamp ## PyTorch's own list of operations: the scores, docs/coverage.md
	$(CHECK) tests/opdb/page.py --jobs $(JOBS)

bench: $(VENV)/.dev-stamp ## the figures of the README, measured here
	@for file in benchmarks/[a-z]*.py; do echo "$$file"; $(CHECK) $$file || exit 1; done

lint: $(VENV)/.dev-stamp ## ruff: lint and format
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

types: $(VENV)/.dev-stamp ## pyright on the library
	$(RUN) -m pyright

stubs: $(VENV)/.dev-stamp ## write the type stub of Tensor anew, after a change of its methods
	$(RUN) tools/stubs.py

clean: ## remove what runs leave behind; the environment stays (rm -r .venv removes it)
	rm -rf out build dist .pytest_cache .ruff_cache .hypothesis
	find src tests examples benchmarks docs tools -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

define everything
echo "seed $(2); repeat with: make $(1) SEED=$(2)"
$(CHECK) -m pytest -q -n $(JOBS) --long --fresh -m $(1) --seed $(2) --hypothesis-seed $(2)
endef

# --- The environment -------------------------------------------------------------------------

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "dynagrad needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
	    echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; } >&2
	@echo "making the environment $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "$(PYTHON) could not make an environment. On Debian and Ubuntu the package"; \
	    echo "python3-venv is missing."; exit 1; } >&2

$(VENV)/.demo-stamp: pyproject.toml | $(RUN)
	@echo "installing dynagrad and what the demo needs into $(VENV)"
	@$(INSTALL) '$(BUILD_TOOL)'
	@$(INSTALL) --no-build-isolation --editable '.[demo]'
	@touch $@

$(VENV)/.dev-stamp: pyproject.toml | $(RUN)
	@echo "installing dynagrad and what its checks need into $(VENV)"
	@$(INSTALL) '$(BUILD_TOOL)'
	@$(INSTALL) --no-build-isolation --editable '.[dev]'
	@touch $@ $(VENV)/.demo-stamp
