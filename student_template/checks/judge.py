"""Gives verdicts and points: asks a runner, compares, names the mistake. Imports numpy and its sister modules.

It never unpickles, evaluates or imports anything that a submission wrote. What it returns is plain data, and the
same submission judged with the same bundle gives the same data.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .bundle import BakedCase, BakedQuestion
from .compare import Comparison, Setting, as_array, compare, leaves, matches, same
from .feedback import IN_PLACE
from .question import Call, Spec, counts_for, parse_call, parse_spec
from .runner import LATE, Answer, Runner, clean
from .wire import Opaque

# From worst to best; a question's verdict is the worst of its cases'.
ORDER = (
    "grader_error", "forbidden", "over_memory", "timed_out", "crashed", "missing", "not_implemented", "wrong", "passed",
)  # fmt: skip
# A case that ended so is not followed by others: they would end the same, and each would take its time.
FINAL = ("timed_out", "missing", "not_implemented")
# How one function of a case may end without taking along what the case's other functions earn.
APART = ("not_implemented", "missing", "crashed", "wrong")

# A property function gets the answers by name and the arrays that the judge alone has. It returns, for each of the
# question's outputs, "" where the property holds and a sentence for the student where it does not. Where one function
# of several failed, a NoValue stands for each of its answers.
Property = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, str]]


@dataclass(frozen=True)
class NoValue:
    """Stands for the value of a call that failed where calls of other functions did not."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """One case. `comparisons`: by leaf; `answer`: what the worker gave."""

    case: BakedCase
    verdict: str
    text: str = ""
    trace: str = ""
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)  # leaf -> output of the question
    answer: Answer = field(default_factory=Answer)
    # (leaf, mistake) -> whether the one explains the other: asked often, and slow to find out.
    known: dict[tuple[str, str], bool] = field(default_factory=dict, compare=False, repr=False)

    def wrong_outputs(self, outputs: Collection[str]) -> set[str]:
        """The question's outputs that this case takes points from."""
        if self.verdict == "passed":
            return set()
        if self.verdict != "wrong" or not self.comparisons:
            asked = set() if self.case.verdict else {owner(name, outputs) for name in self.case.returns}
            return asked or set(outputs)
        return {self.owners[leaf] for leaf, comparison in self.comparisons.items() if not comparison.right}


def judge_question(question: BakedQuestion, runner: Runner, properties: Mapping[str, Property]) -> dict[str, Any]:
    """Run all cases of a question and judge them. Returns the question's part of a record."""
    run = QuestionRun(question, runner, properties)
    for case in question.cases:
        run.run(case)
    return run.report()


