# Two commands do everything on a machine with Python 3.11: `make study` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= out/migration

.PHONY: setup study docs test lint types tests formal typescript benchmarks vectors clean

setup: .venv/ready

# uv comes from the package index into a small environment of its own; `uv.lock` decides everything else.
.venv/ready: pyproject.toml uv.lock
	@test -x .uv/bin/uv || ($(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check "uv>=0.9")
	.uv/bin/uv sync --locked --quiet --python $(PYTHON)
	@touch $@

study: setup
	$(BIN)/communicator study migration --out $(OUT)

# The documentation as a site; a link that leads nowhere is an error.
docs: setup
	$(BIN)/python -m communicator_reports.site out/docs

test: lint types tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/communicator spec check

types: setup
	$(BIN)/mypy

# Twice as many as there are processors: tests of real services wait for them.
JOBS ?= $(shell $(PYTHON) -c "import os; print(2 * len(os.sched_getaffinity(0)))")
tests: setup
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/pytest -n $(JOBS) --dist worksteal --durations=40

# The formal model: Quint's own word on the text (needs Node), then every check of spec/formal/checks.toml.
TIER ?= ci
WALKS ?= 100
formal: setup spec/formal/node_modules/.package-lock.json
	$(BIN)/python -m tests.spec.formal.with_node
	$(BIN)/python -m communicator_spec.formal --tier $(TIER) quint
	$(BIN)/python -m communicator_spec.formal --tier $(TIER)
	$(BIN)/python -m communicator_spec.formal.unlinkability
	$(BIN)/python -m communicator_simulations.validation --people 12 --days 2 --fidelity impl --synthetic \
	  --profile label/1 --profile two-layer/1
	$(BIN)/pytest -v --no-header -k falsified tests/simulations/test_validation.py  # what is false in a log is refused
	$(BIN)/python -m communicator_simulations.walking --walks $(WALKS)

spec/formal/node_modules/.package-lock.json: spec/formal/package-lock.json
	@command -v npm >/dev/null || { echo "make formal needs Node 18 or later and npm (Debian: apt-get install nodejs npm);" \
	  "without them, python -m communicator_spec.formal checks the committed translation" >&2; exit 1; }
	cd spec/formal && npm ci --silent --no-audit --no-fund
	@touch $@

# A second implementation, in TypeScript: its format, its types, and the suite (needs Node 20 or later and npm).
TESTEE := conformance/testees/typescript
typescript: setup $(TESTEE)/node_modules/.package-lock.json
	cd $(TESTEE) && npm run --silent check && npm run --silent build
	$(BIN)/python -m tests.conformance.with_typescript

$(TESTEE)/node_modules/.package-lock.json: $(TESTEE)/package-lock.json
	@command -v npm >/dev/null || { echo "make typescript needs Node 20 or later and npm" >&2; exit 1; }
	cd $(TESTEE) && npm ci --silent --no-audit --no-fund
	@touch $@

benchmarks: setup
	$(BIN)/python -m tests.benchmarks

# Generated files are committed with their generator; `make test` regenerates and compares.
vectors: setup
	$(BIN)/python -m communicator_impl.vectors conformance/communicator_conformance/vectors

clean:
	rm -rf .venv .uv out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
