# What a newcomer needs: `make demo` tries it, `make test` proves it. Both build .venv from the hashed lock files.
PYTHON ?= python3
BIN := .venv/bin
LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"

.PHONY: demo sandbox test check format lock bench soak clean

demo: .venv/demo
	$(BIN)/python -m daemon demo

sandbox: .venv/demo
	$(BIN)/python -m daemon sandbox

# Everything that a change has to pass; what CI runs. Three at a time for two cores: some tests wait for processes.
test: .venv/test
	$(BIN)/python -m pytest -n 3 --dist worksteal

# Only the static half: style, types, import rules. `make test` runs it, too (tests/docs/test_static.py).
check: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: .venv/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Timed comparisons with peers, minutes long and never part of the tests; results are described in bench/README.md.
bench: .venv/bench
	$(BIN)/python -m bench

# A thousand simulated days on other seeds than the tests have.
soak: .venv/test
	$(BIN)/python -m tests.sim.soak

lock:
	$(LOCK) pyproject.toml --extra build -o requirements.lock
	$(LOCK) pyproject.toml --extra build --extra test --extra bench -c requirements.lock -o requirements-test.lock

clean:
	rm -rf .venv build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/test: .venv/demo requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	touch $@

.venv/bench: .venv/test
	touch $@