class QuestionRun:
    """A question under way: its cases are run one by one, within the question's deadline."""

    def __init__(self, question: BakedQuestion, runner: Runner, properties: Mapping[str, Property]) -> None:
        self.question = question
        self.outcomes: list[Outcome] = []
        self._runner = runner
        self._properties = properties
        self._left = question.seconds

    def run(self, case: BakedCase) -> Outcome:
        """Run one case and judge it. After an end such as a missing function, later cases are not run."""
        last = self.outcomes[-1] if self.outcomes else None
        if last is None and self.question.torch and self._runner.is_stub(self.question.module, self._function()):
            outcome = Outcome(case, "not_implemented")
        elif last is not None and (last.verdict in FINAL or last.answer.ended):
            text = "not run, after what happened in the case before"
            outcome = Outcome(case, last.verdict, text, answer=last.answer)
        else:
            outcome = self._ask(case)
        self.outcomes.append(outcome)
        return outcome

    def _function(self) -> str:
        return self.question.calls[0].partition("=")[2].partition("(")[0].strip()

    def _run(self, case: BakedCase, *, measure: bool = False, trace: bool = False) -> Answer:
        question = self.question
        begun = time.monotonic()
        answer, waited = self._runner.ask(
            question.module, case.calls or question.calls, case.inputs, case.returns, layouts=case.layouts,
            torch=question.torch, measure=measure, trace=trace, deadline=begun + self._left,
        )  # fmt: skip
        if not trace:  # watching lines is slow, and not the student's doing
            self._left -= time.monotonic() - begun - waited
        return answer

    def _ask(self, case: BakedCase) -> Outcome:
        question = self.question
        answer = self._run(case, measure=case.budget > 0)
        if answer.verdict == "timed_out":
            text = f"{answer.text} ({question.seconds:g} seconds for all cases of the question)"
            text += self._what_is_slow(case) if answer.text == LATE else ""
            return Outcome(case, answer.verdict, text, answer=answer)
        lost: dict[str, NoValue] = {}
        if answer.verdict in APART and not answer.ended:
            answer, lost = self._ask_apart(case, answer)
        if answer.verdict:
            return Outcome(case, answer.verdict, answer.text, answer.trace, answer=answer)
        try:
            with np.errstate(all="ignore"):  # a wrong value may be as large as it likes
                comparisons, owners = _judge_values(question, case, {**answer.values, **lost}, self._properties)
        except Exception as error:  # the judge's own failure must reach the staff, and never a student's points
            return Outcome(case, "grader_error", f"{type(error).__name__}: {error}", answer=answer)
        right = all(comparison.right for comparison in comparisons.values())
        kept = replace(answer, values={}) if right else _light(answer, case)
        verdict = "passed" if right else "wrong"
        outcome = Outcome(case, verdict, "", answer.trace, comparisons=comparisons, owners=owners, answer=kept)
        return self._within_budget(outcome) if case.budget else outcome

    def _what_is_slow(self, case: BakedCase) -> str:
        """Which of several functions takes most of the time, found by asking one call after another; else ""."""
        calls = _calls_apart(self.question, case)
        taken = {call.function: 0.0 for call in calls}
        self._left = self.question.seconds / 2  # no other case is run after this one
        for index, call in enumerate(calls):
            left = self._left
            answer = self._run(replace(case, calls=_what_it_takes(calls, index), returns=()))
            taken[call.function] += left - self._left
            if answer.verdict == "timed_out":
                break
        return f": {max(taken, key=lambda name: taken[name])} is slow" if taken else ""

    def _ask_apart(self, case: BakedCase, together: Answer) -> tuple[Answer, dict[str, NoValue]]:
        """Ask each call of a case by itself, after one that failed, so that a function does not fall with another.

        Returns what came, and what stands for the rest; the answer to all calls together if they are of one function
        or nothing came.
        """
        calls = _calls_apart(self.question, case)
        if not calls:
            return together, {}
        values: dict[str, Any] = {}
        lost: dict[str, NoValue] = {}
        changed: dict[str, None] = {}
        traces: dict[str, str] = {}
        for index, call in enumerate(calls):
            wanted = tuple(name for name in call.targets if name in case.returns)
            if needed := [lost[name] for name in call.arguments if name in lost]:
                lost |= dict.fromkeys(wanted, needed[0])
                continue
            alone = replace(case, calls=_what_it_takes(calls, index), returns=wanted)
            answer = self._run(alone)
            if answer.verdict not in ("", *APART) or answer.ended:
                return answer, {}
            if answer.verdict:
                lost |= dict.fromkeys(wanted, NoValue(_why(call.function, answer)))
                traces.setdefault(call.function, "" if answer.verdict == "not_implemented" else answer.trace)
            values |= answer.values
            changed |= dict.fromkeys(answer.changed)
        if not values:
            return together, {}
        return Answer(values=values, changed=tuple(changed), trace="".join(traces.values())), lost

    def _within_budget(self, outcome: Outcome) -> Outcome:
        """The outcome of a measured case: a right answer that took too much memory is over budget."""
        case, peak, where = outcome.case, outcome.answer.peak, ""
        if peak is None or (peak > case.budget and not case.hidden):  # a hint is for students, and slow
            traced = self._run(case, measure=True, trace=True)
            peak, where = traced.peak if peak is None else peak, traced.where
        outcome = replace(outcome, answer=replace(outcome.answer, peak=peak))
        if outcome.verdict != "passed" or peak is None or peak <= case.budget:
            return outcome
        text = f"the call took {_megabytes(peak)} of memory at its peak, and the budget is {_megabytes(case.budget)}"
        if _megabytes(peak) == _megabytes(case.budget):
            text += f": it is {-(-(peak - case.budget) // 1024)} KB over"
        smaller = [o for o in self.outcomes if o.answer.peak and o.case.sizes.get("T", 0) < case.sizes.get("T", 0)]
        if smaller:
            other = smaller[-1]
            text += f"; with T = {other.case.sizes['T']} it took {_megabytes(other.answer.peak or 0)}"
        if where:
            text += f". Most of it is held by {where}"
        return replace(outcome, verdict="over_memory", text=text)

    def report(self, outcomes: Sequence[Outcome] | None = None) -> dict[str, Any]:
        """The question's part of a record, from all outcomes or from some."""
        return _report(self.question, self.outcomes if outcomes is None else outcomes)


