"""Reads what a sandbox sent back: checks every record's shape and builds outputs anew from what is allowed.

Owns nbformat's output types; refuses everything else. The sender ran a student's code and may lie.
"""

from __future__ import annotations

import json
from typing import Any

from grader.sandbox.base import CellRun

STREAMS = ("stdout", "stderr")
MOST_OUTPUTS = 2000


def read_record(line: bytes) -> dict[str, Any] | None:
    """One record, or None where the line is not a JSON object."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def read_cell(record: dict[str, Any]) -> tuple[int, CellRun] | None:
    """The cell a record is about, or None where it is malformed."""
    index, raw = record.get("cell"), record.get("outputs")
    if type(index) is not int or not isinstance(raw, list):
        return None
    count = record.get("execution_count")
    outputs = [clean for output in raw[:MOST_OUTPUTS] if (clean := read_output(output)) is not None]
    timing = record.get("timing")
    return index, CellRun(
        outputs=outputs,
        execution_count=count if type(count) is int else None,
        timing=_texts(timing) if isinstance(timing, dict) else {},
    )


def read_output(raw: Any) -> dict[str, Any] | None:
    """An nbformat 4 output made from `raw`, or None where it is none."""
    if not isinstance(raw, dict):
        return None
    kind = raw.get("output_type")
    if kind == "stream":
        name, text = raw.get("name"), raw.get("text")
        if name not in STREAMS or not isinstance(text, str):
            return None
        return {"output_type": "stream", "name": name, "text": text}
    if kind == "error":
        lines = raw.get("traceback")
        return {
            "output_type": "error",
            "ename": str(raw.get("ename", "")),
            "evalue": str(raw.get("evalue", "")),
            "traceback": [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else [],
        }
    if kind in ("display_data", "execute_result"):
        data, metadata = raw.get("data"), raw.get("metadata")
        output: dict[str, Any] = {
            "output_type": kind,
            "data": _bundle(data) if isinstance(data, dict) else {},
            "metadata": metadata if isinstance(metadata, dict) else {},
        }
        if kind == "execute_result":
            count = raw.get("execution_count")
            output["execution_count"] = count if type(count) is int else None
        return output
    return None


def _bundle(data: dict[str, Any]) -> dict[str, Any]:
    """A MIME bundle: text for every type, any JSON for the JSON types."""
    kept: dict[str, Any] = {}
    for kind, value in data.items():
        if isinstance(value, list) and all(isinstance(line, str) for line in value):
            value = "".join(value)
        if isinstance(value, str) or kind == "application/json" or kind.endswith("+json"):
            kept[kind] = value
    return kept


def _texts(raw: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in raw.items() if isinstance(value, str)}


def read_updates(record: dict[str, Any], known: set[int]) -> dict[int, list[dict[str, Any]]]:
    """New outputs of earlier cells; only of those in `known`, which ran where the record comes from."""
    raw = record.get("updates")
    found: dict[int, list[dict[str, Any]]] = {}
    for key, outputs in raw.items() if isinstance(raw, dict) else ():
        if key.isdecimal() and int(key) in known and isinstance(outputs, list):
            found[int(key)] = [clean for output in outputs[:MOST_OUTPUTS] if (clean := read_output(output)) is not None]
    return found


def read_evidence(record: dict[str, Any]) -> dict[str, Any]:
    """What the judge side noted about a test."""
    raw = record.get("evidence")
    return raw if isinstance(raw, dict) else {}
