"""The parts that programs are made of: functions that a cell defines when it needs them.

They are text, because they run in the REPL and not here. `PARTS` is ordered by use; `NEEDS` says which part or import
another one calls. `fill` puts values into a template.
"""

from __future__ import annotations

import re
from textwrap import dedent, indent

from rlm_graph.offline.shape import ACCESS_PATTERN, ISO_PATTERN, LEVEL_PATTERN, SLOT_AFTER, SLOT_BEFORE


def fill(template: str, **values: object) -> str:
    """The template with each `«name»` replaced; a value of several lines is indented as its place is.

    A line that holds nothing but an empty value is dropped.
    """
    filled: list[str] = []
    for line in dedent(template).strip("\n").split("\n"):
        alone = re.fullmatch(r"( *)«(\w+)»", line)
        if alone:
            text = str(values[alone[2]])
            filled += [indent(text, alone[1])] if text else []
        else:
            filled.append(re.sub(r"«(\w+)»", lambda hit: str(values[hit[1]]), line))
    return "\n".join(filled)


PARTS = {
    "blocks": '''
        def blocks(text, size=1 << 20):
            """Whole lines, about `size` characters at a time."""
            start = 0
            while start < len(text):
                end = start + size
                if end < len(text):
                    end = text.rfind("\\n", start, end) + 1 or text.find("\\n", end) + 1 or len(text)
                yield text[start:end]
                start = end
    ''',
    "lines": """
        def lines(text):
            for block in blocks(text):
                yield from block.replace("\\r\\n", "\\n").removesuffix("\\n").split("\\n")
    """,
    "parsed": """
        def parsed(line):
            try:
                row = json.loads(line)
            except ValueError:
                return None
            return row if isinstance(row, dict) else None
    """,
    "table": """
        uneven = [0]


        def table(doc):
            rows = csv.reader(lines(doc), delimiter=«delimiter»)
            header = [cell.strip() for cell in next(rows, [])]
            if header[:«width»] != «header»:
                raise LookupError("NOTHING: the tables do not all have the same columns")
            for row in rows:
                if len(row) == len(header):
                    yield row
                elif row:
                    uneven[0] += 1
    """,
    "access": f"ACCESS = re.compile({ACCESS_PATTERN!r})",
    "months": """
        MONTHS = {"Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06",
                  "Jul": "07", "Aug": "08", "Sep": "09", "Oct": "10", "Nov": "11", "Dec": "12"}
    """,
    "level_of": f"""
        LEVEL = re.compile({LEVEL_PATTERN!r})


        def level_of(line):
            hit = LEVEL.search(line)
            return hit[1] if hit else ""
    """,
    "slot_of": """
        SLOT = re.compile(«pattern»)


        def slot_of(line):
            hit = SLOT.search(line)
            return hit[1] if hit else None
    """,
    "pair": """
        «constant» = re.compile(«pattern»)


        def «function»(line):
            hit = «constant».search(line)
            return hit[1].strip('"') if hit else None
    """,
    "number": '''
        NUMBER = re.compile(r"\\s*[$€£]?(-?\\d+(?:,\\d{3})*(?:\\.\\d+)?(?:[eE][-+]?\\d+)?)\\s*([A-Za-zµ%]*)\\s*")


        def number(value, units=None):
            """The number in 12, "12.5ms" or "$1,200"; None if it is none."""
            if isinstance(value, bool) or value is None:
                return None
            if isinstance(value, (int, float)):
                return value
            hit = NUMBER.fullmatch(str(value))
            if hit is None:
                return None
            if units is not None:
                units.add(hit[2])
            digits = hit[1].replace(",", "")
            return int(digits) if digits.lstrip("-").isdigit() else float(digits)
    ''',
    "comparable": """
        def comparable(value):
            found = number(value)
            return float("nan") if found is None else found  # no comparison with nan is true
    """,
    "show": """
        def show(value):
            return f"{value:,}" if isinstance(value, int) else f"{round(value, 4):,}".removesuffix(".0")
    """,
    "stamp_of": f"""
        STAMP = re.compile({ISO_PATTERN!r})


        def stamp_of(text):
            hit = STAMP.search(text)
            return hit[0].replace("T", " ") if hit else ""
    """,
    "time_of": '''
        def time_of(value):
            """2024-03-01 12:00:00 from an ISO time, or from seconds or milliseconds since 1970, in UTC."""
            seconds = number(value)
            if seconds is None or seconds < 100_000_000:
                return stamp_of(str(value))
            seconds = seconds / 1000 if seconds > 100_000_000_000 else seconds
            return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    ''',
    "excerpt": """
        def excerpt(line, needle=""):
            if len(line) <= 400:
                return line.strip()
            at = max(0, line.lower().find(needle.lower()) - 150)
            return ("..." if at else "") + line[at : at + 300].strip() + "..."
    """,
    "ranked": '''
        def ranked(counts, limit, least=False):
            """The first `limit` keys by count, and all that tie with the last of them."""
            order = sorted(counts.items(), key=lambda item: (item[1] if least else -item[1], str(item[0])))
            edge = order[min(limit, len(order)) - 1][1]
            return [(key, n) for key, n in order if (n <= edge if least else n >= edge)]
    ''',
    "quantile": '''
        def quantile(counts, percent):
            """By nearest rank; the median of an even number of values is the mean of the middle two."""
            total = sum(counts.values())
            ranks = [(total + 1) // 2, total // 2 + 1] if percent == 50 else [max(1, -(-total * percent // 100))]
            found, passed = [], 0
            for value in sorted(counts):
                passed += counts[value]
                while len(found) < len(ranks) and ranks[len(found)] <= passed:
                    found.append(value)
            return found[0] if found[0] == found[-1] else sum(found) / len(found)
    ''',
    "one_unit": """
        def one_unit(units, field):
            if len(units) > 1:
                different = ", ".join(sorted(unit or "none" for unit in units))
                raise LookupError(f"NOTHING: the values of {field} have different units: {different}")
            return "".join(unit if unit == "%" else " " + unit for unit in units if unit)
    """,
    "words": """
        WORD = re.compile(r"[^\\W\\d_]+(?:['\\u2019][^\\W\\d_]+)*")


        def words(text):
            for block in blocks(text):
                yield from WORD.findall(block.lower())
    """,
    "bare": '''
        CODE = re.compile(
            r"""('{3}|"{3})(?:[^\\\\]|\\\\.)*?\\1|'(?:[^'\\\\\\n]|\\\\.)*'|"(?:[^"\\\\\\n]|\\\\.)*"|#[^\\n]*|\\\\\\n""",
            re.DOTALL,
        )


        def bare(source):
            """Python code with its strings and comments blanked out: what is left is code."""
            return CODE.sub(lambda hit: " " if hit[0] == "\\\\\\n" or hit[0][0] == "#" else "''", source)
    ''',
    "amount": """
        def amount(n):
            return f"{n:,} " + («one» if n == 1 else «many»)
    """,
}