def _calls_apart(question: BakedQuestion, case: BakedCase) -> list[Call]:
    """The calls of a case if they are of several functions, which can be asked by themselves; else none."""
    calls = [parse_call(text) for text in case.calls or question.calls]
    return calls if len({call.function for call in calls if "." not in call.function}) > 1 else []


def _what_it_takes(calls: Sequence[Call], index: int) -> tuple[str, ...]:
    """The texts of one call and of those before it that give what it needs."""
    needed, texts = set(calls[index].arguments), [calls[index].text]
    for call in reversed(calls[:index]):
        if needed & set(call.targets):
            needed |= set(call.arguments)
            texts.insert(0, call.text)
    return tuple(texts)


def _why(function: str, answer: Answer) -> str:
    """Why a call gave nothing, in a sentence that names its function."""
    if answer.verdict == "not_implemented":
        return f"{function} is not written yet"
    return answer.text if function in answer.text else f"{function} stopped with {answer.text}"


def _light(answer: Answer, case: BakedCase) -> Answer:
    """A wrong answer to keep until the report: copies of its arrays, or where they are far too large their dtype and shape.

    A reply carries up to 64 MB, of which an array is a view, and a submission has more than a hundred cases: a judge
    that kept them all would be ended by the system, and other submissions with it.
    """
    room = (1 << 20) + 4 * sum(array.nbytes for array in _arrays(dict(case.expected)))
    large = sum(array.nbytes for array in _arrays(dict(answer.values))) > room
    return replace(answer, values={name: _kept(value, large) for name, value in answer.values.items()})


def _arrays(value: Any) -> list[np.ndarray[Any, Any]]:
    return [leaf for _, leaf in leaves("", value) if isinstance(leaf, np.ndarray)]


def _kept(value: Any, large: bool) -> Any:
    if isinstance(value, np.ndarray):
        return Opaque(f"an array of dtype {value.dtype} and shape {value.shape}") if large else value.copy()
    if isinstance(value, list | tuple):
        items = [_kept(item, large) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {key: _kept(item, large) for key, item in value.items()}
    return value


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.1f} MB"


def owner(name: str, outputs: Collection[str]) -> str:
    """The output that a value of a case counts for: ``h_later`` counts for ``h``, ``h_last`` for ``h_last``."""
    if name in outputs:
        return name
    fitting = [output for output in outputs if counts_for(name, output)]
    if not fitting:
        raise ValueError(f"value {name} belongs to no output of the question")
    return max(fitting, key=len)


def _judge_values(
    question: BakedQuestion, case: BakedCase, values: Mapping[str, Any], properties: Mapping[str, Property]
) -> tuple[dict[str, Comparison], dict[str, str]]:
    if case.verdict:
        found = properties[case.verdict](values, {**case.inputs, **case.evidence})
        comparisons = {
            name: Comparison(not text, 0.0 if not text else float("inf"), (clean(text),) if text else ())
            for name, text in found.items()
        }
        return comparisons, {name: owner(name, question.outputs) for name in found}
    comparisons, owners = {}, {}
    said: set[str] = set()
    for name, expected in case.expected.items():
        output = owner(name, question.outputs)
        got = values[name]
        if isinstance(got, NoValue):
            reasons = {got.reason} - said  # the same function failed for its other values
            said |= reasons
            comparisons[name], owners[name] = Comparison(False, float("inf"), tuple(map(clean, reasons))), output
            continue
        for leaf, comparison in _compare_value(question, case, name, output, expected, got):
            comparisons[leaf] = comparison
            owners[leaf] = output
    return _told_apart(case, values, comparisons, owners), owners


