PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A seal waits for every older transaction of its server, so these tests have the server to themselves.
SEALS := tests/integration/test_ledger_seals.py
INSTALLED := $(VENV)/.installed

.PHONY: install demo test check browser format lock mutate clean

install: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(INSTALLED)

demo: install
	$(BIN)/thuchi demo $(ARGS)

test: install check browser
	$(BIN)/pytest -n 2 --ignore=$(SEALS) $(ARGS)
	$(BIN)/pytest $(SEALS)

# The pages are tested in Debian's Chromium. Without it, and without the right to install it, those tests skip aloud.
browser:
	@command -v chromium > /dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get > /dev/null \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium > /dev/null; }

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Changes every value of the law in turn, and tells which change no test notices.
mutate: install
	$(BIN)/python -m tests.law.mutate $(ARGS)

# Rewrites the lock from pyproject.toml; needs the package `uv` on the path.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra test pyproject.toml --output-file requirements.lock

clean:
	rm -rf $(VENV) .thuchi *.egg-info
