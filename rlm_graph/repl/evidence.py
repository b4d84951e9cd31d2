"""What an answer rests on: quotations and places that a cell gives with it, looked up in the context.

A quotation is looked for as it stands, then with any white space between its words; what is reported is the text that
really stands there, with its place in characters. So nobody has to believe a model that something has been said.

Covered: the texts are those that the context had when the run first asked for evidence; a cell that sorts the context,
or adds to it, does not change what can be cited.
Not covered: a process that its code has taken over, past the policy, can report what it likes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

MAX_ITEMS = 200
"""Pieces of evidence for one answer."""

MAX_CITED_CHARS = 10_000
"""Characters of one: the sentence or the paragraph that the answer rests on, not the document."""

MAX_CHARS = 200_000
"""Characters of all together, the documents' names counted in."""

SHOWN_CHARS = 120
"""Characters of a quotation that a problem shows, and of what is there in its place."""

LIKE_WORDS = 4
"""Words at the beginning of a quotation that is not there, by which what was meant is looked for."""

Path = tuple[Any, ...]
"""The way to a text inside the context: nothing for a str, its place in a list, keys and places in anything else."""


class Unusable(ValueError):  # noqa: N818 - what it says of a piece of evidence
    """A piece of evidence is not accepted; the message says why, without naming it."""