def _told_apart(
    case: BakedCase, values: Mapping[str, Any], comparisons: Mapping[str, Comparison], owners: Mapping[str, str]
) -> dict[str, Comparison]:
    """The comparisons, where a wrong array that is right for another output says so first."""
    if all(comparison.right for comparison in comparisons.values()):
        return dict(comparisons)
    expected = {leaf: value for leaf in comparisons if isinstance(value := _leaf_of(case.expected, leaf, {}), np.ndarray)}
    told = dict(comparisons)
    for leaf, comparison in comparisons.items():
        if comparison.right:
            continue
        got = _leaf_of(values, leaf, case.expected)
        for other, wanted in expected.items():
            telling = owners[other] != owners[leaf] and wanted.size > 1 and wanted.any()
            if telling and matches(got, wanted, case.tolerances[other][1]):
                text = f"{leaf} holds what is expected of {other}: in which order are they returned?"
                told[leaf] = replace(comparison, findings=(text, *comparison.findings))
                break
    return told


def _compare_value(
    question: BakedQuestion, case: BakedCase, name: str, output: str, expected: Any, got: Any
) -> Iterable[tuple[str, Comparison]]:
    if isinstance(expected, np.ndarray) and (right := same(expected, got, case.tolerances[name][0])) is not None:
        yield name, right
        return
    spec = parse_spec(question.outputs[output])
    parts = dict(leaves(name, expected))
    values = dict(leaves(name, got, expected))
    if set(parts) - set(values):
        kind = "list" if isinstance(expected, list | tuple) else "dict"
        text = f"{name} does not have the parts of a {kind} of {len(parts)}: {', '.join(parts)}"
        yield name, Comparison(False, float("inf"), (text,))
        return
    for index, (leaf, wanted) in enumerate(parts.items()):
        item = spec.items[index] if spec.kind == "list" and index < len(spec.items) else spec
        item = item if item.kind != "list" else Spec("any")
        setting = Setting(_as_called(question, case, leaf), item, case.sizes, question.gates)
        yield leaf, compare(setting, wanted, values[leaf], case.tolerances[leaf])


def _as_called(question: BakedQuestion, case: BakedCase, name: str) -> str:
    """What a value is called in a sentence: its name, or the call that gave it where that has whole numbers alone."""
    for call in map(parse_call, case.calls or question.calls):
        given = [case.inputs.get(argument) for argument in call.arguments]
        if call.targets == (name,) and given and all(type(value) is int for value in given):
            return f"{call.function}({', '.join(map(str, given))})"
    return name


# ---------------------------------------------------------------- naming the mistake


