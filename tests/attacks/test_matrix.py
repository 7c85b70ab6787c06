"""The protection matrix: each attack against a plain grader, against ours, and against ours with its layer off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from autograder.checks.bundle import Bundle
from autograder.checks.judge import Property

from . import harness
from .catalogue import ATTACKS, Attack
from .neighbours import NEIGHBOURS

EFFECTS = {"canary", "mode", "mtime", "xattr", "left", "temporary", "shared memory", "children", "listener", "signals",
           "niceness", "affinity"}  # fmt: skip


def named(attack: Attack) -> str:
    return f"{attack.family}: {attack.name}"


FAMILIES = sorted({attack.family for attack in ATTACKS})
# The quick form: of each family the first, and every sixth after it.
QUICK = {named(a) for family in FAMILIES for a in [a for a in ATTACKS if a.family == family and not a.slow][::6]}
each_attack = pytest.mark.parametrize(
    "attack", [a if named(a) in QUICK else pytest.param(a, marks=pytest.mark.attack) for a in ATTACKS], ids=named
)


@pytest.fixture(scope="session")
def numpy_only(solution: dict[str, bytes]) -> dict[str, bytes]:
    return {name: source for name, source in solution.items() if name not in harness.NOT_NUMPY}


def sources(attack: Attack, where: harness.Outside, bundle_file: Path, bundle: Bundle, solution: Mapping[str, bytes]):
    return harness.package(harness.fill(attack.source, where, bundle_file, bundle), solution)


def succeeded(attack: Attack, result: harness.Result) -> bool:
    """Whether an attack got what it was after."""
    if attack.gains in EFFECTS:
        return attack.gains in result.touched
    if attack.gains == "no result":
        return result.styles is None
    if result.styles is not None:
        return result.styles.get(attack.gains, 0) > 0
    return result.points > 0


@pytest.mark.attack
@each_attack
def test_unprotected_it_succeeds(
    attack: Attack, baked: Bundle, cases_file: Path, open_bundle: Path, numpy_only: Mapping[str, bytes]
) -> None:
    with harness.outside() as where:
        modules = sources(attack, where, open_bundle, baked, numpy_only)
        assert succeeded(attack, harness.run_plain(modules, cases_file, baked, where))


@each_attack
def test_with_everything_it_gains_nothing(
    attack: Attack, runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], open_bundle: Path,
    numpy_only: Mapping[str, bytes],
) -> None:  # fmt: skip
    asked = harness.exact(baked) if attack.stopped_by == "judge" else harness.numpy_questions(baked)
    if attack.gains == "no result":  # some take all the time that there is
        asked = harness.of_every_kind(baked, seconds=1.0)
    with harness.outside() as where:
        modules = sources(attack, where, open_bundle, baked, numpy_only)
        result = harness.run_ours(modules, runners.confined, asked, properties, where)
    errors = [c["text"] for q in result.record["questions"] for c in q["cases"] if c["verdict"] == "grader_error"]
    assert (result.points, result.record["status"], errors, result.touched) == (0, "graded", [], [])
    assert result.seconds < 60


@pytest.mark.attack
@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.stopped_by == "lock"], ids=named)
def test_without_the_lock_alone_it_succeeds_again(
    attack: Attack, runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], open_bundle: Path,
    numpy_only: Mapping[str, bytes],
) -> None:  # fmt: skip
    with harness.outside() as where:
        modules = sources(attack, where, open_bundle, baked, numpy_only)
        assert succeeded(attack, harness.run_ours(modules, runners.unconfined, harness.few(baked), properties, where))


@pytest.mark.attack
@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.stopped_by != "lock"], ids=named)
def test_another_process_is_enough_for_the_others(
    attack: Attack, runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], open_bundle: Path,
    numpy_only: Mapping[str, bytes],
) -> None:  # fmt: skip
    """The layer that is said to stop it does so by itself: with the lock off it still gains nothing."""
    with harness.outside() as where:
        modules = sources(attack, where, open_bundle, baked, numpy_only)
        asked = harness.of_every_kind(baked, 1.0) if attack.gains == "no result" else harness.few(baked)
        assert harness.run_ours(modules, runners.unconfined, asked, properties, where).points == 0


def test_the_plain_grader_grades(
    baked: Bundle, cases_file: Path, numpy_only: Mapping[str, bytes], blank: Mapping[str, bytes]
) -> None:
    """The control is a grader: right code gets all, stubs nothing."""
    with harness.outside() as where:
        right = harness.run_plain(numpy_only, cases_file, baked, where).styles
        assert right is not None
        assert set(right.values()) == {sum(len(q.cases[:3]) for q in harness.few(baked).questions)} != {0}
        stubs = {name: source for name, source in blank.items() if name not in harness.NOT_NUMPY}
        assert harness.run_plain(stubs, cases_file, baked, where).points == 0


# ---------------------------------------------------------------- what honest code may do


@pytest.fixture(scope="session")
def best(
    runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], numpy_only: Mapping[str, bytes]
) -> float:
    return harness.run_ours(numpy_only, runners.confined, harness.numpy_questions(baked), properties).points


def test_there_are_enough_in_every_family() -> None:
    """Those of tests/lockdown_probe.py not counted: there are a hundred more, on single system calls."""
    assert len(ATTACKS) >= 120
    assert set(FAMILIES) == {"read", "import", "inherit", "write", "net", "processes", "resources", "exit", "lying values",
                             "patched libraries"}  # fmt: skip - forged replies: test_forged; kernel: test_lockdown


def test_every_attack_has_a_neighbour() -> None:
    assert {attack.neighbour for attack in ATTACKS} <= set(NEIGHBOURS)
    assert len({named(attack) for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("neighbour", harness.sample(list(NEIGHBOURS), 5))
def test_a_permitted_neighbour_works(
    neighbour: str, best: float, runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property],
    numpy_only: Mapping[str, bytes], open_bundle: Path,
) -> None:  # fmt: skip
    with harness.outside() as where:
        modules = harness.package(harness.fill(NEIGHBOURS[neighbour], where, open_bundle, baked), numpy_only)
        result = harness.run_ours(modules, runners.confined, harness.numpy_questions(baked), properties, where)
    wrong = {q["name"]: q["cases"] for q in result.record["questions"] if q["verdict"] not in ("passed", "missing")}
    assert (result.points, wrong) == (best, {})
