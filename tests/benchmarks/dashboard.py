"""How long the dashboard of 200 and of 2,000 submissions takes to make, open, sort and filter, in headless Chromium.

    python tests/benchmarks/dashboard.py

Submissions are made of the records in build/results (`make demo` writes them), a question each from another one.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from autograder.grading import dashboard

ROUNDS = 5
STEPS = """() => {
  const times = [], settle = () => document.body.offsetHeight;
  let begun = performance.now();
  const lap = () => { settle(); times.push(performance.now() - begun); begun = performance.now(); };
  document.querySelectorAll("#people thead button")[2].click(); lap();
  const text = document.getElementById("filter").elements.text;
  text.value = "19"; text.dispatchEvent(new Event("input", {bubbles: true})); lap();
  return times;
}"""


def a_class(records: list[dict[str, Any]], count: int) -> list[dashboard.Facts]:
    draw = random.Random(1)
    graded = [record for record in records if record["status"] == "graded"]
    people = []
    for i in range(count):
        record = {**draw.choice(records), "submission": f"student-{i:04d}"}
        if record["status"] == "graded":
            questions = [draw.choice(graded)["questions"][k] for k in range(len(record["questions"]))]
            record |= {"questions": questions, "total": round(sum(q["earned"] for q in questions), 2)}
        people.append(dashboard.facts(record))
    return people


def main() -> int:
    records = [json.loads(path.read_bytes()) for path in sorted(Path("build/results/records").glob("*.json"))]
    if not records:
        print("build/results holds no records; run 'make demo'", file=sys.stderr)
        return 2
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    whole = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for count in (200, 2000):
            people = a_class(records, count)
            begun = time.monotonic()
            parts = {letter: letter for letter in "ABCDEFGO"}
            text = dashboard.page(people, {p.name: p.name for p in people}, title="Benchmark", parts=parts)
            made = time.monotonic() - begun
            path = Path(folder) / f"{count}.html"
            path.write_text(text, encoding="utf-8")
            laps = []
            for _ in range(ROUNDS):
                page = browser.new_page()
                begun = time.monotonic()
                page.goto(path.as_uri())
                page.evaluate("document.body.offsetHeight")
                laps.append([time.monotonic() - begun, *(lap / 1000 for lap in page.evaluate(STEPS))])
                page.close()
            opened, sorted_, filtered = (min(column) for column in zip(*laps, strict=True))
            whole[count] = made + opened + sorted_ + filtered
            print(f"{count} submissions, {len(text) / 2**20:.1f} MB: made in {made:.2f} s, opened in {opened:.2f} s, "
                  f"sorted in {sorted_:.2f} s, filtered in {filtered:.2f} s (best of {ROUNDS})")  # fmt: skip
        browser.close()
    print(f"ten times as many take {whole[2000] / whole[200]:.1f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main())
