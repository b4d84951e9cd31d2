"""Which characters of the context stand in a prompt, found by comparing.

The context is indexed by short blocks at *anchors*: places that can be recognised by what stands around them, such as
the beginnings of words. A prompt has the same blocks at the same anchors wherever it has a piece of the context. From a
block that is found, the match is extended to both sides as far as the texts agree. Where a block is in several places,
the longest match counts; of equally long ones that which follows the last match: code that goes through equal texts
goes through them in order. A text that has hardly any anchors (a genome on one line) is indexed at regular distances,
and prompts are looked at character by character.

Covered: pieces of about 40 characters and more that lie in one text, and whole shorter lines.
Not covered: pieces that the code has changed; in contexts of more than some megabytes, where fewer anchors are kept,
pieces of less than about 500 characters that do not begin with a line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from rlm_graph.story.story import Part, Slice

K = TypeVar("K")

BLOCK_CHARS = 32
"""Characters of a block."""

LEAST_CHARS = 24
"""Shorter matches are chance, unless they are a whole line."""

LEAST_LINE_CHARS = 8
"""A line that is shorter than this says nothing, even where it is the same."""

MAX_BLOCKS = 400_000
"""Blocks of an index, about 60 MB: of more, some are left out."""

SMALL_CHARS = 4_000_000
"""A context of fewer characters has an anchor at each word."""

CHARS_PER_ANCHOR = 300
"""Where anchors are further apart than this, a text is taken for one without."""

SAMPLE_CHARS = 1_000_000
"""Characters that are looked at to know how far apart they are."""

_WORD = re.compile(r"[\W_]\w")
_SOME_WORD = re.compile(r"[ \n\t\"'(\[:/=,.-][aostAST0-3]")

MAX_LINES = 300_000
"""In a context of more lines, their beginnings are not indexed."""

MAX_CONTEXT_CHARS = 200_000_000
"""A longer context is not searched."""

MAX_PLACES = 16
"""A block that is in more places says too little."""

MAX_SLIDE_CHARS = 60_000
"""Characters of a prompt that are looked through without a match, before the rest is given up."""

MAX_SLICES = 200
"""Slices of one prompt."""


class SliceFinder:
    """An index of a context.

    Args:
        parts: Names and lengths of the texts.
        texts: The texts themselves.
    """

    def __init__(self, parts: Sequence[Part], texts: Sequence[str]) -> None:
        self._parts = parts
        self._texts = texts
        self._starts: list[int] = []  # of each text in all texts end to end
        chars = 0
        for text in texts:
            self._starts.append(chars)
            chars += len(text)
        self._anchor = self._chosen_anchor(chars)
        self._blocks: dict[int, int | list[int]] = {}  # by the block's hash: where it is, in all texts end to end
        self._lines: dict[str, int | list[int]] = {}
        self._last = 0  # where the last match ended
        self._index(chars)
        self._index_lines()

    def _chosen_anchor(self, chars: int) -> re.Pattern[str] | None:
        """What anchors look like; None where there are hardly any."""
        anchor = _WORD if chars < SMALL_CHARS else _SOME_WORD
        seen = found = 0
        for text in self._texts:
            sample = text[: SAMPLE_CHARS - seen]
            seen += len(sample)
            found += sum(1 for _ in anchor.finditer(sample)) + 1
            if seen >= SAMPLE_CHARS:
                break
        return anchor if found * CHARS_PER_ANCHOR > seen else None

    def _index(self, chars: int) -> None:
        blocks, limit = self._blocks, 1 << 63
        for text, start in zip(self._texts, self._starts, strict=True):
            if self._anchor is None:
                anchors: Iterable[int] = range(0, len(text), max(BLOCK_CHARS, chars // MAX_BLOCKS))
            else:
                anchors = chain((0,), (found.start() + 1 for found in self._anchor.finditer(text)))
            for at in anchors:
                block = hash(text[at : at + BLOCK_CHARS])
                if -limit <= block < limit:
                    _add(blocks, block, start + at)
            while len(blocks) > MAX_BLOCKS:  # half of them go, the same half from here on
                limit //= 2
                for block in [block for block in blocks if not -limit <= block < limit]:
                    del blocks[block]

    def _index_lines(self) -> None:
        lines = 0
        for text in self._texts:
            lines += text.count("\n") + 1
            if lines > MAX_LINES:
                return
        for start, text in zip(self._starts, self._texts, strict=True):
            for at, line in _lines(text):
                if len(line) >= BLOCK_CHARS:
                    _add(self._blocks, hash(line[:BLOCK_CHARS]), start + at)
                elif len(line) >= LEAST_LINE_CHARS:
                    _add(self._lines, line, start + at)

    def find(self, prompt: str) -> tuple[Slice, ...]:
        """The slices in a prompt, in the order in which they stand in it."""
        found: list[tuple[int, int, int]] = []  # start in the prompt, start in all texts, length
        covered, at, last, given_up = 0, 0, len(prompt) - BLOCK_CHARS, MAX_SLIDE_CHARS
        blocks, next_anchor = self._blocks, self._next_anchor
        while at <= last and at <= given_up and len(found) < MAX_SLICES:
            places = blocks.get(hash(prompt[at : at + BLOCK_CHARS]))
            match = self._longest(prompt, at, covered, places) if places is not None else None
            if match is None:
                at = next_anchor(prompt, at + 1)
                continue
            found.append(match)
            self._last = match[1] + match[2]
            covered = match[0] + match[2]
            at, given_up = next_anchor(prompt, covered), covered + MAX_SLIDE_CHARS
        if self._lines:
            found += self._whole_lines(prompt, found)
        return tuple(self._slice(*one) for one in sorted(found))

    def _next_anchor(self, prompt: str, at: int) -> int:
        """The first place, from one on, where a block of the context may begin."""
        if self._anchor is None:
            return at
        found = self._anchor.search(prompt, at - 1)
        anchor = len(prompt) if found is None else found.start() + 1
        if self._anchor is _WORD:
            return anchor
        line = prompt.find("\n", at - 1, anchor)
        return anchor if line < 0 else line + 1

    def _longest(self, prompt: str, at: int, covered: int, places: int | list[int]) -> tuple[int, int, int] | None:
        """The longest match around a block, as far back as `covered`; None if the hash was all that is the same."""
        best: tuple[int, int, int] | None = None
        candidates = [places] if isinstance(places, int) else places
        if len(candidates) > MAX_PLACES:
            return None
        for place in self._nearest_first(candidates):
            number = bisect_right(self._starts, place) - 1
            text, inside = self._texts[number], place - self._starts[number]
            if text[inside : inside + BLOCK_CHARS] != prompt[at : at + BLOCK_CHARS]:
                continue
            back = _agree_before(text, inside, prompt, at, min(inside, at - covered))
            length = back + _agree_after(text, inside, prompt, at)
            # Spaces and line ends around a piece are as likely the prompt's as the context's.
            while inside > back and text[inside - back].isspace():
                back, length = back - 1, length - 1
            while inside - back + length < len(text) and text[inside - back + length - 1].isspace():
                length -= 1
            if best is None or length > best[2]:
                best = (at - back, place - back, length)
        return best if best is not None and best[2] >= LEAST_CHARS else None

    def _nearest_first(self, places: Sequence[int]) -> Sequence[int]:
        """Those at and after the end of the last match, then those before it."""
        if len(places) == 1:
            return places
        return sorted(places, key=lambda place: (place < self._last, place))

    def _whole_lines(self, prompt: str, found: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
        """Lines that are too short for a block, and stand in one place of the context only."""
        taken = sorted((start, start + length) for start, _, length in found)
        for at, line in _lines(prompt):
            places = self._lines.get(line) if LEAST_LINE_CHARS <= len(line) < BLOCK_CHARS else None
            if isinstance(places, int) and not any(start <= at < end for start, end in taken):
                yield at, places, len(line)

    def _slice(self, at: int, start: int, length: int) -> Slice:
        number = bisect_right(self._starts, start) - 1
        inside = start - self._starts[number]
        return Slice(number, self._parts[number].name, inside, inside + length, at)


def _add(index: dict[K, int | list[int]], key: K, place: int) -> None:
    known = index.setdefault(key, place)
    if known == place:
        return
    if isinstance(known, int):
        index[key] = [known, place]
    elif len(known) <= MAX_PLACES and known[-1] != place:
        known.append(place)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text, each with where it begins."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield at, text[at:end]
        at = end + 1


def _agree_after(one: str, at: int, other: str, other_at: int) -> int:
    """How many characters are the same from two places on."""
    most = min(len(one) - at, len(other) - other_at)
    return _agreeing(most, 256, lambda a, b: one[at + a : at + b] == other[other_at + a : other_at + b])


def _agree_before(one: str, at: int, other: str, other_at: int, most: int) -> int:
    """Likewise before two places, at most so many."""
    return _agreeing(most, 64, lambda a, b: one[at - b : at - a] == other[other_at - b : other_at - a])


def _agreeing(most: int, step: int, agree: Callable[[int, int], bool]) -> int:
    """How many are the same, of at most so many; compared in longer and longer, then shorter pieces."""
    same = 0
    while same < most:
        step = min(step, most - same)
        if agree(same, same + step):
            same += step
            step *= 2
        elif step == 1:
            break
        else:
            step //= 2
    return same
