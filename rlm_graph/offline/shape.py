"""What the context looks like: the program that looks, and what its one line of output says.

The first cell is a probe, as a careful root model would write one: it samples a few documents and lines and prints one
line of JSON, small enough for the default observation (1000 characters). `read` finds that line in the observation.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from rlm_graph.errors import NeedsLanguageModelError

Format = Literal["text", "pairs", "access", "jsonl", "json", "csv", "rows", "python", "mapping"]

LEVEL_PATTERN = (
    r"^(?:\S+\s+){0,6}?[\[(<|]*(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|CRIT|CRITICAL|FATAL)[\])>|:,]*(?=\s|$)"
)
"""The level at the head of a log line; a word of the message, further right, is none."""

ISO_PATTERN = r"(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?"
ACCESS_PATTERN = (
    r"(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<day>\d\d)/(?P<month>\w{3})/(?P<year>\d{4}):(?P<clock>[\d:]{8})[^\]]*\] "
    r'"(?P<request>(?:(?P<method>[A-Z]+) (?P<path>\S+)[^"]*|[^"]*))" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    r'(?: "(?P<referer>[^"]*)" "(?P<agent>[^"]*)")?'
)
"""Apache's and nginx's common and combined log."""
ACCESS_FIELDS = ("ip", "user", "request", "method", "path", "status", "bytes", "referer", "agent")

SLOT_BEFORE = (
    rf"^[\[(]?{ISO_PATTERN}\S*\s+[\[(|-]*\s*([A-Za-z][\w.-]*)[\])|:-]*\s+"
    r"[\[(<|-]*(?:TRACE|DEBUG|INFO|NOTICE|WARN|ERR|CRIT|FATAL)"
)
SLOT_AFTER = (
    r"^(?:\S+\s+){0,3}?[\[(<|]*(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|CRIT|CRITICAL|FATAL)[\])>|:,]*\s+"
    r"(?:[\[(|-]\s*(?=[\w.-]+\s*[\])|-])|(?=[\w.-]+: ))([A-Za-z][\w.-]*)"
)
"""The component's name between the timestamp and the level, or after the level in brackets, dashes or with a colon."""

