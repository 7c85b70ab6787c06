"""What the attack tests share."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from autograder.authoring.declare import load_properties
from autograder.checks.bundle import Bundle
from autograder.checks.judge import Property

from . import harness


@pytest.fixture(scope="session")
def properties() -> Mapping[str, Property]:
    return load_properties(harness.ROOT / "assignments" / "memory_in_networks")


@pytest.fixture(scope="session")
def runners(baked: Bundle) -> Iterator[harness.Runners]:
    if sys.platform != "linux":
        pytest.skip("submissions can be confined on Linux only")
    harness.adopt_orphans()
    found = harness.Runners(baked)
    yield found
    found.close()


@pytest.fixture(scope="session")
def cases_file(baked: Bundle) -> Iterator[Path]:
    """The plain grader's cases, where an attacker that runs as another user can read them too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "cases.npz"
        harness.write_cases(path, baked)
        yield path


@pytest.fixture(scope="session")
def open_bundle(bundle_file: Path) -> Iterator[Path]:
    """The bundle, readable by everybody."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "bundle.npz"
        path.write_bytes(bundle_file.read_bytes())
        path.chmod(0o644)
        yield path