def name_mistakes(question: BakedQuestion, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """For each leaf that is wrong, the names of the known mistakes that explain it, joined by "|".

    A mistake explains a leaf if in every plain case that was compared the student's value is the mistake's, which is
    the right one where the mistake does no harm; and if it explains in that way all of the output that the leaf is a
    part of, for a single number of several is soon met by chance. If several do, those stay that explain the most
    leaves and, of these, those that spoil the fewest: only `db` averaged is not "everything averaged".
    """
    compared = [o for o in outcomes if o.comparisons and not (o.case.verdict or o.case.budget)]
    wrong = sorted({leaf for o in compared for leaf, comparison in o.comparisons.items() if not comparison.right})
    owners = {leaf: output for o in compared for leaf, output in o.owners.items()}
    whole = _explaining_outputs(question, compared, {owners[leaf] for leaf in wrong})
    candidates = {leaf: _candidates(question, compared, leaf) & whole[owners[leaf]] for leaf in wrong}
    candidates = {leaf: _more_than_nan(compared, leaf, found) for leaf, found in candidates.items()}
    candidates = _true_of_all(question, compared, candidates, owners)
    reach = {name: sum(name in found for found in candidates.values()) for name in set().union(*candidates.values())}
    spoils = {name: sum(len(outcome.case.mistakes.get(name, {})) for outcome in compared) for name in reach}
    named = {}
    for leaf, found in candidates.items():
        ranks = {name: (reach[name], -spoils[name]) for name in found}
        kept = sorted(name for name in found if ranks[name] == max(ranks.values()))
        if kept:
            named[leaf] = "|".join(kept)
    return named


def _explaining_outputs(question: BakedQuestion, compared: Sequence[Outcome], outputs: Collection[str]) -> dict[str, set[str]]:
    """For each output, the mistakes that hold for all of it in the plain cases."""
    found = {output: set(question.hints) for output in outputs}
    for outcome in (outcome for outcome in compared if outcome.case.costs == 1.0):
        for leaf, output in outcome.owners.items():
            if found.get(output):
                found[output] = _explaining(outcome, leaf, found[output])
    return found


def _more_than_nan(compared: Sequence[Outcome], leaf: str, names: set[str]) -> set[str]:
    """The candidates for a leaf; where it is but nan or infinity, those that explain all else of these cases too.

    One such number is no evidence: an overflow, a logarithm of zero and a division by zero all end in it.
    """
    failing = [outcome for outcome in compared if leaf in outcome.comparisons and not outcome.comparisons[leaf].right]
    arrays = [as_array(_leaf_of(outcome.answer.values, leaf, outcome.case.expected)) for outcome in failing]
    if not all(array is not None and array.size == 1 and not np.isfinite(array).any() for array in arrays):
        return names
    for outcome in failing:
        for other in outcome.comparisons:
            names = _explaining(outcome, other, names)
    return names


def _true_of_all(
    question: BakedQuestion, compared: Sequence[Outcome], candidates: Mapping[str, set[str]], owners: Mapping[str, str]
) -> dict[str, set[str]]:
    """The candidates without those whose hint speaks of an output that they spoil and the student has otherwise."""
    explained: dict[str, set[str]] = {}
    for leaf, names in candidates.items():
        for name in names:
            explained.setdefault(name, set()).add(owners[leaf])
    lying = set()
    for name, outputs in explained.items():
        spoiled = {owners[leaf] for o in compared for leaf in o.case.mistakes.get(name, {}) if leaf in owners}
        if any(re.search(rf"(?<!\w){re.escape(output)}(?!\w)", question.hints[name]) for output in spoiled - outputs):
            lying.add(name)
    return {leaf: names - lying for leaf, names in candidates.items()}


def _candidates(question: BakedQuestion, compared: Sequence[Outcome], leaf: str) -> set[str]:
    """The mistakes that explain a leaf.

    Plain cases decide. An edge case may tell two mistakes apart, but where it fails for a reason of its own it does
    not unsay them.
    """
    having = [outcome for outcome in compared if leaf in outcome.comparisons]
    # Wrong ones first: few mistakes are left to be held against the others.
    having.sort(key=lambda outcome: (outcome.case.costs < 1.0, outcome.comparisons[leaf].right))
    found, seen = set(question.hints), set[str]()
    for outcome in having:
        explaining = _explaining(outcome, leaf, found)
        if not outcome.comparisons[leaf].right:
            seen |= explaining
        if explaining or outcome.case.costs == 1.0:
            found = explaining
    return found & seen


def _explaining(outcome: Outcome, leaf: str, names: set[str]) -> set[str]:
    """Those of the mistakes whose value of a leaf is the student's in one case."""
    known = outcome.known
    unknown = [name for name in names if (leaf, name) not in known]
    if unknown:
        case, right = outcome.case, outcome.comparisons[leaf].right
        got = None if right else _leaf_of(outcome.answer.values, leaf, case.expected)
        bound = max(case.tolerances[leaf][1], 1e-6) if leaf in case.tolerances else 1e-6
        for mistake in unknown:
            there = _leaf_of(case.mistakes.get(mistake, {}), leaf, {})
            if right or there is _ABSENT:
                known[leaf, mistake] = right and there is _ABSENT
            else:
                known[leaf, mistake] = there is not None and matches(got, there, bound)
    return {name for name in names if known[leaf, name]}


_ABSENT = object()


def _leaf_of(values: Mapping[str, Any], leaf: str, like: Mapping[str, Any]) -> Any:
    """The part of a value that a leaf names, as deep as what is expected goes."""
    for name, value in values.items():
        if name == leaf:
            return value
        if leaf.startswith(name + "["):
            return dict(leaves(name, value, like.get(name, value))).get(leaf, _ABSENT)
    return _ABSENT


def _named_here(outcome: Outcome, leaf: str, named: str) -> str:
    """Those of the names that hold for a wrong leaf in this case too."""
    if not named or outcome.case.verdict:
        return named
    return "|".join(sorted(_explaining(outcome, leaf, set(named.split("|")))))


def _hint(question: BakedQuestion, named: str) -> tuple[str, str]:
    """The mistake and hint for names joined by "|": none if their hints differ."""
    names = named.split("|") if named else []
    hints = {question.hints[name] for name in names}
    return (names[0], hints.pop()) if len(hints) == 1 else ("", "")


# ---------------------------------------------------------------- the record's part


def fingerprint(value: Any) -> str:
    """What a wrong value is known by: 12 digits, the same for two that agree to six significant ones."""
    array = as_array(value)
    if array is None or array.dtype.kind not in "biuf":
        text = value.description if isinstance(value, Opaque) else type(value).__name__
        text = value if isinstance(value, str) else text
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64)
        finite = np.isfinite(wide)
        scale = float(np.abs(wide[finite]).max(initial=0.0)) or 1.0
        # Relative to the largest, so that its size, which comes first, is rounded like the others; + 0.0 for -0.0.
        rounded = np.where(np.isnan(wide), np.nan, np.round(wide / scale, 6) + 0.0)
    head = f"{array.shape} {scale:.5e} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(rounded, "<f8").tobytes()).hexdigest()[:12]


