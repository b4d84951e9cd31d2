"""Reads a question into a small typed intent, or says that it cannot.

The grammar is strict on purpose: a rule has to account for *every* word of the question, because a word that nobody
read may be the one that changes the answer ("ERROR lines", "ERROR lines caused by the database"). What is left over
raises `NotUnderstoodError`; it is never ignored.

How a question is read::

    quotes become placeholders  ->  time clauses become `Span`s  ->  the first rule that fits gives the intent

How a rule is added: write a function under `RULES` with `@_rule(pattern)`. The pattern has to match the whole
question (lower or upper case). The function gets the match and a `_Reader`, and returns an intent, or None to let the
next rule try. Use `reader.phrase(text)` for things that are counted ("ERROR lines containing x per host") and
`reader.conditions(text)` for what restricts them; both refuse what they cannot read to the end. If the intent is new,
`programs.py` needs a function for it. Add the question, and a near miss that must be refused, to
`tests/test_offline.py`.

Nothing here has seen the context: `shape.py` finds out what it looks like, `programs.py` ties the names used in the
question to the fields that are there.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

LEVELS = {
    "trace": ("TRACE",),
    "debug": ("DEBUG",),
    "info": ("INFO",),
    "notice": ("NOTICE",),
    "warn": ("WARN", "WARNING"),
    "warning": ("WARN", "WARNING"),
    "error": ("ERROR", "ERR"),
    "critical": ("CRITICAL", "CRIT"),
    "fatal": ("FATAL",),
}
"""Word in a question -> spellings of that log level."""


class NotUnderstoodError(Exception):
    """No rule accounts for every word of the question; the text says what stood in the way."""


# --- what a question may restrict -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """The record holds this text."""

    needle: str
    how: Literal["part", "word", "start", "end"] = "part"
    any_case: bool = False
    negated: bool = False
    quoted: bool = False
    """In quotes in the question: nothing but this very text is meant."""


@dataclass(frozen=True)
class Level:
    """The record is logged at this level."""

    word: str
    spellings: tuple[str, ...]


@dataclass(frozen=True)
class Compare:
    """A field of the record stands in this relation to a value."""

    field: str
    op: Literal["=", "!=", ">", "<", ">=", "<="]
    value: str
    literal_name: bool = False
    """Written as `name=value`: the name is the field's own, even if the sample did not show it."""


@dataclass(frozen=True)
class Span:
    """The record's timestamp, or one part of it, lies between two bounds that compare as strings."""

    part: Literal["stamp", "day", "clock"]
    """The whole `2024-03-01 12:00:00`, its month and day `03-01`, or its time `12:00:00`."""
    low: str
    high: str
    """The upper bound, excluded."""
    label: str


@dataclass(frozen=True)
class InDocument:
    """The record is in the document of this name."""

    name: str


@dataclass(frozen=True)
class Imports:
    """A Python source that imports this module."""

    module: str


@dataclass(frozen=True)
class Defines:
    """A Python source that defines this name."""

    name: str


Condition = Text | Level | Compare | Span | InDocument | Imports | Defines
Where = tuple[Condition, ...]
Unit = Literal[
    "lines", "records", "requests", "documents", "occurrences", "words", "characters",
    "functions", "async functions", "classes", "imports",
]  # fmt: skip


# --- what a question may ask ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Count:
    """How many there are."""

    unit: Unit
    where: Where = ()


@dataclass(frozen=True)
class Distinct:
    """How many different values a key has, or which."""

    key: str
    where: Where = ()
    listed: bool = False


@dataclass(frozen=True)
class Rank:
    """Counts, or a statistic of a field, per key."""

    key: str
    unit: Unit = "records"
    where: Where = ()
    order: Literal["most", "least", "all"] = "all"
    limit: int = 1
    statistic: str = ""
    """Empty: the units are counted; else `mean`, `median`, `max`, `min`, `sum` or `p95` of `field`."""
    field: str = ""


@dataclass(frozen=True)
class Statistic:
    """One number from the values of a field; `max` and `min` also say where it is."""

    statistic: str
    field: str
    where: Where = ()


@dataclass(frozen=True)
class Longest:
    """The longest or the shortest line or document."""

    unit: Literal["lines", "documents"]
    shortest: bool = False


@dataclass(frozen=True)
class Find:
    """The records themselves: the earliest, the latest, or all of them."""

    where: Where
    which: Literal["first", "last", "all"] = "all"
    event: bool = False
    """Asked as an event ("the first timeout"): inside a longer word it may be something else, so both are told."""


@dataclass(frozen=True)
class Documents:
    """Which documents hold it."""

    where: Where


@dataclass(frozen=True)
class LookUp:
    """The value that the context states for a name."""

    subject: str
    attribute: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Edge:
    """The first or the last lines."""

    count: int
    last: bool = False
    where: Where = ()


Intent = Count | Distinct | Rank | Statistic | Longest | Find | Documents | LookUp | Edge


def read(question: str) -> Intent:
    """The intent of a question.

    Raises:
        NotUnderstoodError: some word of it is in no rule.
    """
    reader = _Reader(question)
    for pattern, rule in RULES:
        match = pattern.fullmatch(reader.text)
        if match and (intent := rule(match, reader)) is not None:
            return intent
    raise NotUnderstoodError(reader.obstacle or "no rule reads it to the end")


