# Two commands matter: `make demo` and `make test`. Both set everything up first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all prove release bench lint attack otter image fuzz axe clean

demo: .venv
	$(BIN)/autograder release --quick-gate
	$(BIN)/python tests/submissions/assemble.py build/submissions
	rm -rf build/results
	$(BIN)/autograder grade build/submissions --out build/results
	@echo "open build/results/dashboard.html for the class, build/results/feedback/known-mistakes.html for a student's page"

# Everything but the long checks, on two cores; a file's tests stay together.
TESTS := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv lint
	$(TESTS) -m "not long"

# The long checks too: all right and wrong programs for the memory budget, the notebook from top to bottom, and others.
test-all: .venv lint
	$(TESTS)

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

# All mutants of the reference, all right styles, a thousand programs with several mistakes: some minutes.
prove: .venv
	$(BIN)/autograder prove

# Every attack, unprotected, protected, and with only the layer off that stops it: five minutes at the most.
attack: .venv
	ATTACKS=all $(TESTS) tests/attacks tests/test_lockdown.py tests/test_sandbox.py tests/test_doctor.py

# Every sample submission by the real `otter run`, and what otter does before a plugin is asked: some ten minutes.
otter: .venv
	OTTER=all $(BIN)/python -m pytest tests/test_otter_plugin.py

# Gradescope's image from nothing, with debootstrap as root, and submissions graded in it: some six minutes. SUITE, MOUNTS, KEYRING.
image: .venv
	$(BIN)/autograder release --quick-gate
	$(BIN)/python tests/image.py $(SUITE) $(addprefix --mount=,$(MOUNTS)) $(addprefix --keyring=,$(KEYRING))

# A million inputs to what reads bytes of a submission. Needs the extra `fuzz`.
fuzz: .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	cd build && ../$(BIN)/python ../tests/fuzz/wire.py -runs=400000
	cd build && ../$(BIN)/python ../tests/fuzz/reply.py -runs=250000
	cd build && ../$(BIN)/python ../tests/fuzz/intake.py -runs=200000
	cd build && ../$(BIN)/python ../tests/fuzz/text.py -runs=150000

# What audits pages for accessibility, for the tests that use it where it is there; it is not part of the project.
axe:
	npm install --prefix build --no-save --no-package-lock --silent axe-core@4.14.1

release: .venv
	$(BIN)/autograder release

bench: .venv
	$(BIN)/python tests/benchmarks/lock_cost.py
	$(BIN)/python tests/benchmarks/throughput.py
	$(BIN)/python tests/benchmarks/classroom.py

clean:
	rm -rf build dist .venv
