"""One program while it is written: its parts, the fields of the context, the conditions, the loop over the records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from rlm_graph.errors import NeedsLanguageModelError
from rlm_graph.offline import question as q
from rlm_graph.offline.shape import ACCESS_FIELDS, Shape
from rlm_graph.offline.snippets import NEEDS, PARTS, SLOTS, fill

DOCUMENT_WORDS = {"file", "document", "doc", "module", "article", "page", "text", "source", "python file", "log file"}
STRETCHES = {"year": 4, "month": 7, "day": 10, "date": 10, "hour": 13, "minute": 16}
"""How many characters of `2024-03-01 12:00:00` name the stretch of time."""

_COMPONENT_WORDS = {"service", "component", "logger", "app", "application", "module"}
_UNIT_SUFFIX = re.compile(r" (?:ms|s|sec|secs|seconds|us|ns|millis|milliseconds|bytes|kb|mb|usd|eur|pct|percent)$")
_OTHER_NAMES = [
    {"latency", "duration", "elapsed", "response time", "request time", "took", "time taken", "dur", "rt"},
    {"service", "svc", "service name", "app", "application", "component"},
    {"host", "hostname", "server", "node", "machine", "host name"},
    {"user", "username", "user name", "user id", "userid", "uid", "login"},
    {"ip", "client ip", "remote addr", "ip address", "remote ip", "src ip", "source ip", "addr", "client"},
    {"status", "status code", "code", "http status", "response code"},
    {"level", "severity", "lvl", "loglevel", "log level", "levelname"},
    {"path", "url", "uri", "endpoint", "route", "page", "request path"},
    {"method", "http method", "verb", "request method"},
    {"bytes", "size", "bytes sent", "response size", "body bytes sent", "response bytes"},
    {"time", "timestamp", "ts", "datetime", "date", "@timestamp", "created at", "when", "t", "date time", "day"},
    {"agent", "user agent", "useragent"},
]


def _plain_name(name: str) -> str:
    return re.sub(r"[\s_.-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip().lower()


def _fitting(name: str, fields: Iterable[str]) -> list[str]:
    """Fields that a name may mean: by the same name, else without the unit, else by another name for it."""
    wanted = _plain_name(name)
    names = {wanted, q.singular(wanted)}
    others = next((group for group in _OTHER_NAMES if names & group), set())
    kinds: list[Callable[[str], bool]] = [
        lambda field: field in names,
        lambda field: _UNIT_SUFFIX.sub("", field) in names,
        lambda field: field in others or _UNIT_SUFFIX.sub("", field) in others,
    ]
    known = {field: _plain_name(field) for field in fields}
    for fits in kinds:
        if found := [field for field, plain in known.items() if fits(plain)]:
            return found
    return []


class Writer:
    """The parts of one program, gathered while it is written; what the context cannot give is refused here."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.body = ""
        self._imports: set[str] = set()
        self._parts: dict[str, str] = {}
        self._only_document = ""

    # --- the program's parts ----------------------------------------------------------------------------------------

    def need(self, *names: str) -> None:
        """Parts, and imports (`import re`), that the body calls."""
        for name in names:
            if name.startswith(("import ", "from ")):
                self._imports.add(name)
            else:
                self.need(*NEEDS.get(name, ()))
                self._parts.setdefault(name, fill(PARTS[name]))

    def define(self, name: str, part: str = "", **values: object) -> str:
        """A part with values of this question in it; returns its name."""
        self.need(*NEEDS.get(part or name, ()))
        self._parts[name] = fill(PARTS[part or name], **values)
        return name

    def constant(self, name: str, value: str) -> str:
        """A constant of the program; a second one of that name gets a number. Returns the name."""
        text = f"{name} = {value}"
        same = [known for known in self._parts if re.fullmatch(rf"{name}_?\d*", known)]
        for known in same:
            if self._parts[known].partition(" = ")[2] == value:
                return known
        name = f"{name}_{len(same) + 1}" if same else name
        self._parts[name] = text.replace(text.partition(" = ")[0], name, 1)
        return name

    def code(self) -> str:
        """The whole program."""
        head = sorted(self._imports, key=lambda line: (line.startswith("from"), line))
        constants = [text for text in self._parts.values() if "\n" not in text]
        functions = [f"\n{text}\n" for text in self._parts.values() if "\n" in text]
        groups = ["\n".join(head), "\n".join(constants), *functions, self._documents(), self.body]
        return re.sub(r"\n{3,}", "\n\n\n", "\n".join(group for group in groups if group)).strip()

    def _documents(self) -> str:
        shape = self.shape
        if shape.format == "mapping":
            return ""
        if shape.format == "rows":
            return 'docs, names = [context], ["context"]'
        if shape.kind == "str":
            return 'docs, names = [context], ["the text"]'
        if shape.kind == "dict":
            code = "docs, names = list(context.values()), [str(name) for name in context]"
        elif shape.named:
            code = "docs, names = context, [doc.name for doc in context]"
        else:
            code = 'docs, names = context, [f"context[{i}]" for i in range(len(context))]'
        if not self._only_document:
            return code
        return fill(
            """
            «code»
            chosen = [i for i, name in enumerate(names) if ("/" + name).endswith("/" + «wanted»)]
            if not chosen:
                raise LookupError("NOTHING: no document is named " + «wanted»)
            docs, names = [docs[i] for i in chosen], [names[i] for i in chosen]
            """,
            code=code,
            wanted=repr(self._only_document),
        )

    # --- what the context has to be ---------------------------------------------------------------------------------

    def restrict(self, where: q.Where) -> q.Where:
        """Takes a document's name out of the conditions: the program opens no other document."""
        for condition in where:
            if isinstance(condition, q.InDocument):
                if not self.shape.named:
                    raise NeedsLanguageModelError(f"the context has no named documents, so none is {condition.name!r}")
                self._only_document = condition.name
        return tuple(each for each in where if not isinstance(each, q.InDocument))

    def need_text(self) -> None:
        """Refuses a structure of values."""
        if self.shape.format in ("rows", "mapping"):
            raise NeedsLanguageModelError("the context is a structure of values and has no lines of text")

    def need_documents(self) -> None:
        """Refuses a context that is one text: the question is about several."""
        self.need_text()
        if self.shape.kind == "str":
            raise NeedsLanguageModelError(
                'the context is one text, not several documents; ask for its lines, for example: find "..."'
            )

    def need_one_document(self) -> None:
        """Refuses several documents of which none is named."""
        self.need_text()
        if self.shape.items > 1 and self.shape.kind != "str" and not self._only_document:
            raise NeedsLanguageModelError("there are several documents: say of which, like: first 5 lines of app.log")

    def need_python(self) -> None:
        """Refuses what is no Python source."""
        if self.shape.format != "python":
            raise NeedsLanguageModelError("the question is about Python code, and the context is no Python source")

    def as_text(self) -> None:
        """From here on the records are lines of text, whatever their format."""
        self.shape = replace(self.shape, format="text", stamp="", level=False, slot="", fields=())

    # --- records and their fields -----------------------------------------------------------------------------------

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the records are known to have."""
        return ACCESS_FIELDS if self.shape.format == "access" else self.shape.fields

    def find_field(self, name: str) -> str | None:
        """The one field that a name means, or None; several that fit equally well are refused."""
        found = _fitting(name, self.fields)
        if len(found) > 1:
            raise NeedsLanguageModelError(f"{name!r} may mean {' or '.join(found)}: use the name of the field")
        return found[0] if found else None

    def field(self, name: str, *, literal: bool = False) -> tuple[str, str]:
        """A field's own name, and the expression for its value in a record."""
        found = self.find_field(name)
        if found is None and literal and self.shape.format == "pairs":
            found = name  # written `name=value`: it may be too rare for the sample
        if found is None and self.shape.slot and _plain_name(name) in _COMPONENT_WORDS:
            if self.shape.slot == "both":
                raise NeedsLanguageModelError(f"two parts of the lines may be the {name}")
            self.define("slot_of", pattern=repr(SLOTS[self.shape.slot]))
            return name, "slot_of(line)"
        if found is None:
            there = ", ".join(self.fields[:15]) or "none was found"
            raise NeedsLanguageModelError(f"the context has no field {name!r} (fields: {there})")
        if self.shape.format == "pairs":
            return found, f"{self._pair(found)}(line)"
        if self.shape.format == "access":
            return found, f'hit["{found}"]'
        if self.shape.format == "csv":
            return found, f"row[{self.shape.fields.index(found)}]"
        return found, f"row.get({found!r})"

    def _pair(self, field: str) -> str:
        identifier = re.sub(r"\W", "_", field)
        # In `path=/a?service=x` the second pair is part of the first one's value.
        before = r"(?<![\w.&?/-])" if self.shape.delimiter == "=" else r"(?<!\S)"
        pattern = before + re.escape(field) + self.shape.delimiter + r'("[^"]*"|[^\s,;]*)'
        function = f"get_{identifier}"
        return self.define(
            function, "pair", function=function, constant=f"{identifier.upper()}_FIELD", pattern=repr(pattern)
        )

    def level(self) -> str:
        """The expression for a record's level, in capitals."""
        if found := self.find_field("level"):
            return f'str({self.field(found)[1]} or "").upper()'
        if not self.shape.level:
            raise NeedsLanguageModelError(
                'no log level was found in the lines; to search for the word, ask: how many lines contain "ERROR"'
            )
        self.need("level_of")
        return "level_of(line)"

    def has_stamp(self) -> bool:
        """Whether the records have a timestamp."""
        if self.shape.format in ("jsonl", "json", "csv", "rows"):
            return len(_fitting("timestamp", self.fields)) == 1
        return self.shape.format == "access" or self.shape.stamp == "iso"

    def stamp(self) -> str:
        """The expression for a record's timestamp, `2024-03-01 12:00:00`, or "" without one."""
        if self.shape.format == "access":
            self.need("months")
            return "f\"{hit['year']}-{MONTHS[hit['month']]}-{hit['day']} {hit['clock']}\""
        if self.shape.format in ("jsonl", "json", "csv", "rows"):
            field = self.find_field("timestamp")
            if field is None:
                raise NeedsLanguageModelError("the records have no field with a time")
            self.need("time_of")
            return f"time_of({self.field(field)[1]})"
        if self.shape.stamp != "iso":
            raise NeedsLanguageModelError("the lines have no timestamps, like 2024-03-01 12:00:00, to compare")
        self.need("stamp_of")
        return "stamp_of(line)"

    def is_document(self, key: str) -> bool:
        """Whether a key means the document, and not a field of that name."""
        return key in DOCUMENT_WORDS and not _fitting(key, self.fields)

    def key(self, name: str) -> str:
        """The expression for what records are grouped by."""
        if name == "level":
            return self.level()
        if self.is_document(name):
            self.need_documents()
            return "names[i]"
        if name in STRETCHES:
            return f"{self.stamp()}[:{STRETCHES[name]}]"
        return self.field(name)[1]

    @property
    def missing(self) -> str:
        """The values of a field that are none."""
        return '(None, "", "-")' if self.shape.format == "access" else '(None, "")'

    # --- conditions -------------------------------------------------------------------------------------------------

    def tests(self, where: q.Where) -> list[str]:
        """Expressions that are true for the records that the conditions mean, the cheapest first."""
        order = (q.Text, q.Level, q.Compare, q.Span)
        return [self._test(each) for kind in order for each in where if isinstance(each, kind)]

    def _test(self, condition: q.Condition) -> str:
        if isinstance(condition, q.Text):
            return self._text_test(condition)
        if isinstance(condition, q.Level):
            return f"{self.level()} in {condition.spellings!r}"
        if isinstance(condition, q.Compare):
            _, value = self.field(condition.field, literal=condition.literal_name)
            if condition.op in ("=", "!="):
                sign = "==" if condition.op == "=" else "!="
                if condition.literal_name:
                    return f"str({value}) {sign} {condition.value!r}"
                return f"str({value}).lower() {sign} {condition.value.lower()!r}"
            self.need("comparable")
            return f"comparable({value}) {condition.op} {condition.value}"
        assert isinstance(condition, q.Span), condition
        part = {"stamp": "", "day": "[5:10]", "clock": "[11:]"}[condition.part]
        return f"{condition.low or '0'!r} <= {self.stamp()}{part} < {condition.high!r}"

    def _text_test(self, text: q.Text) -> str:
        line = f"{self.line()}.lower()" if text.any_case else self.line()
        needle = text.needle.lower() if text.any_case else text.needle
        if text.how == "part":
            return f"{needle!r} {'not in' if text.negated else 'in'} {line}"
        if text.how == "word":
            return f"{self.pattern(text)}.search({self.line()}) is {'None' if text.negated else 'not None'}"
        return f"{'not ' * text.negated}{line}.{text.how}swith({needle!r})"

    def pattern(self, text: q.Text) -> str:
        """The name of a compiled pattern for a text; a space in it also matches a line end."""
        self.need("import re")
        regex = r"\s+".join(re.escape(word) for word in text.needle.split()) or re.escape(text.needle)
        if text.how == "word":
            before = r"(?<!\w)" if text.needle[0].isalnum() else ""
            after = r"(?!\w)" if text.needle[-1].isalnum() else ""
            regex = before + regex + after
        return self.constant("NEEDLE", f"re.compile({regex!r}{', re.IGNORECASE' * text.any_case})")

    def years(self, where: q.Where) -> tuple[str, str]:
        """Action and check for a day without its year: it is only clear if the data knows one year."""
        if not any(isinstance(each, q.Span) and each.part == "day" for each in where):
            return "", ""
        check = """
            if len(years) > 1:
                raise LookupError("NOTHING: that day is in several years: " + ", ".join(sorted(years)))
        """
        return f"years.add({self.stamp()}[:4])", fill(check)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def line(self) -> str:
        """The expression for the text of a record."""
        if self.shape.format == "csv":
            return '"\\n".join(row)'
        if self.shape.format in ("json", "rows"):
            self.need("import json")
            return "json.dumps(row, ensure_ascii=False, default=str)"
        return "line"

    def shown(self) -> str:
        """The expression for a record as an answer shows it."""
        return '", ".join(row)' if self.shape.format == "csv" else self.line()

    def place(self) -> str:
        """The expression for where a record is: `app.log, line 12`."""
        document = "{names[i]}, " if self.shape.kind != "str" and self.shape.format != "rows" else ""
        return f'f"{document}{self.record_word} {{at}}"'

    @property
    def record_word(self) -> str:
        """What one record is called."""
        return {"csv": "row", "json": "record", "rows": "record"}.get(self.shape.format, "line")

    def loop(self, tests: list[str], action: str, *, before: str = "", numbered: bool = False) -> str:
        """Goes through all records; `action` runs on those that pass the tests, with `at` if they are numbered."""
        unreadable = "    unread += bool(line.strip())\n    continue"
        source, reading = {
            "jsonl": ("lines(doc)", f"row = parsed(line)\nif row is None:\n{unreadable}"),
            "access": ("lines(doc)", f"hit = ACCESS.match(line)\nif hit is None:\n{unreadable}"),
            "csv": ("table(doc)", ""),
            "json": ("json.loads(doc)", ""),
            "rows": ("doc", ""),
        }.get(self.shape.format, ("lines(doc)", ""))
        item = "line" if source == "lines(doc)" else "row"
        if self.shape.format == "csv":
            self.define(
                "table",
                delimiter=repr(self.shape.delimiter),
                header=repr(list(self.shape.fields)),
                width=len(self.shape.fields),
            )
        if item == "line":
            self.need("lines")
        self.need(*{"jsonl": ["parsed"], "access": ["access"], "json": ["import json"]}.get(self.shape.format, []))
        first = 2 if self.shape.format == "csv" else 1  # a table's header is its first row
        return fill(
            """
            unread = 0
            for i, doc in enumerate(docs):
                for «items»:
                    «reading»
                    «before»
                    «checks»
                    «action»
            """,
            items=f"at, {item} in enumerate({source}, {first})" if numbered else f"{item} in {source}",
            reading=reading,
            before=before,
            checks="\n".join(f"if not ({test}):\n    continue" for test in tests),
            action=action,
        )

    def note(self) -> str:
        """Code that tells how many records could not be read."""
        if self.shape.format in ("jsonl", "access"):
            return 'note = f" ({unread:,} lines could not be read and are left out)" if unread else ""'
        if self.shape.format == "csv":
            return 'note = f" ({uneven[0]:,} rows of another width are left out)" if uneven[0] else ""'
        return 'note = ""'
