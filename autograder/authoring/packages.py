"""The zips of a release as bytes: student, otter, Gradescope, solution. Staff only; nothing is written here.

A package depends on its contents alone: fixed names, order, dates and modes. The graders' packages hold the engine, the
bundle with hidden cases and the property functions, and no line of the solution.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..checks import bundle as bundles
from ..checks.bundle import Bundle
from ..gradescope import Settings, pessimistic
from .declare import AssignmentError

OTTER = "7.0.0"  # the plugin was written against this version's source
ENGINE = "memory_engine"  # as otter_plugin has it; that module cannot be imported where otter is not installed
# What judging one submission needs of the engine; everything else stays at home.
PARTS = (
    "__init__.py", "gradescope.py", "otter_plugin.py", "checks/*.py", "isolation/*.py", "authoring/__init__.py",
    "authoring/declare.py", "grading/__init__.py", "grading/answers.py", "grading/files.py", "grading/grade.py",
    "grading/intake.py", "grading/journal.py", "grading/names.py", "grading/notebook_cells.py",
    "grading/policy.py", "grading/single.py",
)  # fmt: skip

SETUP = """#!/usr/bin/env bash
# Sets the image up, once: a Python of its own with what requirements.txt names. Ends with an error if it cannot grade.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
environment="${AUTOGRADER_ENVIRONMENT:-/opt/autograder}"
export DEBIAN_FRONTEND=noninteractive
good() {
    command -v "$1" >/dev/null && "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
find_python() {
    for python in python3 python3.13 python3.12 python3.11; do if good "$python"; then return; fi; done
    return 1
}
stop() { echo "setup.sh: $1" >&2; exit 1; }
if ! find_python; then
    command -v apt-get >/dev/null || stop "no Python 3.11 or later with venv here, nor apt-get; choose an Ubuntu base image"
    apt-get update || stop "the lists of packages cannot be had; apt-get says why above"
    # The system's own Python where it is new enough; Ubuntu 22.04 has 3.11 beside its older one.
    for package in python3-venv python3.11-venv; do
        apt-get install -y --no-install-recommends "$package" && find_python && break
    done
    find_python || stop "apt-get has no Python 3.11 or later; choose a newer base image"
fi
"$python" -m venv "$environment"
install() { "$environment/bin/python" -m pip install --no-cache-dir --disable-pip-version-check "$@"; }
# torch for processors alone, where an index for it is named: it is a fifth of the other one.
index="@INDEX@"
if [ -n "$index" ]; then install --index-url "$index" "$(grep '^torch' "$here/requirements.txt")"; fi
install -r "$here/requirements.txt"
"$environment/bin/python" -I -c '
import sys
sys.path.insert(0, sys.argv[1])
from autograder.checks.worker import preload
preload(torch=True)
' "$here/@ENGINE@" || stop "what grading needs cannot be loaded here; the error stands above"
"""

RUN_GRADESCOPE = """#!/usr/bin/env bash
# Gradescope runs this for each submission. A result is there before anything can fail.
root="${AUTOGRADER_ROOT:-/autograder}"
python="${AUTOGRADER_PYTHON:-/opt/autograder/bin/python}"
mkdir -p "$root/results"
cat >"$root/results/.results.json.first" <<'END'
@PESSIMISTIC@
END
mv "$root/results/.results.json.first" "$root/results/results.json"
cd "$root" || exit 1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$python" -I -c '
import sys
from pathlib import Path
root, engine = Path(sys.argv[1]), Path(sys.argv[1], "source", "engine")
sys.path.insert(0, str(engine))
from autograder.gradescope import main
sys.exit(main(root))
' "$root"
"""

RUN_OTTER = """#!/usr/bin/env bash
# The image of `otter grade` runs this for each submission.
root="${AUTOGRADER_ROOT:-/autograder}"
cd "$root" || exit 1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "${AUTOGRADER_PYTHON:-/opt/autograder/bin/python}" -I "$root/source/run_otter.py" "$root"
"""

OTTER_PROGRAM = f'''"""Judges what was handed in before otter sees any of it, then lets otter report."""

import sys
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(root / "source" / "files" / "{ENGINE}"))

from autograder.otter_plugin import main

if __name__ == "__main__":
    sys.exit(main(root))
'''

OTTER_TEST = '''"""Reads what the judge found for one question; the judge has run by then, in a process of its own."""

from otter.test_files import test_case

OK_FORMAT = False

name = "{name}"
points = {points:g}


@test_case(name="public cases", points=0, hidden=False)
def test_public(VERDICT):
    assert VERDICT is not None, "not judged"
    assert VERDICT["{name}"]["public"], "a public case is not right"


@test_case(name="all cases", points={points:g}, hidden=True)
def test_all(VERDICT):
    assert VERDICT is not None, "not judged"
    assert VERDICT["{name}"]["all"], "a case is not right"
'''


def engine_files(assignment: Path, bundle: bytes, settings: Settings, rules: Mapping[str, Any]) -> dict[str, bytes]:
    """What a judge needs, by path below the engine's folder. rules: on lateness and points, as `plain_rules` makes them."""
    package = Path(__file__).resolve().parent.parent
    paths = sorted({path for pattern in PARTS for path in package.glob(pattern)})
    files = {f"autograder/{path.relative_to(package).as_posix()}": _source(path) for path in paths}
    properties = assignment / "properties.py"
    if properties.exists():
        files["assignment/properties.py"] = _source(properties)
    return {**files, "bundle.npz": bundle, "settings.json": _json({"gradescope": asdict(settings), "rules": rules})}


def _source(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def pinned(constraints: Path, *names: str) -> bytes:
    """Requirements pinned as in constraints.txt. Raises AssignmentError naming what is not pinned there."""
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AssignmentError(f"{constraints}: {error.strerror}; the packages' requirements are pinned by it") from None
    versions = dict(line.strip().split("==", 1) for line in lines if re.match(r"[\w.-]+==", line))
    found = []
    for name in names:
        plain = name.partition("[")[0]
        if plain not in versions:
            raise AssignmentError(f"{constraints}: does not pin {plain}; add it")
        found.append(f"{name}=={versions[plain].partition('+')[0]}")
    return "".join(f"{line}\n" for line in found).encode()


def setup(engine: str, index: str) -> bytes:
    """What sets an image up. engine: where the engine lies in the package."""
    return SETUP.replace("@INDEX@", index).replace("@ENGINE@", engine).encode()


def gradescope_zip(engine: Mapping[str, bytes], constraints: Path, index: str) -> bytes:
    """Gradescope's autograder: setup.sh and run_autograder at its root."""
    files = {f"engine/{name}": data for name, data in engine.items()}
    run = RUN_GRADESCOPE.replace("@PESSIMISTIC@", json.dumps(pessimistic()))
    files |= {
        "setup.sh": setup("engine", index),
        "run_autograder": run.encode(),
        "requirements.txt": pinned(constraints, "numpy", "torch"),
    }
    return bundles.stored_zip(files, ("setup.sh", "run_autograder"))


def otter_zip(engine: Mapping[str, bytes], bundle: Bundle, constraints: Path, index: str) -> bytes:
    """Otter's autograder zip, as `otter run -a` and `otter grade -a` take it."""
    files = {f"files/{ENGINE}/{name}": data for name, data in engine.items()}
    for question in bundle.questions:
        points = 0 if question.optional else question.points
        files[f"tests/{question.name}.py"] = OTTER_TEST.format(name=question.name, points=points).encode()
    config = {"lang": "python", "plugins": [{"autograder.otter_plugin.Plugin": {"seconds": 600}}],
              "show_hidden": False, "show_stdout": False}  # fmt: skip
    requirements = pinned(constraints, "numpy", "torch", "nbformat", "ipykernel", "otter-grader[grading]")
    files |= {
        "otter_config.json": _json(config),
        "files/no_notebook.py": b"# handed in without a notebook\n",
        "run_autograder": RUN_OTTER.encode(),
        "run_otter.py": OTTER_PROGRAM.encode(),
        "setup.sh": setup(f"files/{ENGINE}", index),
        "environment.yml": b"# otter's image wants this file; requirements.txt says what is installed\nname: autograder\n",
        "requirements.txt": requirements,
    }
    return bundles.stored_zip(files, ("setup.sh", "run_autograder"))


def student_zip(template: Mapping[str, bytes], name: str) -> bytes:
    """What students get, in a folder of the assignment's name."""
    return bundles.stored_zip({f"{name}/{path}": data for path, data in template.items()})


def solution_zip(template: Mapping[str, bytes], solution: Mapping[str, bytes], package: str, name: str) -> bytes:
    """The student's folder with the solution in it, for after the deadline."""
    full = {**template, **{f"{package}/{module}.py": data for module, data in solution.items()}}
    return bundles.stored_zip({f"{name}-solution/{path}": data for path, data in full.items()})
