"""Records made by hand, of the form that the published schema says."""

from __future__ import annotations

from typing import Any

AUDIT = {"engine": "2" * 16, "python": "3.12.1", "numpy": "2.1.0", "seed": "memory-in-networks", "hash_seed": "0",
         "questions": {"scale": "3" * 16, "rnn_step": "4" * 16}, "modules": "5" * 64}  # fmt: skip


def record(name: str, total: float = 87.5, **changes: Any) -> dict[str, Any]:
    """A record with two questions, one right and one wrong; students are dicts as an entry's facts give them."""
    value = {"name": "h_t", "right": False, "findings": ["h_t[0] is 1; expected 2"], "mistake": "", "hint": "Which t?",
             "fingerprint": ""}  # fmt: skip
    case = {"name": "small", "hidden": False, "plain": True, "verdict": "wrong", "text": "", "trace": "", "hint": "",
            "values": [value], "warnings": []}  # fmt: skip
    secret = {**case, "name": "wide", "hidden": True, "values": [{**value, "findings": ["SECRET"], "hint": "SECRET"}]}
    outputs = [{"name": "h_t", "earned": 0.0, "possible": 1.0}]
    whole = {"module": "rnn", "optional": False, "outputs": outputs}
    questions = [
        {**whole, "name": "scale", "number": "A1", "verdict": "passed", "earned": total, "possible": 99, "cases": []},
        {**whole, "name": "rnn_step", "number": "B1", "verdict": "wrong", "earned": 0.0, "possible": 1,
         "cases": [case, secret]},
    ]  # fmt: skip
    return {
        "submission": name, "content": "0" * 64, "bundle": "1" * 64, "isolation": "full", "status": "graded", "problem": "",
        "notes": [], "printed": "", "total": total, "possible": 100, "questions": questions, "students": [], "group": "",
        "audit": AUDIT, "submitted_at": "", "late": None, "attempt": 0, "aside": [], **changes,
    }  # fmt: skip


def of(name: str, total: float = 87.5, /, **student: str) -> dict[str, Any]:
    """A record of one student."""
    return record(name, total, students=[student])