class Texts:
    """The texts of a context, and the ways to them.

    Args:
        context: The context. Its lists and dicts are copied, its texts are not.
    """

    def __init__(self, context: Any) -> None:
        self._context = _copied(context)
        self._is_text = isinstance(context, str)
        self._is_list = type(context) is list and all(isinstance(item, str) for item in context)

    def look_up(self, items: Any) -> dict[str, Any]:
        """Look evidence up.

        Args:
            items: A list of pieces, or one. A piece is a quotation; `(document, start, end)` in characters;
                `(document, quotation)`; a dict with some of `document`, `start`, `end`, `text`; an item of a list or
                dict, whole.

        Returns:
            `citations`: a list of `[document, name, start, end, text, occurrences]`, no two of them equal; `problems`:
            a sentence for each piece that is not accepted.
        """
        found: dict[tuple[Any, int, int], list[Any]] = {}
        problems = []
        pieces = _pieces(items)
        for at, piece in enumerate(pieces[:MAX_ITEMS]):
            try:
                citation = self._citation(piece)
            except Unusable as why:
                problems.append(f"evidence[{at}]: {why}")
            else:
                found.setdefault((citation[0], citation[2], citation[3]), citation)
        if len(pieces) > MAX_ITEMS:
            problems.append(f"there are {len(pieces):,} pieces of evidence; the first {MAX_ITEMS} were looked up")
        citations, chars = [], 0
        for citation in found.values():
            chars += sum(len(part) for part in citation if isinstance(part, str))
            if chars > MAX_CHARS:
                problems.append(f"the evidence has more than {MAX_CHARS:,} characters in all: cite less")
                break
            citations.append(citation)
        return {"citations": citations, "problems": problems}

    def _citation(self, piece: Any) -> list[Any]:
        document, start, end, quotation = self._read(piece)
        if quotation is not None:
            return self._quoted(quotation, None if document is None else self._path(document))
        path = self._path(document)
        text = self._text(path)
        begin, stop = (0, len(text)) if start is None else (start, end)
        if not 0 <= begin < stop <= len(text):
            raise Unusable(f"there are no characters {begin} to {stop}: the text has {len(text):,}")
        return self._at(path, text, begin, stop, 1)

    def _read(self, piece: Any) -> tuple[Any, Any, Any, str | None]:
        """Document, start, end and quotation of a piece, None for what it has not."""
        if isinstance(piece, str):
            return None, None, None, str.__str__(piece)
        if (place := self._place(piece)) is not None:
            return place, None, None, None
        if type(piece) is dict and piece and piece.keys() <= _NAMES:
            document, start, end = piece.get("document", piece.get("name")), piece.get("start"), piece.get("end")
            quotation = piece.get("text", piece.get("quote"))
        elif isinstance(piece, tuple | list) and len(piece) == 3:
            (document, start, end), quotation = piece, None
        elif isinstance(piece, tuple | list) and len(piece) == 2 and isinstance(piece[1], str):
            (document, quotation), start, end = piece, None, None
        elif isinstance(piece, tuple | list) and len(piece) == 2 and self._is_text:
            (start, end), document, quotation = piece, 0, None
        elif type(piece) is int:
            document, start, end, quotation = piece, None, None, None
        else:
            raise Unusable(_FORMS)
        if isinstance(quotation, str):
            return document, None, None, str.__str__(quotation)
        if quotation is not None or (start is None) != (end is None):
            raise Unusable(_FORMS)
        if start is not None and not (type(start) is int and type(end) is int):
            raise Unusable(f"start and end must be whole numbers, not {start!r:.40} and {end!r:.40}")
        if document is None and not self._is_text:
            raise Unusable("it names no document")
        return document, start, end, None

    def _place(self, piece: Any) -> Path | None:
        """Where a list or dict stands in the context: one that was handed over whole, such as `context[3]`."""
        if not self._is_text and not self._is_list and type(piece) in (list, dict) and piece:
            for key, item in _items(self._context):
                if type(item) is type(piece) and item == piece:
                    return (key,)
        return None

    # Where it is. ---------------------------------------------------------------------------------------------------

    def _path(self, document: Any) -> Path:
        """The way to what a document's name, number or path means."""
        if self._is_text:
            if type(document) is int and document not in (0, -1):  # a name may be that of the file it came from
                raise Unusable(f"no document {document:,}: the context is one text, which is document 0")
            return ()
        if self._is_list:
            return (self._number(document),)
        path: Path = (document,)
        if isinstance(document, tuple | list):
            path = tuple(document)
        elif isinstance(document, str) and document.startswith("/"):
            path = tuple(step.replace("~1", "/").replace("~0", "~") for step in document[1:].split("/"))
        held, way = self._context, []
        for step in path:
            key = int(step) if type(held) is list and isinstance(step, str) and step.isdecimal() else step
            try:
                held = held[key]
            except (LookupError, TypeError) as error:
                raise Unusable(f"the context has no {document!r:.{SHOWN_CHARS}}") from error
            way.append(key)
        return tuple(way)

    def _number(self, document: Any) -> int:
        count = len(self._context)
        if type(document) is int and -count <= document < count:
            return document % count
        if isinstance(document, str):
            for at, text in enumerate(self._context):
                if getattr(text, "name", None) == document:
                    return at
        what = f"is named {document!r:.{SHOWN_CHARS}}" if isinstance(document, str) else f"{document!r:.40}"
        raise Unusable(f"no document {what}: there are {count:,}, numbered from 0")

    def _text(self, path: Path) -> str:
        held = self._context
        for step in path:
            held = held[step]
        if isinstance(held, str):
            return held
        try:
            return json.dumps(held, ensure_ascii=False)
        except RecursionError as error:
            raise Unusable("it is nested too deeply") from error

    def _at(self, path: Path, text: str, start: int, end: int, occurrences: int) -> list[Any]:
        if end - start > MAX_CITED_CHARS:
            raise Unusable(f"it has {end - start:,} characters, {MAX_CITED_CHARS:,} are allowed: cite what matters")
        if self._is_text or self._is_list:
            document: int | str = path[0] if path else 0
        else:
            document = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
        name = getattr(text, "name", None)
        return [document, name if isinstance(name, str) else None, start, end, text[start:end], occurrences]

    # Quotations. ----------------------------------------------------------------------------------------------------

    def _quoted(self, quotation: str, path: Path | None) -> list[Any]:
        """The first place of a quotation, and how many there are."""
        if not quotation.strip():
            raise Unusable("it is empty")
        if len(quotation) > MAX_CITED_CHARS:
            raise Unusable(f"it has {len(quotation):,} characters, {MAX_CITED_CHARS:,} are allowed: cite what matters")
        places = self._exactly(quotation, path) or self._by_words(quotation.split(), path)
        if places is None:
            shown = quotation if len(quotation) <= SHOWN_CHARS else f"{quotation[:SHOWN_CHARS]}..."
            raise Unusable(f"not in the {'context' if path is None else 'document'}: {shown!r}{self._like(quotation)}")
        where, text, start, end, occurrences = places
        return self._at(where, text, start, end, occurrences)

    def _exactly(self, quotation: str, path: Path | None) -> tuple[Path, str, int, int, int] | None:
        first, occurrences = None, 0
        for where, text in self._among(path):
            start = text.find(quotation)
            if start >= 0:
                occurrences += text.count(quotation, start)
                first = first or (where, text, start)
        if first is None:
            return None
        where, text, start = first
        return where, text, start, start + len(quotation), occurrences

    def _by_words(self, words: Sequence[str], path: Path | None) -> tuple[Path, str, int, int, int] | None:
        # What `\s++` has taken it does not give back: time is linear, whatever the text.
        pattern = re.compile(r"\s++".join(map(re.escape, words)))
        first, occurrences = None, 0
        for where, text in self._among(path):
            for found in pattern.finditer(text):
                occurrences += 1
                first = first or (where, text, found.start(), found.end())
        return None if first is None else (*first, occurrences)

    def _like(self, quotation: str) -> str:
        """What there is that begins like a quotation."""
        words = quotation.split()
        place = self._by_words(words[:LIKE_WORDS], None) if len(words) > LIKE_WORDS else None
        if place is None:
            return ""
        where, text, start, _, _ = place
        there = text[start : start + min(len(quotation), SHOWN_CHARS)]
        return f"; what begins like it is {there!r}, at {start} of document {self._at(where, text, start, start, 1)[0]}"

    def _among(self, path: Path | None) -> Iterator[tuple[Path, str]]:
        """The texts below a path, in their order."""
        held = self._context
        for step in path or ():
            held = held[step]
        if self._is_list and not path:
            yield from (((at,), text) for at, text in enumerate(held))
            return
        left = [(path or (), held)]
        while left:
            way, held = left.pop()
            if isinstance(held, str):
                yield way, held
            elif type(held) in (list, dict):
                left += [
                    ((*way, key), item)
                    for key, item in reversed(list(_items(held)))
                    if isinstance(item, str) or type(item) in (list, dict)
                ]


_NAMES = frozenset(("document", "name", "start", "end", "text", "quote"))

_FORMS = "a piece of evidence is an exact quotation (str), (document, start, end) or (document, quotation)"


def _pieces(items: Any) -> list[Any]:
    """The pieces of what a cell gave as evidence; one alone need not be in a list."""
    is_place = type(items) is tuple and any(type(part) is int for part in items)
    if isinstance(items, str | dict) or is_place:
        return [items]
    try:
        return list(items)
    except TypeError:
        return [items]


def _items(held: Any) -> Iterator[tuple[Any, Any]]:
    return iter(held.items()) if type(held) is dict else enumerate(held)


def _copied(context: Any) -> Any:
    """A copy of the lists and dicts of a context, with the same texts in it. Nothing here calls itself."""
    if type(context) not in (list, dict):
        return context
    copy = type(context)()
    left = [(context, copy)]
    while left:
        source, target = left.pop()
        for key, item in _items(source):
            held = type(item)() if type(item) in (list, dict) else item
            if type(target) is dict:
                target[key] = held
            else:
                target.append(held)
            if held is not item:
                left.append((item, held))
    return copy


__all__ = ["Texts"]
