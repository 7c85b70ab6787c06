"""Exports made by hand, with the names that break things; as a folder and as the system's own zip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ..test_intake import make_folder, make_zip, zipped

RNN = b"def rnn_step(): ...\n"
GRU = b"def gru_step(): ...\n"
WORK = {"memnet/rnn.py": RNN, "memory_in_networks.ipynb": b"{}"}
LONG = "n" * 150
HOSTILE = [
    "=cmd|' C calc'!A0", "O'Neil \"Q\"", "佐藤 花子", "\u05d3\u05d5\u05d3 \u202e\u05d1", "CON", LONG, "a;b,c", "@x", "<b>&amp;",
]  # fmt: skip


def under(prefix: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{prefix}/{name}": data for name, data in files.items()}


def laid_out(place: Path, files: Mapping[str, bytes], form: str, name: str = "export") -> Path:
    """The export as a folder, or as a zip; without the names that a folder cannot hold."""
    if form == "zip":
        return make_zip(place / f"{name}.zip", files)
    return make_folder(place / name, {key: data for key, data in files.items() if ".." not in key and "\0" not in key})


both_forms = pytest.mark.parametrize("form", ["folder", "zip"])

GRADESCOPE_YML = """\
---
submission_1001:
  :submitters:
  - :name: Pair One
    :sid: '0200'
    :email: one@school.invalid
  - :name: "=2+2 \\u202e\\u4F50\\u85E4"
    :sid: 0300
  :created_at: 2023-09-21 17:04:05.123456000 Z
  :score: 42.0
  :results: {tests: [{name: rnn_step, score: 1.0, max_score: 4.0}]}
  :history:
  - :created_at: 2023-09-20 10:00:00.000000000 -07:00
    :score: 3.0
  - :created_at: 2023-09-21 17:04:05.123456000 Z
    :score: 42.0
submission_1002:
  :submitters:
  - :name: Solo
    :sid:
    :email: ~
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2023-09-22 01:02:03 Z
7.pdf:
  :submitters:
  - :name: On Paper
submission_1003:
  :submitters: []
"""
GRADESCOPE = {
    "submission_metadata.yml": GRADESCOPE_YML.encode(),
    "__MACOSX/._submission_metadata.yml": b"\0\5\x16\7",
    "__MACOSX/submission_1001/memnet/rnn.py": b"no",
    **under("submission_1001", WORK),
    "submission_1002/work.zip": zipped(WORK),
    "7.pdf": b"%PDF",
    "submission_9999/rnn.py": RNN,
    "stray.txt": b"",
}
CANVAS = {
    "doejane_LATE_4123_99871_rnn.py": b"first",
    "doejane_LATE_4123_99991_rnn-2.py": RNN,
    "doejane_LATE_4123_99880_rnn-1.py": b"second",
    "doejane_LATE_4123_99992_memory_in_networks.ipynb": b"{}",
    "roedan_4200_99873_memnet-final.zip": zipped(WORK),
    "roedan_4200_text.html": b"<p>see the zip</p>",
    "佐藤花子_4300_99874_w_9_9_rnn.py": RNN,
    "o_neil_4301_99875_x_LATE_4123_99999_rnn.py": RNN,
    "_4302_99876_rnn.py": RNN,
    "linkonly_4303_link.html": b"<a>",
    "stray.txt": b"",
}
CANVAS_ANONYMOUS = {
    "anon_a1B2c_99871_rnn.py": RNN,
    "LATE_anon_Zz9_99872_7_rnn.py": RNN,
    "anon_Qq1_99873_hw_2024_11_16T12_34_56_789.zip": zipped(WORK),
}
MOODLE = {
    **under("Jane Doe_657717_assignsubmission_file", WORK),
    **under("Jo =1+1_657718_assignsubmission_file_", WORK),
    "佐藤 花子_657719_assignsubmission_file_rnn.py": RNN,
    "佐藤 花子_657719_assignsubmission_file_gru.py": GRU,
    "Eve_657720_assignsubmission_file_x_657717_assignsubmission_file_rnn.py": RNN,
    "Dan Roe_657721_assignsubmission_file_work.zip": zipped(WORK),
    "Dan Roe_657721_assignsubmission_onlinetext/onlinetext.html": b"<p>",
    "Text Only_657722_assignsubmission_onlinetext/onlinetext.html": b"<p>",
    "stray.txt": b"",
}
MOODLE_BLIND = {f"Teilnehmer_{n}_assignsubmission_file_rnn.py": RNN for n in (11, 12, 13)}
NBGRADER = {
    **under("submitted/jdoe/hw1", WORK),
    "submitted/jdoe/hw1/timestamp.txt": b"2015-02-02 14:58:23.948203 America/Los_Angeles\n",
    **under("submitted/o'neil b/hw1", WORK),
    "submitted/o'neil b/hw1/timestamp.txt": b"2015-02-02 14:58:23 UTC",
    **under("submitted/late/hw1", WORK),
    "submitted/late/hw1/timestamp.txt": b"2015-02-02 14:58:23 ../../etc/passwd",
    "gradebook.db": b"",
    "autograded/jdoe/hw1/x.ipynb": b"",
}
GITHUB = {
    **under("rnn-hw-anna-b", WORK),
    "rnn-hw-anna-b/.git/config": b"[core]",
    **under("rnn-hw-anna-c", WORK),
    "rnn-hw-anna-c/.git/HEAD": b"ref: x",
    "rnn-hw-anna-c/.git/memnet/rnn.py": b"no",
}
OTTER = {
    "student-017.ipynb": b"{}",
    "student-018.zip": zipped(WORK),
    "hw_2024_05_06T12_34_56_789.zip": zipped(WORK),
    "notes.txt": b"",
}
PLAIN = {
    **{f"{name}/memnet/rnn.py": RNN for name in HOSTILE},
    "anna.zip": zipped(WORK),
    "Anna.zip": zipped(WORK),
    "re\u0301mi/memnet/rnn.py": RNN,
    "r\u00e9mi/memnet/rnn.py": RNN,
    "nested.zip": zipped({"x/inner.zip": zipped(WORK)}),
    "../outside/memnet/rnn.py": RNN,
    "nul\0/memnet/rnn.py": RNN,
    "readme.txt": b"",
}
