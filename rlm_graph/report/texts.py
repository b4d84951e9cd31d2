"""Texts as a page can show them: what is invisible is made visible, what is too long is cut, code is highlighted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.python import PythonLexer
from pygments.token import Keyword, Name

_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

MAX_TEXT_CHARS = 100_000
"""Characters of one text in the page."""

MAX_PAGE_CHARS = 24_000_000
"""Characters of all texts in the page, about: where there are more, the longest are cut shorter."""

LEAST_TEXT_CHARS = 200
"""To which texts are cut at the most."""

_OF_THE_REPL = frozenset(
    ("llm_query", "llm_query_batched", "llm_map", "rlm_query", "rlm_query_batched", "FINAL", "FINAL_VAR", "ask_user")
)


def visible(text: str) -> str:
    """A text of as many characters, of which each can be seen and written as UTF-8.

    Control characters become their pictures; what turns a text around (a known way to hide code) and lone surrogates
    become U+FFFD. Line feeds, carriage returns and tabs stay.
    """
    return _INVISIBLE.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def fitting_limit(lengths: Iterable[int]) -> int:
    """To how many characters each of some texts is to be cut, so that all of them fit into the page."""
    found = sorted(lengths)
    limit = MAX_TEXT_CHARS
    while limit > LEAST_TEXT_CHARS and sum(min(length, limit) for length in found) > MAX_PAGE_CHARS:
        limit //= 2
    return max(limit, LEAST_TEXT_CHARS)


class _Lexer(PythonLexer):
    """Python, with what there is in the REPL marked."""

    def get_tokens_unprocessed(self, text: str, stack: Iterable[str] = ("root",)) -> Iterator[tuple[int, Any, str]]:
        """The tokens."""
        for at, token, value in super().get_tokens_unprocessed(text, stack):
            if token[:1] == ("Name",) and value in _OF_THE_REPL:
                yield at, Name.Function.Magic, value
            else:
                yield at, Keyword if token is Keyword.Namespace else token, value


_LEXER = _Lexer(stripnl=False, ensurenl=False)
_FORMATTER: Any = HtmlFormatter(nowrap=True)


def highlighted(code: str) -> str:
    """Python as HTML: escaped, with spans of Pygments' classes."""
    return str(highlight(visible(code), _LEXER, _FORMATTER))