PROBE = rf"""import csv
import json
import re
from collections import Counter

if isinstance(context, str):
    kind, docs = "str", [context]
elif isinstance(context, dict):
    kind, docs = "dict", [text for text in context.values() if isinstance(text, str)]
    docs = docs if len(docs) == len(context) else []
else:
    kind, docs = "list", [text for text in context if isinstance(text, str)]
    if len(docs) != len(context):
        kind, docs = ("rows" if all(isinstance(row, dict) for row in context) else "mixed"), []
found = {{"probe": kind, "items": 1 if kind == "str" else len(context), "chars": sum(len(doc) for doc in docs)}}
names = [doc.name for doc in docs] if docs and all(hasattr(doc, "name") for doc in docs) else []
if kind == "dict" and docs:
    names = [str(name) for name in context]
found["named"] = bool(names)

picked = docs[:: max(1, len(docs) // 20)][:20]
sample = []
for doc in picked:
    head = doc[:20000].split("\n")
    sample += [line.rstrip("\r") for line in (head[:-1] if len(doc) > 20000 else head)[:60] if line.strip()]
    middle = doc[len(doc) // 2 : len(doc) // 2 + 20000].split("\n")[1:-1] if len(doc) > 40000 else []
    sample += [line.rstrip("\r") for line in middle[:40] if line.strip()]


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def share(pattern):
    return sum(1 for line in sample if re.search(pattern, line)) / max(1, len(sample))


def header(doc, delimiter):
    rows = list(csv.reader([line for line in doc[:20000].split("\n")[:40] if line.strip()], delimiter=delimiter))
    rows = rows[:-1] if len(doc) > 20000 and len(rows) > 2 else rows
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    fine = all(re.fullmatch(r"[A-Za-z_@#][\w .#/@%()-]{{0,39}}", cell.strip()) for cell in rows[0])
    # A header is unlike its rows; a sentence with commas that repeats is not a table.
    names = [cell.strip() for cell in rows[0]]
    return names if fine and len(set(names)) == len(names) and rows[1] != rows[0] else None


form, fields, delimiter = "text", [], ""
objects = [parsed(line) for line in sample] if share(r"^\s*\{{.*\}}\s*$") >= 0.9 else []
if kind == "rows":
    form, objects = "rows", context[:: max(1, len(context) // 500)][:500]
elif not docs:
    form = "mapping"
elif sum(name.endswith((".py", ".pyi")) for name in names) * 2 > len(docs) or (
    not names and share(r"^\s*(?:(?:async )?def \w+\(|class \w+[(:]|import \w+|from [\w.]+ import )") >= 0.04
    and share(r"^\s*(?:async )?def \w+\(.*|^\s*class \w+.*:$") > 0
):
    form, objects = "python", []
elif objects and sum(isinstance(row, dict) for row in objects) >= 0.9 * len(objects):
    form = "jsonl"
elif all(doc[:1] == "[" and len(doc) < 30_000_000 and isinstance(parsed(doc), list) for doc in picked):
    objects = [row for doc in picked for row in parsed(doc)[:500]]
    form = "json" if objects and all(isinstance(row, dict) for row in objects) else "text"
elif share({ACCESS_PATTERN!r}) >= 0.9:
    form = "access"
else:
    for delimiter in (",", "\t", ";", "|"):
        headers = [header(doc, delimiter) for doc in picked]
        if headers[0] and all(each == headers[0] for each in headers):
            form, fields = "csv", headers[0]
            break
    else:
        delimiter = ""
        equals, colon = r"(?<![\w.&?/-])([A-Za-z_][\w.-]*)=(?=\S)", r"(?<!\S)([A-Za-z_][\w-]*): (?=\S)"
        seen = Counter(key for line in sample for key in set(re.findall(equals, line)))
        often = [key for key, count in seen.most_common() if count > 1 or len(sample) < 20]
        if often and share(equals) >= 0.4:
            form, delimiter, fields = "pairs", "=", often
        else:
            seen = Counter(key for line in sample for key in set(re.findall(colon, line)))
            often = [key for key, count in seen.most_common() if count * 2 >= len(sample) > 6]
            if len(often) > 1:
                form, delimiter, fields = "pairs", ": ", often
if objects:
    seen = Counter(key for row in objects if isinstance(row, dict) for key in row)
    fields = [key for key, count in seen.most_common()]
found["format"], found["delimiter"] = form, delimiter

iso = re.compile({ISO_PATTERN!r})
found["stamp"] = ""
if form in ("text", "pairs") and sample:
    found["stamp"] = "iso" if sum(1 for line in sample if iso.search(line[:100])) * 2 >= len(sample) else ""
    found["level"] = share({LEVEL_PATTERN!r}) >= 0.2
    for slot, pattern in (("before", {SLOT_BEFORE!r}), ("after", {SLOT_AFTER!r})):
        stamped = [line for line in sample if iso.match(line.lstrip("[("))]
        hits = [hit[1] for hit in map(re.compile(pattern).search, stamped) if hit]
        if len(hits) >= 0.9 * len(stamped) > 3 and len(set(hits)) <= max(3, len(hits) // 4):
            found["slot"] = "both" if "slot" in found else slot
kept = []
for key in fields:
    if sum(len(other) + 4 for other in kept) + len(str(key)) > 550:
        found["more"] = len(fields) - len(kept)
        break
    kept.append(str(key))
found["fields"] = kept
print(json.dumps(found))"""


@dataclass(frozen=True)
class Shape:
    """What the probe found."""

    kind: str
    """`str`, `list`, `dict`, `rows` (a list of dicts) or `mixed` (a list of other values)."""
    items: int
    chars: int
    named: bool
    format: Format
    delimiter: str = ""
    """Of a table, or between name and value of pairs."""
    stamp: str = ""
    """`iso`: the lines begin with, or soon have, an ISO timestamp."""
    level: bool = False
    """The lines have a level at their head."""
    slot: str = ""
    """Where the component's name stands: `before` the level, `after` it, `both` (which is it?)."""
    fields: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """The context is a list, or a dict of texts."""
        return self.kind != "str"


def read(observation: str) -> Shape:
    """The shape that the probe printed.

    Raises:
        NeedsLanguageModelError: the observation holds none, because the cell failed or its output was cut.
    """
    match = re.search(r'\{"probe": ', observation)
    try:
        found: dict[str, Any] = json.JSONDecoder().raw_decode(observation, match.start())[0] if match else {}
    except ValueError:
        found = {}
    if not found:
        reason = " ".join(observation.split())[-300:] or "it printed nothing"
        raise NeedsLanguageModelError(
            f"the offline model could not look at the context (is metadata_prefix_chars below 1000?): {reason}"
        )
    return Shape(
        kind=found["probe"],
        items=found["items"],
        chars=found["chars"],
        named=found["named"],
        format=found["format"],
        delimiter=found.get("delimiter", ""),
        stamp=found.get("stamp", ""),
        level=found.get("level", False),
        slot=found.get("slot", ""),
        fields=tuple(found.get("fields", ())),
    )