NEEDS = {
    "lines": ("blocks",),
    "words": ("blocks", "import re"),
    "parsed": ("import json",),
    "table": ("import csv", "lines"),
    "access": ("import re",),
    "level_of": ("import re",),
    "slot_of": ("import re",),
    "pair": ("import re",),
    "number": ("import re",),
    "comparable": ("number",),
    "stamp_of": ("import re",),
    "time_of": ("stamp_of", "number", "from datetime import datetime, timezone"),
    "bare": ("import re",),
}

SLOTS = {"before": SLOT_BEFORE, "after": SLOT_AFTER}

LOOKED_UP = """
    if not found:
        raise LookupError("NOTHING: no value is stated for " + «subject»)
    if len(found) > 20:
        raise LookupError(f"NOTHING: {len(found):,} different values are stated for " + «subject»)
    told = [f"{value} ({place})" for value, place in found.items()]
    FINAL(told[0] if len(told) == 1 else f"{len(told)} different values are stated:\\n" + "\\n".join(told))
"""

IN_TEXT = '''
    STATED = re.compile(«pattern», re.IGNORECASE)
    LEAD = re.compile(r"(?:^|[^\\w\\s]|\\b(?:the|an?|our|my|your|its|their|his|her))[\\s\\"'*`_]*$", re.IGNORECASE)


    def value_in(verb, rest):
        """The value that is stated: short, and of the form of a value; None for a sentence that only goes on."""
        quoted = re.match(r"\\"([^\\"]+)\\"|'([^']+)'|`([^`]+)`", rest)
        if quoted:
            return quoted[1] or quoted[2] or quoted[3]
        if verb == "=":
            return re.split(r"[\\s,;]", rest)[0].strip("\\"'") or None
        value = re.split(r"[.;!?](?=\\s|$)|,(?=\\s)|\\s#|,$", rest)[0].strip(" *`\\"'}])")
        words = value.split()
        if not words or words[0].lower() in ("not", "no", "unknown", "a", "an", "the", "to", "in", "that"):
            return None
        if verb.strip() in ("=", ":", "->", "=>"):
            return value if len(words) <= 12 else None
        number = re.fullmatch(r"[$€£]?-?\\d[\\d,.:/-]*\\S{0,3}", words[0]) and len(words) <= 3
        name = len(words) <= 6 and all(word[0].isupper() or word[0].isdigit() for word in words)
        token = len(words) == 1 and not words[0].isalpha()
        return value if number or name or token else None


    found = {}
    for i, doc in enumerate(docs):
        for hit in STATED.finditer(doc):
            start = doc.rfind("\\n", max(0, hit.start() - 500), hit.start()) + 1 or max(0, hit.start() - 500)
            lead = doc[start : hit.start()]
            # "the read timeout is" says nothing about "the timeout"; "a=1 timeout=2" does.
            if not LEAD.search(lead) and not (hit["verb"] == "=" and lead[-1:].isspace()):
                continue
            value = value_in(hit["verb"], hit["rest"])
            if value:
                end = doc.find("\\n", hit.end())
                end = hit.end() if end < 0 else min(end, hit.start() + 250)
                found.setdefault(value, «document» + excerpt(lead[-80:] + doc[hit.start() : end]))
    «looked_up»
'''

IN_MAPPING = '''
    def plain(text):
        return " ".join(str(text).replace("_", " ").replace("-", " ").lower().split())


    def walk(value, path):
        """Every path to a value of the structure, with the value."""
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, [*path, plain(key)])
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner, path)
        else:
            yield path, value


    subject, attribute, owner = plain(«subject»), plain(«attribute»), plain(«owner»)
    found = {}
    for path, value in walk(context, []):
        if path and (path[-1] == subject or (attribute and path[-1] == attribute and owner in path[:-1])):
            found.setdefault(str(value), ".".join(path))
    «looked_up»
'''