# --- quotes, politeness, scope --------------------------------------------------------------------------------------

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|`([^`]+)`|«([^»]+)»|\u2018([^\u2019]+)\u2019|(?<!\w)\'([^\']+)\'(?!\w)')
_PLACE = r"⟦\d+⟧"
_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|please|kindly|ok|okay|so)[, ]+|(?:can|could|would) you (?:please )?"
    r"|(?:tell|give) me (?=what|which|how|when|where|the|who|why)|(?:i want|i would like|i need) to know )+",
    re.IGNORECASE,
)
_THING = (
    r"(?:(?:log|text|source|csv|json|python|data|provided|given|whole|entire|above|access) )*"
    r"(?:logs?|logfiles?|files?|folder|directory|context|text|data|dataset|documents?|docs|corpus|archive|collection"
    r"|code|codebase|standard library|stdlib|repo|repository|table|sources?|project|list)"
)
_SCOPE = re.compile(
    rf",? (?:(?:that (?:is|are) )?(?:mentioned |stated |given |found )?(?:in|across|within|over|throughout)"
    rf"(?: all(?: of)?)? (?:the |these |those |this |my |our |all )?{_THING}(?= |$|,)"
    rf"|(?:in total|overall|altogether|in all|please)(?=$))",
    re.IGNORECASE,
)
_RELATIVE_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|recently|lately|ago|(?:last|this|past|next|previous) "
    r"(?:\d+ )?(?:minutes?|hours?|days?|nights?|weeks?|months?|years?))\b",
    re.IGNORECASE,
)
# Words by which a needle without quotes shows that it is a description and not the text itself.
_DESCRIPTION = re.compile(
    r"\b(?:letters?|characters?|that|which|who|whose|where|when|why|how|what|because|cause[ds]?|about|related|similar|like|any|some|"
    r"kind|type|and|or|not|but|is|are|was|were|be|been|has|have|had|does|do|did|than|per|each|every|most|least|"
    r"fewest|summari[sz]e|explain|then|also|between|after|before|during|positive|negative|important|interesting|"
    r"it|they|them|their|its|something|anything|someone|in|for|from|with|without|on|at|by|of|to)\b",
    re.IGNORECASE,
)
_MAX_NEEDLE_WORDS = 5


class _Reader:
    """One question while it is read: its text with quotes and time clauses taken out."""

    def __init__(self, question: str) -> None:
        self.quotes: list[str] = []
        self.obstacle = ""
        text = _QUOTED.sub(self._keep, question.strip())
        text = re.sub(r"\s+", " ", text).replace("\u2019", "'")
        text = re.sub(r"\b(what|who|where|when)'s\b", r"\1 is", text, flags=re.IGNORECASE)
        text = text.rstrip(" ?.!")
        text = _POLITE.sub("", text)
        if match := _RELATIVE_TIME.search(text):
            raise NotUnderstoodError(f"{match[0]!r} depends on today's date; give the date")
        if re.search(r"[?!] |\.(?= [A-Z])", text):
            raise NotUnderstoodError("more than one sentence: ask one question at a time")
        text = _SCOPE.sub("", text)
        text = re.sub(
            r"\bthe (?:(highest|largest|greatest|biggest)|lowest|smallest) (?:number|count|amount) of\b",
            lambda m: "the most" if m[1] else "the fewest",
            text,
            flags=re.IGNORECASE,
        )
        text = re.sub(
            r"\bthe (?:least|lowest) (?=\w+ (?:lines|entries|rows|records)|errors|warnings)", "the fewest ", text
        )
        text, self.spans = _take_spans(text)
        self.text = text.strip(" ,")

    def _keep(self, match: re.Match[str]) -> str:
        self.quotes.append(next(group for group in match.groups() if group is not None))
        return f"⟦{len(self.quotes) - 1}⟧"

    def literal(self, text: str) -> str:
        """The text with its quoted parts put back."""
        return re.sub(r"⟦(\d+)⟧", lambda m: self.quotes[int(m[1])], text)

    def needle(self, text: str, how: Literal["part", "word", "start", "end"], *, negated: bool = False) -> Text:
        """A text to search for: exact if it is quoted, else in any case unless it has a capital letter."""
        text, named = re.subn(
            r"^(?:the )?(?:exact )?(word|string|text|phrase|term|substring) ", "", text, flags=re.IGNORECASE
        )
        if re.fullmatch(_PLACE, text):
            # "the word 'cat'" asks for the word; a quote alone is the text wherever it stands.
            return Text(
                self.literal(text), how if named or how in ("start", "end") else "part", negated=negated, quoted=True
            )
        bare = re.sub(r"^(?:the|an?) ", "", text, flags=re.IGNORECASE).strip(" ,")
        if not bare or "⟦" in bare or len(bare.split()) > _MAX_NEEDLE_WORDS or _DESCRIPTION.search(bare):
            raise self.refuse(f"{self.literal(text)!r} is a description; to search for text, put it in quotes")
        if not re.search(r"\w", bare):
            raise self.refuse(f"{bare!r}: to search for signs, put them in quotes")
        return Text(bare, how, any_case=bare == bare.lower(), negated=negated)

    def needles(self, text: str, how: Literal["part", "word", "start", "end"], *, negated: bool = False) -> Where:
        """One needle, or several quoted ones joined with `and`."""
        if re.fullmatch(rf"{_PLACE}(?:(?:,| and|, and) {_PLACE})+", text):
            return tuple(self.needle(place, how, negated=negated) for place in re.findall(_PLACE, text))
        return (self.needle(text, how, negated=negated),)

    def refuse(self, why: str) -> NotUnderstoodError:
        """What to raise; the first obstacle is kept, in case another rule tries and fails for a duller reason."""
        self.obstacle = self.obstacle or why
        return NotUnderstoodError(why)

    # --- noun phrases and conditions --------------------------------------------------------------------------------

    def phrase(self, text: str) -> _Phrase:
        """What is counted, with its conditions and the key it is counted per."""
        text, key = _take_key(f" {text} ")
        for pattern, head in _HEADS:
            match = pattern.match(text)
            if match:
                unit, where = head(match, self)
                rest, found = self._rest(text[match.end() :], unit)
                if rest:
                    raise self.refuse(f"nothing reads {self.literal(rest)!r}")
                return _Phrase(unit, (*where, *found, *self.spans), key)
        raise self.refuse(
            f"nothing reads {self.literal(text).strip()!r} as something to count (to search for text, ask: "
            'how many lines contain "...")'
        )

    def conditions(self, text: str) -> Where:
        """What restricts the records, read to the end, with the time clauses."""
        rest, found = self._rest(f" {text} ", "records")
        if rest:
            raise self.refuse(f"nothing reads {self.literal(rest)!r}")
        return (*found, *self.spans)

    def _rest(self, text: str, unit: Unit) -> tuple[str, Where]:
        found: list[Condition] = []
        while text := _FILLER.sub("", text.strip(" ,")):
            for pattern, condition in _CONDITIONS:
                if match := pattern.match(text):
                    found += condition(match, self)
                    text = text[match.end() :]
                    break
            else:
                return text, tuple(found)
        if unit == "occurrences" and not any(isinstance(each, Text) for each in found):
            return text, tuple(found)
        return "", tuple(found)


@dataclass(frozen=True)
class _Phrase:
    unit: Unit
    where: Where
    key: str = ""


_LEVEL = "|".join(LEVELS)
_LINES = r"(?:log )?(?:lines?|entries|entry|messages?|records?|events?|rows?|logs)"
_Head = Callable[[re.Match[str], _Reader], tuple[Unit, Where]]


def _level(word: str) -> Level:
    word = word.lower()
    word = word if word in LEVELS else word.removesuffix("s")
    return Level(word, LEVELS[word])


def _status(code: str) -> Where:
    if code[1:].lower() == "xx":
        return Compare("status", ">=", f"{code[0]}00"), Compare("status", "<", f"{int(code[0]) + 1}00")
    return (Compare("status", "=", code),)


def _head(pattern: str, unit: Unit) -> tuple[re.Pattern[str], _Head]:
    return re.compile(rf" (?:{pattern})(?=[ ,])", re.IGNORECASE), lambda _match, _reader: (unit, ())


_HEADS: list[tuple[re.Pattern[str], _Head]] = [
    (
        re.compile(rf" ({_LEVEL})(?:[- ]level)? {_LINES}(?=[ ,])", re.IGNORECASE),
        lambda match, _reader: ("records", (_level(match[1]),)),
    ),
    (
        re.compile(r" (errors?|warnings?)(?=[ ,])", re.IGNORECASE),
        lambda match, _reader: ("records", (_level(match[1]),)),
    ),
    (
        re.compile(r" (GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (?:requests?|calls?)(?=[ ,])"),
        lambda match, _reader: ("requests", (Compare("method", "=", match[1]),)),
    ),
    (
        re.compile(
            r" ([1-5](?:\d\d|xx))(?: status)?(?: (?:codes?|responses?|errors?|requests?))(?=[ ,])", re.IGNORECASE
        ),
        lambda match, _reader: ("requests", _status(match[1])),
    ),
    _head(r"(?:log )?lines?(?: of text)?", "lines"),
    _head(r"(?:log |data )?(?:rows?|records?|entries|entry)|log (?:messages?|events?)", "records"),
    _head(r"requests?|responses?|hits", "requests"),
    _head(r"(?:python |log |source )?(?:files?|documents?|docs?|modules?|articles?)", "documents"),
    (
        re.compile(r" (?:occurrences?|mentions?|instances?|appearances?) of (?=.)", re.IGNORECASE),
        lambda _match, _reader: ("occurrences", ()),
    ),
    _head(r"(?:async|asynchronous) functions?|coroutines?", "async functions"),
    _head(r"functions?(?: definitions?)?", "functions"),
    _head(r"class(?:es)?(?: definitions?)?", "classes"),
    _head(r"import statements?|imports?", "imports"),
    _head(r"words?", "words"),
    _head(r"char(?:acter)?s?", "characters"),
    (
        re.compile(rf" ({_PLACE})(?: (?:statements?|calls?|occurrences?|strings?))?(?=[ ,])"),
        lambda match, reader: ("occurrences", (Text(reader.literal(match[1]), quoted=True),)),
    ),
]

_DONE = r"(?:logged|recorded|found|present|made|defined|reported|written|happened|occurred)"
_FILLER = re.compile(
    rf"^(?:(?:are|were|is|was) there(?: {_DONE})?|(?:are|were|is|was|have been|has been|got|exist|there)(?: {_DONE})?"
    rf"|{_DONE}|(?:do|did) we have|and|that|which|in total|overall|altogether|in all)(?=[ ,]|$)[ ,]*",
    re.IGNORECASE,
)
"""Words between what is counted and what restricts it that say nothing more."""

_NOUNS = (
    r"service|app|application|component|host|hostname|server|node|user|username|customer|client|ip(?: address)?|"
    r"region|country|city|status(?: code)?|method|path|url|endpoint|route|level|severity|logger|thread|tenant|"
    r"product|category|"
    r"department|team|zone|cluster|pod|queue|job|device|store|channel|currency|type|version|environment|env"
)
_NEEDLE = rf"{_PLACE}(?:(?:,? and|,) {_PLACE})*|.+?(?= (?:in|for|from|with|where|whose|on|at|by) |$)"
"""Quoted texts; or words up to the next condition, which has to be readable as one."""
_VALUE = rf"(?:{_PLACE}|[^\s,⟦⟧]+)"
_OPS: dict[str, Literal["=", "!=", ">", "<", ">=", "<="]] = {
    "=": "=", "==": "=", "is": "=", "of": "=", "equal to": "=", "equals": "=", "exactly": "=", "": "=",
    "!=": "!=", "is not": "!=", "not": "!=", "other than": "!=",
    ">": ">", "over": ">", "above": ">", "greater than": ">", "more than": ">", "higher than": ">", "longer than": ">",
    "<": "<", "under": "<", "below": "<", "less than": "<", "lower than": "<", "shorter than": "<",
    ">=": ">=", "at least": ">=", "<=": "<=", "at most": "<=",
}  # fmt: skip
_WORD_OPS = "|".join(sorted((op for op in _OPS if op.isascii() and op[:1].isalpha()), key=len, reverse=True))
_Condition = Callable[[re.Match[str], _Reader], Where]


def _condition(pattern: str, build: _Condition) -> tuple[re.Pattern[str], _Condition]:
    return re.compile(rf"(?:{pattern})(?=[ ,]|$)", re.IGNORECASE), build


def _compare(match: re.Match[str], reader: _Reader) -> Where:
    op = _OPS[re.sub(r"^(?:is|was|are|were) (?!not)", "", (match["op"] or "").lower().strip())]
    value = reader.literal(match["value"])
    if op in (">", "<", ">=", "<=") and not re.match(r"-?\d", value):
        raise reader.refuse(f"{value!r} is no number")
    return (Compare(match["field"], op, value, literal_name=bool(re.match(r"[=<>!]", match["op"] or ""))),)


def _valued(match: re.Match[str], reader: _Reader) -> Where:
    return (Compare(match["field"], "=", reader.literal(match["value"])),)


_CONDITIONS: list[tuple[re.Pattern[str], _Condition]] = [
    _condition(
        rf"(?:(?:do|does|did) not|don't|doesn't) (?:contain|include|mention|have) (?P<needle>{_NEEDLE})|"
        rf"(?:not containing|not mentioning|without) (?P<other>{_NEEDLE})",
        lambda match, reader: reader.needles(match["needle"] or match["other"], "part", negated=True),
    ),
    _condition(
        rf"(?:mentions?|mentioning|mentioned) (?P<needle>{_NEEDLE})",
        lambda match, reader: reader.needles(match["needle"], "word"),
    ),
    _condition(
        rf"(?:contains?|containing|includes?|including) (?P<needle>{_PLACE}(?:(?:,? and|,) {_PLACE})*)",
        lambda match, reader: reader.needles(match["needle"], "part"),
    ),
    _condition(
        rf"(?:contains?|containing|includes?|including) (?P<needle>{_NEEDLE})",
        lambda match, reader: reader.needles(match["needle"], "part"),
    ),
    _condition(
        rf"(?:has|have|having|with) (?P<needle>(?:the (?:word|string|text|phrase|term) )?{_PLACE}|"
        r"the (?:word|string|text|phrase|term) \S+)(?: in (?:it|them))?",
        lambda match, reader: reader.needles(match["needle"], "word"),
    ),
    _condition(
        rf"(?:starts?|starting|begins?|beginning) with (?P<needle>{_PLACE}|\S+)",
        lambda match, reader: reader.needles(match["needle"], "start"),
    ),
    _condition(
        rf"(?:ends?|ending) (?:with|in) (?P<needle>{_PLACE}|\S+)",
        lambda match, reader: reader.needles(match["needle"], "end"),
    ),
    _condition(
        rf"imports?(?:ing)? (?:the )?(?:module |package )?(?P<module>{_PLACE}|[A-Za-z_][\w.]*)(?: module| package)?",
        lambda match, reader: (Imports(_module(reader.literal(match["module"]))),),
    ),
    _condition(
        rf"defin(?:e|es|ing) (?:the |a )?(?:function |class |name |variable |method )?(?P<name>{_PLACE}|[A-Za-z_]\w*)",
        lambda match, reader: (Defines(reader.literal(match["name"]).removesuffix("()")),),
    ),
    _condition(
        rf"(?:(?:with|where|whose|for|having|when|of|from|in|that have|have) )?(?:the |an? )?"
        rf"(?P<field>[\w.@-]+) ?(?P<op>==|!=|>=|<=|=|>|<) ?(?P<value>{_VALUE})",
        _compare,
    ),
    _condition(
        r"(?:with|having) (?:status|status code|code) (?P<code>[1-5]xx)", lambda match, _reader: _status(match["code"])
    ),
    _condition(
        rf"(?:at|with|of) (?:the |log )?(?:level )?(?P<level>{_LEVEL})(?: level)?",
        lambda match, _reader: (_level(match["level"]),),
    ),
    _condition(
        rf"(?:with|where|whose|has|have|having|returned|returning) (?:the |an? )?"
        rf"(?P<field>[A-Za-z_@][\w.@-]*(?: (?:time|code|id|name|size|address))?)"
        rf"(?: (?P<op>(?:(?:is|was|are|were) )?(?:{_WORD_OPS})))? (?P<value>{_VALUE})",
        _compare,
    ),
    _condition(
        r"(?:for|from|by|of|in|on|to) (?:the )?(?:file |document |module |log )?(?P<name>[\w./-]+\.[A-Za-z]\w{0,5})",
        lambda match, _reader: (InDocument(match["name"]),),
    ),
    _condition(
        rf"(?:for|from|by|of|in|on|to) (?:the )?(?P<field>{_NOUNS}) (?P<value>{_VALUE})",
        _valued,
    ),
    _condition(
        rf"(?:for|from|by|of|in|on|to) (?:the )?(?P<value>{_VALUE}) (?P<field>{_NOUNS})",
        _valued,
    ),
    _condition(
        r"(?:for|from|by) (?P<value>\d{1,3}(?:\.\d{1,3}){3})(?P<field>)",
        lambda match, _reader: (Compare("ip", "=", match["value"]),),
    ),
]
# "occurrences of X": the head has eaten "of", so a bare needle follows.
_CONDITIONS.append(_condition(rf"(?P<needle>{_PLACE})", lambda match, reader: reader.needles(match["needle"], "part")))


def _module(name: str) -> str:
    return re.sub(r"^(?:import|from) ", "", name.strip())


_KEY = (
    r"(?:http |log |client )?[A-Za-z_@][\w.@-]*"
    r"(?: (?:name|id|ids|code|codes|address|addresses|agent|agents|level|time))?"
)
_PER = re.compile(
    rf" (?:(?:per|for each|for every|in each|in every|on each|of each|from each|grouped by|broken down by|split by)"
    rf" (?P<key>{_KEY}?)(?= |$)|by (?P<by>{_KEY}?)(?= $|$))",
    re.IGNORECASE,
)


def _take_key(text: str) -> tuple[str, str]:
    match = _PER.search(text)
    if match is None:
        return text, ""
    # The longest reading of the key: "status code" before "status".
    start = match.start("key") if match["key"] else match.start("by")
    key = re.compile(_KEY, re.IGNORECASE).match(text, start)
    assert key is not None, text
    return f"{text[: match.start()]} {text[key.end() :]}", singular(key[0])


def singular(noun: str) -> str:
    """`services` -> `service`, `IP addresses` -> `ip`, `status codes` -> `status`."""
    noun = noun.strip().lower()
    noun = re.sub(r"^(?:ip addresse?s?|ips)$", "ip", noun)
    noun = re.sub(r"^(?:http )?status codes?$|^statuses$|^http status$", "status", noun)
    noun = re.sub(r"^(?:log )?levels?$|^severity levels?$", "level", noun)
    noun = re.sub(r"^http methods?$", "method", noun)
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if re.search(r"(?:ss|x|ch|sh)es$", noun):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) else noun


# --- time -----------------------------------------------------------------------------------------------------------

_MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_MONTH = "|".join([*_MONTHS, *(month[:3] for month in _MONTHS), "sept"])
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?"
_MOMENT = (
    rf"(?:\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}Z?)?|(?:{_MONTH})\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?"
    rf"|(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH})(?:,? \d{{4}})?|(?:{_MONTH}),? \d{{4}}"
    rf"|\d{{4}}-\d\d|{_CLOCK})(?![\w:-]|\.\w)"
)
_RANGE = re.compile(
    rf" (?:between|from) (?P<low>{_MOMENT}) (?:and|to|until|till|through) (?P<high>{_MOMENT})"
    rf"|,? (?P<edge>after|before|since|until|from|starting|up to) (?P<at>{_MOMENT})(?: (?:on|onwards?))?"
    rf"|,? (?:on|in|during|for|at) (?P<on>{_MOMENT}|20\d\d(?![\w:.-]))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Moment:
    part: Literal["stamp", "day", "clock"]
    start: str
    end: str
    """First instant after it: the next day, month, minute."""
    text: str


def _take_spans(text: str) -> tuple[str, tuple[Span, ...]]:
    spans: list[Span] = []

    def take(match: re.Match[str]) -> str:
        spans.append(_span(match))
        return " "

    text = _RANGE.sub(take, f" {text} ")
    return re.sub(r"\s+", " ", text).strip(), tuple(spans)


def _span(match: re.Match[str]) -> Span:
    if match["low"]:
        low, high = _moment(match["low"]), _moment(match["high"])
        if low.part != high.part:
            raise NotUnderstoodError(f"{low.text!r} and {high.text!r} are not the same kind of date")
        # A day is a stretch and counts whole; a time of day is an instant, and the end is not counted.
        instant = ":" in high.text
        end = high.start if instant else high.end
        if low.start >= end:
            raise NotUnderstoodError(f"from {low.text} to {high.text} there is nothing")
        note = f"{high.text} itself not included" if instant else "both included"
        return Span(low.part, low.start, end, f"from {low.text} to {high.text} ({note})")
    if match["on"]:
        at = _moment(match["on"])
        preposition = (
            "in the minute" if at.part == "clock" else "on" if at.part == "day" or len(at.start) >= 10 else "in"
        )
        return Span(at.part, at.start, at.end, f"{preposition} {at.text}")
    at, edge = _moment(match["at"]), match["edge"].lower()
    if edge in ("since", "from", "starting"):
        return Span(at.part, at.start, "~", f"from {at.text} on")
    if edge == "after":
        # After a day: from the next one on. After an instant: later than it, so not the instant itself.
        return Span(at.part, f"{at.start}\x00" if ":" in at.text else at.end, "~", f"after {at.text}")
    if edge == "before":
        return Span(at.part, "", at.start, f"before {at.text}")
    end = at.start if ":" in at.text else at.end
    return Span(at.part, "", end, f"until {at.text} ({'not ' if ':' in at.text else ''}included)")


def _moment(text: str) -> _Moment:
    try:
        return _read_moment(text)
    except ValueError as error:
        raise NotUnderstoodError(f"{text!r} is no date or time: {error}") from error


def _read_moment(text: str) -> _Moment:
    if re.fullmatch(_CLOCK, text):
        clock = dt.time.fromisoformat(text.zfill(8 if text.count(":") == 2 else 5))
        step = dt.timedelta(seconds=1) if text.count(":") == 2 else dt.timedelta(minutes=1)
        later = (dt.datetime.combine(dt.date(2000, 1, 1), clock) + step).time()
        end = "24" if later < clock else later.isoformat()
        return _Moment("clock", clock.isoformat(), end, text)
    if iso := re.fullmatch(rf"(\d{{4}}-\d\d-\d\d)[T ]({_CLOCK})Z?", text):
        clock_part = _read_moment(iso[2])
        day = dt.date.fromisoformat(iso[1])
        return _Moment("stamp", f"{day} {clock_part.start}", f"{day} {clock_part.end}", f"{day} {iso[2]}")
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        day = dt.date.fromisoformat(text)
        return _Moment("stamp", str(day), str(day + dt.timedelta(days=1)), text)
    if re.fullmatch(r"\d{4}", text):
        return _Moment("stamp", text, str(int(text) + 1), text)
    if iso := re.fullmatch(r"(\d{4})-(\d\d)", text):
        return _whole_month(int(iso[1]), int(iso[2]), text)
    name = re.search(rf"(?i)\b({_MONTH})\b", text)
    assert name is not None, text
    month = next(i for i, each in enumerate(_MONTHS, 1) if each.startswith(name[1].lower()[:3]))
    year = re.search(r"\b(\d{4})\b", text)
    number = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", text)
    if number is None:
        assert year is not None, text
        return _whole_month(int(year[1]), month, text)
    if year is None:
        day = dt.date(2000, month, int(number[1]))  # a leap year: February 29 exists
        after = day + dt.timedelta(days=1)
        return _Moment("day", f"{day:%m-%d}", "13" if after.year > day.year else f"{after:%m-%d}", text)
    return replace(_read_moment(f"{int(year[1]):04}-{month:02}-{int(number[1]):02}"), text=text)


def _whole_month(year: int, month: int, text: str) -> _Moment:
    first = dt.date(year, month, 1)
    after = (first + dt.timedelta(days=32)).replace(day=1)
    return _Moment("stamp", f"{first:%Y-%m}", f"{after:%Y-%m}", text)


# --- the rules ------------------------------------------------------------------------------------------------------

_Rule = Callable[[re.Match[str], _Reader], Intent | None]
RULES: list[tuple[re.Pattern[str], _Rule]] = []
"""In order; the first that matches the whole question and returns an intent wins."""

_STATISTICS = {
    "average": "mean", "mean": "mean", "avg": "mean", "median": "median", "total": "sum", "sum": "sum",
    "max": "max", "maximum": "max", "highest": "max", "largest": "max", "biggest": "max", "greatest": "max",
    "longest": "max", "slowest": "max",
    "min": "min", "minimum": "min", "lowest": "min", "smallest": "min", "shortest": "min", "fastest": "min",
}  # fmt: skip
_STATISTIC = r"average|mean|avg|median|total|sum|max(?:imum)?|min(?:imum)?|p\d\d|\d\d(?:st|nd|rd|th) percentile"
_EXTREME = r"highest|largest|biggest|greatest|longest|lowest|smallest|shortest"
_ASK = (
    r"(?:(?:what|which) (?:is|was|are|were) "
    r"|(?:show|give|tell|list|find|name|compute|calculate|print|report|get)(?: me)? )?"
)
_HAS = (
    r"(?:has|have|had|contains?|contained|logged|logs|produced|wrote|made|makes|generated|shows?|received|got|gets|"
    r"sent|emitted|raised|raises|reported|saw|sees|recorded|served|handled|returned|holds|defines?|defined|with)"
)
_NUMBERS = {
    word: number
    for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)  # noqa: SIM905
} | {"twenty": 20}
_N = rf"(?:\d{{1,4}}|{'|'.join(_NUMBERS)})"


def _rule(pattern: str) -> Callable[[_Rule], _Rule]:
    def add(function: _Rule) -> _Rule:
        def forgiving(match: re.Match[str], reader: _Reader) -> Intent | None:
            try:
                return function(match, reader)
            except NotUnderstoodError as why:
                reader.refuse(str(why))
                return None

        RULES.append((re.compile(pattern, re.IGNORECASE), forgiving))
        return function

    return add


def _number(text: str | None) -> int:
    if not text:
        return 1
    number = _NUMBERS.get(text.lower()) or int(text)
    if number < 1:
        raise NotUnderstoodError("asked for 0 of them")
    return number


def _statistic(word: str) -> str:
    word = word.lower()
    if match := re.match(r"p?(\d\d)", word):
        return f"p{match[1]}"
    return _STATISTICS[word]


def _key(text: str) -> str:
    if not re.fullmatch(_KEY, text, re.IGNORECASE):
        raise NotUnderstoodError(f"{text!r} is no name of a field")
    return singular(text)


@_rule(
    r"how (?:many times|often) (?:does|do|did|is|was|are|were|has|have) (?P<needle>.+?) "
    r"(?:occur|appear|mentioned|used|found|show up|come up|present|appeared|occurred|written)(?:ed)?"
    r"(?P<rest> .*)?"
)
def _how_often(match: re.Match[str], reader: _Reader) -> Intent | None:
    phrase = reader.phrase(f"lines {match['rest'] or ''}")
    where = (*reader.needles(match["needle"], "word"), *phrase.where)
    if phrase.key:
        return Rank(phrase.key, "occurrences", where)
    return Count("occurrences", where)


@_rule(
    r"(?:how many|what is the number of|(?:count|number)(?: of)?|(?:count|list|show)) (?:the )?"
    r"(?:different|distinct|unique) (?P<key>.+?)(?: (?:are|were) (?:there|mentioned|seen))?(?P<rest> (?:in"
    r"|for|from|with|where|on|that|of|logged|have|made) .+)?"
)
def _how_many_distinct(match: re.Match[str], reader: _Reader) -> Intent | None:
    key = re.sub(r" (?:are|were|is) there$", "", match["key"])
    listed = bool(re.match(r"list|show", match[0], re.IGNORECASE))
    return Distinct(_key(re.sub(r" values$", "", key)), _plain(reader, match["rest"]), listed=listed)


@_rule(
    r"(?:list|show|what are|which are|give)(?: me)? (?:all )?(?:of )?the (?:unique |distinct |different "
    r"|possible )*"
    r"(?:values of (?:the )?)?(?P<key>.+?)(?: (?:values|there are))?"
)
def _list_distinct(match: re.Match[str], reader: _Reader) -> Intent | None:
    if not re.fullmatch(_KEY, match["key"], re.IGNORECASE) or re.fullmatch(
        r"(?i)lines?|reasons?|differences?|topics?|themes?|causes?", match["key"]
    ):
        return None
    plural = re.search(r"(?i)[^su]s$", match["key"])
    if not plural and not re.search(r"(?i)\b(?:values of|unique|distinct|different|all)\b", match[0]):
        return None  # "list the weather" names no values
    return Distinct(_key(match["key"]), reader.spans, listed=True)


@_rule(
    r"(?:how many|what is the (?:total )?number of|(?:give (?:me )?)?(?:the )?(?:total )?number of"
    r"|count(?: up)?(?: of)?)"
    r"(?: of)?(?: the| all)?(?: the)? (?P<phrase>.+)"
)
def _how_many(match: re.Match[str], reader: _Reader) -> Intent | None:
    text = re.sub(r"^(?:of )?the (?=files|documents|lines)", "", match["phrase"])
    phrase = reader.phrase(text)
    if phrase.key:
        return Rank(phrase.key, phrase.unit, phrase.where)
    return Count(phrase.unit, phrase.where)


@_rule(
    rf"(?:which|what) (?P<key>.+?) (?P<verb>imports?|mentions?|contains?|uses?) (?P<name>{_PLACE}|[\w.]+)"
    rf" (?:the )?(?:most|most often|most frequently)"
)
def _which_has_it_most(match: re.Match[str], reader: _Reader) -> Intent | None:
    if match["verb"].lower().startswith("import"):
        if match["name"].lower() in ("the", "most"):
            return None
        return Rank(
            _key(match["key"]), "imports", (Imports(_module(reader.literal(match["name"]))), *reader.spans), "most"
        )
    if match["verb"].lower().startswith("use"):
        return None
    return Rank(_key(match["key"]), "occurrences", (reader.needle(match["name"], "word"), *reader.spans), "most")


@_rule(r"(?:which|what) (?P<key>.+?) imports (?:the )?most")
def _which_imports_most(match: re.Match[str], reader: _Reader) -> Intent | None:
    return Rank(_key(match["key"]), "imports", reader.spans, "most")


@_rule(
    rf"(?:which|what)(?: is the| are the| was the)? (?:(?P<n>{_N}) )?(?P<key>.+?) (?:that )?{_HAS}"
    rf" (?:the )?(?P<order>most|fewest|least) (?P<phrase>.+)"
)
def _which_has_most(match: re.Match[str], reader: _Reader) -> Intent | None:
    phrase = reader.phrase(match["phrase"])
    if phrase.key:
        return None
    order: Literal["most", "least"] = "most" if match["order"].lower() == "most" else "least"
    return Rank(_key(match["key"]), phrase.unit, phrase.where, order, _number(match["n"]))


@_rule(
    rf"{_ASK}(?:the )?(?:top|first) (?P<n>{_N}) (?P<key>.+?) (?:by|with the most"
    rf"|having the most)(?: the)?(?: number of| count of)? (?P<phrase>.+)"
)
def _top_by(match: re.Match[str], reader: _Reader) -> Intent | None:
    measure = re.fullmatch(
        rf"(?P<statistic>{_STATISTIC}) (?:of )?(?P<field>{_KEY})(?P<rest>.*)", match["phrase"], re.IGNORECASE
    )
    if measure:
        return Rank(_key(match["key"]), "records", reader.conditions(measure["rest"]), "most", _number(match["n"]),
                    _statistic(measure["statistic"]), measure["field"])  # fmt: skip
    phrase = reader.phrase(re.sub(r" count$", "", match["phrase"]))
    return Rank(_key(match["key"]), phrase.unit, phrase.where, "most", _number(match["n"]))


@_rule(
    rf"{_ASK}(?:the )?(?:(?:top (?P<top>{_N}))|(?:(?P<n>{_N}) )?(?P<order>most|least) (?:common|frequent"
    rf"|often used|frequently used))"
    r"(?: most (?:common|frequent))? (?P<key>.+?)(?P<rest> (?:in|for|from|with|of|among|on|by|where"
    r"|containing|mentioning) .+)?"
)
def _most_common(match: re.Match[str], reader: _Reader) -> Intent | None:
    order: Literal["most", "least"] = "least" if (match["order"] or "").lower() == "least" else "most"
    limit = _number(match["top"] or match["n"])
    key = _key(match["key"])
    unit: Unit = "words" if key == "word" else "records"
    return Rank(key, unit, _plain(reader, match["rest"]), order, limit)


@_rule(
    r"(?:which|what) (?P<key>.+?) (?:is|was|are|were|appears?|appeared|occurs?|occurred) (?:the )?"
    r"(?P<order>most|least)(?: common| frequent| often| frequently)(?P<rest> .+)?"
)
def _which_is_most_common(match: re.Match[str], reader: _Reader) -> Intent | None:
    key = _key(match["key"])
    order: Literal["most", "least"] = "least" if match["order"].lower() == "least" else "most"
    return Rank(key, "words" if key == "word" else "records", _plain(reader, match["rest"]), order)


@_rule(
    rf"(?:which|what) (?P<key>.+?) (?:has|have|had) the (?P<order>{_EXTREME}) (?:"
    rf"(?P<statistic>{_STATISTIC}) )?(?P<field>{_KEY})(?P<rest> .+)?"
)
def _which_has_highest(match: re.Match[str], reader: _Reader) -> Intent | None:
    highest = _statistic(match["order"]) == "max"
    statistic = _statistic(match["statistic"]) if match["statistic"] else ("max" if highest else "min")
    where = _plain(reader, match["rest"])
    return Rank(_key(match["key"]), "records", where, "most" if highest else "least", 1, statistic, match["field"])


@_rule(
    rf"{_ASK}(?:the )?(?P<order>longest|shortest|largest|smallest|biggest) (?P<unit>lines?|files?|documents?"
    rf"|docs?|modules?|articles?)"
)
def _longest(match: re.Match[str], reader: _Reader) -> Intent | None:
    if reader.spans:
        return None
    unit: Literal["lines", "documents"] = "lines" if match["unit"].lower().startswith("line") else "documents"
    return Longest(unit, shortest=_statistic(match["order"]) == "min")


@_rule(
    r"(?:which|what) (?P<unit>line|file|document|module|article) is (?:the )?(?P<order>longest|shortest"
    r"|largest|smallest|biggest)"
)
def _which_is_longest(match: re.Match[str], reader: _Reader) -> Intent | None:
    return _longest(match, reader)


@_rule(
    rf"{_ASK}(?:the )?(?P<order>slowest|fastest) (?:request|response|query|call|line|entry|operation)"
    rf"(?P<rest> .+)?"
)
def _slowest(match: re.Match[str], reader: _Reader) -> Intent | None:
    return Statistic(_statistic(match["order"]), "latency", _plain(reader, match["rest"]))


@_rule(rf"{_ASK}(?:the )?(?P<statistic>{_STATISTIC}|{_EXTREME})(?: value)?(?: of| for)?(?: the| all)? (?P<field>.+)")
def _statistic_of(match: re.Match[str], reader: _Reader) -> Intent | None:
    text, key = _take_key(f" {match['field']} ")
    words = text.split()
    for size in (2, 1):
        field, rest = " ".join(words[:size]), " ".join(words[size:])
        if len(words) < size or "⟦" in field or re.search(r"(?i)\b(?:for|of|in|with|where|from|by|on|at)\b", field):
            continue
        try:
            where = _plain(reader, rest)
        except NotUnderstoodError:
            continue
        statistic = _statistic(match["statistic"])
        if re.fullmatch(r"(?i)number|count|amount|lines?|files?|documents?|words?", field):
            return None
        if key:
            return Rank(key, "records", where, "all", 1, statistic, field)
        return Statistic(statistic, field, where)
    return None


@_rule(
    r"(?:when|at what time|on what date|what time) (?:did|was|were|does|is) (?:the )?(?P<which>first|last"
    r"|earliest|latest|most recent) (?P<event>.+?)"
    r"(?: (?:happen|occur|appear|start|logged|recorded|seen|reported|take place|made|show up|get logged"
    r"|come))(?:ed)?(?P<rest> .+)?|"
    r"when was (?:the )?(?P<which2>first|last|earliest|latest|most recent) (?P<event2>.+)|"
    r"when (?:did|was|were) (?P<event3>.+?) (?P<which3>first|last) (?:happen|occur|appear|logged|seen"
    r"|mentioned|recorded|reported)(?:ed)?"
)
def _when(match: re.Match[str], reader: _Reader) -> Intent | None:
    event = match["event"] or match["event2"] or match["event3"]
    which = (match["which"] or match["which2"] or match["which3"]).lower()
    return Find(
        _event(reader, event, match["rest"]),
        "first" if which in ("first", "earliest") else "last",
        event=True,
    )


@_rule(
    rf"{_ASK}(?:the )?(?P<which>first|last|earliest|latest) (?:line|entry|record|row|occurrence|mention"
    rf"|log line|message)s?(?: of)? (?P<rest>.+)"
)
def _first_line(match: re.Match[str], reader: _Reader) -> Intent | None:
    which: Literal["first", "last"] = "first" if match["which"].lower() in ("first", "earliest") else "last"
    if re.search(r"(?i)(?:occurrence|mention)s? of ", match[0]):
        return Find((*reader.needles(match["rest"], "part"), *reader.spans), which)
    where = reader.conditions(match["rest"])
    return Find(where, which) if any(not isinstance(each, Span) for each in where) else None


@_rule(rf"{_ASK}(?:the )?(?P<which>first|last) (?P<level>{_LEVEL})(?: {_LINES})?(?P<rest> .+)?")
def _first_level(match: re.Match[str], reader: _Reader) -> Intent | None:
    which: Literal["first", "last"] = "first" if match["which"].lower() == "first" else "last"
    return Find((_level(match["level"]), *_plain(reader, match["rest"])), which)


@_rule(
    rf"{_ASK}(?:the )?(?P<which>first|last) (?:(?P<n>{_N}) )?lines?(?: (?:of|in|from) (?:the )?(?:file "
    rf"|document )?(?P<name>[\w./-]+\.\w+))?"
)
def _edge(match: re.Match[str], reader: _Reader) -> Intent | None:
    if reader.spans:
        return None
    where: Where = (InDocument(match["name"]),) if match["name"] else ()
    return Edge(_number(match["n"]), match["which"].lower() == "last", where)


@_rule(
    r"(?:which|what|list|find|show|name|in which|in what)(?: me)?(?: all)?(?: of)?(?: the| these)? (?:python "
    r"|log |source )?"
    r"(?:files?|documents?|docs?|modules?|articles?|items?|texts?)(?: (?:that|which))? (?P<rest>.+)"
)
def _which_documents(match: re.Match[str], reader: _Reader) -> Intent | None:
    rest = match["rest"]
    if passive := re.fullmatch(
        r"(?:is|are|was|were) (?P<needle>.+?) (?P<verb>mentioned|defined|imported|found|contained)", rest, re.IGNORECASE
    ):
        verb = {"mentioned": "mention", "defined": "define", "imported": "import"}.get(
            passive["verb"].lower(), "contain"
        )
        rest = f"{verb} {passive['needle']}"
    where = reader.conditions(rest)
    if not where or not all(isinstance(each, Text | Imports | Defines) for each in where):
        return None
    return Documents(where)


@_rule(rf"where (?:is|are) (?:the )?(?:function |class |variable )?(?P<name>{_PLACE}|\w+)(?:\(\))? defined")
def _where_defined(match: re.Match[str], reader: _Reader) -> Intent | None:
    return Documents((Defines(reader.literal(match["name"]).removesuffix("()")),))


@_rule(
    r"where (?:is|are|was|were|does|do|did) (?P<needle>.+?)(?: (?:mentioned|used|found|occur|appear|located"
    r"|written|logged|seen))?"
)
def _where_is(match: re.Match[str], reader: _Reader) -> Intent | None:
    needle = match["needle"]
    literal = re.search(r"(?i) (?:mentioned|occur|appear|written|found|logged|seen)$", match[0])
    # "Where is Alice?" asks for a place in the world; only quotes or "mentioned" make it a search in the text.
    if not literal and not re.fullmatch(rf"(?:the (?:word|string|text|phrase) )?{_PLACE}", needle):
        reader.refuse("to search for text, put it in quotes")
        return None
    return Find((*reader.needles(needle, "part"), *reader.spans))


@_rule(rf"(?P<per>.+ (?:per|by|for each) {_KEY})")
def _per_key(match: re.Match[str], reader: _Reader) -> Intent | None:
    phrase = reader.phrase(match["per"])
    return Rank(phrase.key, phrase.unit, phrase.where) if phrase.key else None


@_rule(rf"which (?P<key>{_KEY}) are there")
def _which_are_there(match: re.Match[str], reader: _Reader) -> Intent | None:
    return Distinct(singular(match["key"]), reader.spans, listed=True)


@_rule(rf"how many (?:different|distinct|unique) (?P<key>{_KEY}) {_HAS} (?P<phrase>.+)")
def _how_many_have(match: re.Match[str], reader: _Reader) -> Intent | None:
    phrase = reader.phrase(match["phrase"])
    return None if phrase.key or not phrase.where else Distinct(singular(match["key"]), phrase.where)


@_rule(rf"(?:which|what) (?P<key>{_KEY}) (?:{_HAS}) (?P<phrase>.+)")
def _which_values(match: re.Match[str], reader: _Reader) -> Intent | None:
    if singular(match["key"]) in ("line", "row", "entry", "record"):
        return None
    phrase = reader.phrase(re.sub(r"^(?:any|the|an?) ", "", match["phrase"]))
    if phrase.key or phrase.unit in ("documents", "words", "characters") or not phrase.where:
        return None
    return Distinct(singular(match["key"]), phrase.where, listed=True)


@_rule(
    rf"(?:find|show|list|print|get|grep|search|give|which|what|display|extract)(?: me)?(?: for)?(?: all"
    rf"| every)?(?: of)?(?: the)? (?P<phrase>(?:(?:{_LEVEL}) )?{_LINES}(?: .+)?|errors|warnings)"
)
def _find_lines(match: re.Match[str], reader: _Reader) -> Intent | None:
    phrase = reader.phrase(match["phrase"])
    if phrase.key or not phrase.where:
        return None
    return Find(phrase.where)


@_rule(
    r"(?:find|grep|search)(?: me)?(?: for)?(?: all| every)? (?:(?:occurrences?|mentions?|instances?) of )?"
    r"(?P<needle>.+)"
)
def _find(match: re.Match[str], reader: _Reader) -> Intent | None:
    return Find((*reader.needles(match["needle"], "part"), *reader.spans))


# What sounds like a look-up and asks for judgement.
_JUDGEMENT = re.compile(
    r"(?i)\b(?:summary|gist|main|idea|topics?|reasons?|cause|opinions?|sentiment|tone|best|worst|meaning|difference|"
    r"relationship|purpose|themes?|conclusion|point|plot|story|wrong|problem|issue|explanation|likely|should|"
    r"would|could|think|mood|argument|moral|lesson|trend|pattern|anomal\w+|most|least|overall|happening|about"
    r"|going)\b"
)


@_rule(r"(?:what|which) (?:is|was|are|were) (?:the )?(?:value (?:of|for) )?(?P<subject>.+)")
def _look_up(match: re.Match[str], reader: _Reader) -> Intent | None:
    subject = reader.literal(re.sub(r"^the ", "", match["subject"], flags=re.IGNORECASE))
    if reader.spans or len(subject.split()) > 10 or _JUDGEMENT.search(subject):
        return None
    if re.search(r"(?i)\b(?:and|or|that|which|who|when|why|how|if|than)\b", subject):
        return None
    attribute, owner = "", ""
    if possessive := re.fullmatch(r"(.+?)'s? (\S+(?: \S+)?)", subject):
        owner, attribute = possessive[1], possessive[2]
    elif genitive := re.fullmatch(r"(\S+(?: \S+)?) (?:of|for) (?:the )?(.+)", subject):
        attribute, owner = genitive[1], genitive[2]
    return LookUp(subject, attribute, owner)


def _plain(reader: _Reader, rest: str | None) -> Where:
    """Conditions after a key: "in ERROR lines", "for POST requests", "with status 500"."""
    rest = (rest or "").strip()
    among = re.fullmatch(r"(?:in|of|among|for|from|logged in|by) (?:the |all )?(.+)", rest, re.IGNORECASE)
    if among:
        try:
            phrase = reader.phrase(among[1])
        except NotUnderstoodError:
            reader.obstacle = ""
        else:
            if not phrase.key and phrase.unit not in ("occurrences", "documents"):
                return phrase.where
    return reader.conditions(rest)


def _event(reader: _Reader, event: str, rest: str | None) -> Where:
    """What happened: "error", "POST request", "timeout", "ERROR line containing x"."""
    try:
        phrase = reader.phrase(f"{event} {rest or ''}")
    except NotUnderstoodError:
        reader.obstacle = ""
    else:
        if phrase.where and not phrase.key and phrase.unit in ("records", "lines", "requests"):
            return phrase.where
    level = re.fullmatch(rf"(?:{_LEVEL})", event, re.IGNORECASE)
    found: Condition = _level(event) if level else reader.needle(re.sub(rf" (?:{_LINES})$", "", event), "part")
    return (found, *reader.conditions(rest or ""))
