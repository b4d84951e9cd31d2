"""The reference to a context that the graph's state holds in place of the context."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from rlm_graph.errors import ContextTypeError

ContextKind: TypeAlias = Literal["str", "list[str]", "documents", "dict", "list"]

KINDS: Final[tuple[str, ...]] = get_args(ContextKind)
PREFIX_CHARS: Final = 500
SHOWN_NAMES: Final = 20

_MARK: Final = "context_ref"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class ContextRef:
    """Where a context is and what it looks like: everything that the root model is told about it.

    ``sha256`` says what the context is; ``uri`` only says where it was put, and is never opened on behalf of
    a state.
    """

    uri: str
    """Address of the context's manifest, in the store that made this reference."""

    sha256: str
    """Hash of the manifest, which lists the hashes of the texts: 64 hex digits, the context's identity."""

    kind: ContextKind
    """What ``context`` is in the REPL."""

    items: int
    """Number of texts, documents, or members of the dict or list; 1 for a ``str``."""

    chars: int
    """Characters of all texts; for a dict or list, of its JSON."""

    bytes: int
    """The same in UTF-8."""

    prefix: str
    """The first characters of the first text that is not empty (of the JSON, for a dict or list)."""

    shape: str = ""
    """How a dict or list is built: "each item is a dict with the keys 'id', 'date', 'body'"; else empty."""

    names: tuple[str, ...] = ()
    """Names of the first documents, or of the one file that a ``str`` was read from."""

    skipped: tuple[str, ...] = ()
    """The first files that could not be read: ``name: why``."""

    skipped_count: int = 0
    """Number of all files that could not be read."""

    def to_state(self) -> dict[str, Any]:
        """Return plain JSON-able data for a LangGraph channel, without what Postgres refuses (NUL, lone surrogates)."""
        values = dataclasses.asdict(self)
        for name in ("names", "skipped"):
            values[name] = [storable(text) for text in values[name]]
        return {_MARK: values | {name: storable(getattr(self, name)) for name in ("uri", "prefix", "shape")}}

    @classmethod
    def from_state(cls, state: object) -> ContextRef:
        """Read what :meth:`to_state` wrote, trusting none of it.

        Raises:
            ContextTypeError: it is something else; the message names the field.
        """
        if not cls.is_ref_state(state):
            raise ContextTypeError(f"a context reference is a dict with the one key {_MARK!r}, not {_short(state)}")
        assert isinstance(state, dict)
        values = dict(state[_MARK])
        fields = {field.name for field in dataclasses.fields(cls)}
        if values.keys() != fields:
            wrong = ", ".join(sorted(map(str, values.keys() ^ fields)))
            raise ContextTypeError(f"a context reference has the wrong fields: missing or unknown: {wrong}")
        for name in ("names", "skipped"):
            texts = values[name]
            if not isinstance(texts, list | tuple) or len(texts) > SHOWN_NAMES or not all(map(_is_text, texts)):
                raise _bad(name, texts, f"a list of at most {SHOWN_NAMES} strings")
            values[name] = tuple(texts)
        for name in ("items", "chars", "bytes", "skipped_count"):
            if type(values[name]) is not int or values[name] < 0:
                raise _bad(name, values[name], "a whole number, 0 or more")
        for name in ("uri", "shape"):
            if not _is_text(values[name]):
                raise _bad(name, values[name], "a string")
        if not _is_text(values["prefix"]) or len(values["prefix"]) > PREFIX_CHARS:
            raise _bad("prefix", values["prefix"], f"a string of at most {PREFIX_CHARS} characters")
        if values["kind"] not in KINDS:
            raise _bad("kind", values["kind"], "one of " + ", ".join(KINDS))
        if not is_sha256(values["sha256"]):
            raise _bad("sha256", values["sha256"], "64 hex digits")
        return cls(**values)

    @staticmethod
    def is_ref_state(value: object) -> bool:
        """Tell whether `value` has the form of :meth:`to_state`; its fields are not looked at."""
        return type(value) is dict and value.keys() == {_MARK} and isinstance(value[_MARK], dict)


def is_sha256(value: object) -> bool:
    """Tell whether `value` is a hash in lower-case hex, so that it is safe as a file name."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def storable(text: str) -> str:
    """Replace what a database's text column refuses: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _bad(name: str, value: object, wanted: str) -> ContextTypeError:
    return ContextTypeError(f"a context reference: {name} is {_short(value)}; it must be {wanted}")


def _short(value: object) -> str:
    if isinstance(value, str | int | float | None):
        shown = repr(value)
        return shown if len(shown) <= 80 else shown[:80] + "…"
    return f"a value of type {type(value).__name__}"
