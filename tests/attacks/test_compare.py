"""The comparison with other graders that the README shows runs; here without otter, and for two rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from . import harness


def test_a_row_an_attack_and_a_column_a_grader(tmp_path: Path) -> None:
    command = [sys.executable, "tests/attacks/compare.py", "--attacks", "1", "--otter", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=harness.ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("otter: left out")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in said if line.startswith("|")]
    names, right, first = rows[0], rows[2], rows[3]
    assert len(names) == 3
    assert right[1:] == ["100%", "100%"], "graders that give the solution nothing prove nothing"
    assert first[2] == "0%"
