# Two commands matter: `make demo` and `make test`. Both set everything up first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test release bench lint clean

demo: .venv
	$(BIN)/autograder release
	$(BIN)/python tests/submissions/assemble.py build/submissions
	rm -rf build/results
	$(BIN)/autograder grade build/submissions --out build/results
	@echo "open build/results/feedback/known-mistakes.html for a student's page, build/results/grades.csv for the grades"

test: .venv lint
	$(BIN)/python -m pytest

# The set-up alone: made anew when the pins or the package change.
.venv: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch .venv

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check autograder
	$(BIN)/mypy
	$(BIN)/lint-imports

release: .venv
	$(BIN)/autograder release

bench: .venv
	$(BIN)/python tests/benchmarks/throughput.py

clean:
	rm -rf build dist .venv
