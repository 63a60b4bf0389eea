# Two commands on a fresh machine: `make demo` (see it work) and `make test` (prove it).
# Both create .venv and install what they need; nothing else has to be run before.
#
#   make demo TORCH_INDEX=URL   take torch from another index (README: machines without a GPU)
#   make demo PYTHON=python3.12 use another interpreter

PYTHON      ?= python3
VENV        ?= .venv
TORCH_INDEX ?=
BIN         := $(VENV)/bin
PIP         := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: demo test check fix bench corpus soak soak-watch clean messages
.DEFAULT_GOAL := demo

demo: $(VENV)/.ready-render
	$(BIN)/hubman demo $(DEMO)

test: $(VENV)/.ready-dev
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m hubman.locale.compile --check

fix: $(VENV)/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks

SECONDS ?= 1800
soak-watch: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks.soak $(SECONDS)

corpus: $(VENV)/.ready-dev
	$(BIN)/python tests/identify/report.py --write docs/accuracy.md

# Kill hubman a thousand times at random moments; nothing may be lost. Then a thousand downloads, cut and killed.
soak: $(VENV)/.ready-dev
	$(BIN)/python -m tests.faults.harness --points 1000 --write benchmarks/results/soak-kill.json
	$(BIN)/python -m tests.faults.downloads --points 1000 --write benchmarks/results/soak-download.json

messages: $(VENV)/.ready-dev
	$(BIN)/python -m hubman.locale.compile

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "hubman needs Python 3.11 or newer; choose one with: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "python3 -m venv failed (on Debian: apt install python3-venv)" >&2; exit 1; }
	@touch $@

# Without a GPU a CPU build of torch is taken where the package index has one; the builds of PyPI for Linux bring
# gigabytes of CUDA along.
$(VENV)/.torch: $(VENV)/.created constraints.txt
	@echo "installing torch ..."
	@if [ -n "$(TORCH_INDEX)" ]; then $(PIP) -c constraints.txt --index-url "$(TORCH_INDEX)" torch; \
	elif nvidia-smi >/dev/null 2>&1; then $(PIP) -c constraints.txt torch; \
	else version=$$(sed -n 's/^torch==//p' constraints.txt); \
	  $(PIP) "torch==$$version+cpu" 2>/dev/null || $(PIP) -c constraints.txt torch; fi
	@touch $@

$(VENV)/.ready-render: $(VENV)/.torch pyproject.toml
	@echo "installing hubman ..."
	@$(PIP) -c constraints.txt --editable ".[render]"
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-render
	@echo "installing the development tools ..."
	@$(PIP) -c constraints.txt --editable ".[render,dev]"
	@touch $@