def _report(question: BakedQuestion, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    credits = {
        output: max(0.0, 1.0 - sum(o.case.costs for o in outcomes if output in o.wrong_outputs(question.outputs)))
        for output in question.outputs
    }
    share = question.points / len(credits)
    verdict = min((outcome.verdict for outcome in outcomes), key=ORDER.index)
    # What an edge case has to say is no news where a plain case that the same reader sees fails already.
    failing = {o.case.hidden for o in outcomes if o.case.costs == 1.0 and o.verdict != "passed"}
    everything = name_mistakes(question, outcomes)
    public = name_mistakes(question, [outcome for outcome in outcomes if not outcome.case.hidden])
    return {
        "name": question.name,
        "number": question.number,
        "module": question.module,
        "verdict": verdict,
        "earned": round(share * sum(credits.values()), 2),
        "possible": question.points,
        "optional": question.optional,
        "outputs": [
            {"name": name, "earned": round(share * credit, 4), "possible": round(share, 4)} for name, credit in credits.items()
        ],
        "cases": [
            _case_report(question, o, everything if o.case.hidden else public, False in failing or o.case.hidden in failing)
            for o in outcomes
        ],
    }


def _changed_in_place(outcome: Outcome) -> list[str]:
    """What is said of arrays that a call changed and that are not its own."""
    names = [clean(name, 100) for name in outcome.answer.changed]
    inputs = ", ".join(name for name in names if name in outcome.case.inputs)
    earlier = ", ".join(name for name in names if name not in outcome.case.inputs)
    said = [f"{IN_PLACE}: {inputs}. Work on a copy; no points are lost"] if inputs else []
    if earlier:
        said.append(f"changes what an earlier call returned: {earlier}. Give a new array back each time; no points are lost")
    return said


def _case_report(question: BakedQuestion, outcome: Outcome, named: Mapping[str, str], plain_fails: bool) -> dict[str, Any]:
    case = outcome.case
    values = []
    for leaf, comparison in outcome.comparisons.items():
        entry = {"name": leaf, "right": comparison.right, "findings": list(comparison.findings)}
        if comparison.right:
            values.append(entry | {"mistake": "", "hint": "", "fingerprint": ""})
            continue
        mistake, hint = _hint(question, _named_here(outcome, leaf, named.get(leaf, "")))
        got = _leaf_of(outcome.answer.values, leaf, case.expected)
        mark = fingerprint(" ".join(comparison.findings) if got is _ABSENT else got)
        entry |= {"mistake": mistake, "hint": hint, "fingerprint": mark}
        if comparison.profile and not case.hidden:  # pictures are for students
            entry["profile"] = dict(comparison.profile)
        values.append(entry)
    warnings = [comparison.warning for comparison in outcome.comparisons.values() if comparison.warning]
    warnings += _changed_in_place(outcome) if outcome.verdict in ("passed", "wrong") else []
    # A case with calls of its own compares answers; it has nothing to say of a program that gives none.
    silent = plain_fails or any(value["hint"] for value in values) or (outcome.verdict == "crashed" and bool(case.calls))
    return {
        "name": case.name,
        "hidden": case.hidden,
        "plain": case.costs == 1.0,
        "verdict": outcome.verdict,
        "text": clean(outcome.text),
        "trace": clean(outcome.trace, 4000),
        "hint": case.hint if outcome.verdict in ("wrong", "crashed") and not silent else "",
        "values": values,
        "warnings": warnings,
    }
