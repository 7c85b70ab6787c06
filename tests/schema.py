"""The published schema of records, as tests hold records against it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from .conftest import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "autograder/grading/record.schema.json").read_text("utf-8"))
CHECK = jsonschema.Draft202012Validator(SCHEMA)
