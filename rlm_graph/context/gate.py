"""What a remote caller may have as a context: what it sends, what it has uploaded, and what the operator's roots hold.

    {"context": "the text itself"}                   any text, list or object: data
    {"context": {"handle": "rlm-..."}}               what an upload was answered with
    {"context": {"uri": "s3://reports/may.pdf"}}     below a root (`ContextRoots`)

Contexts are kept under the hashes of their contents, and hashes are no secrets: whoever can guess a text can compute
its. So a handle is signed with a key of the store, and a reference in the form that the graph's state has (`context`,
`history`, `repl`) is taken only where the caller's own thread holds that very reference: a form that shows a state
sends it back.

Covered: references to other threads' contexts, histories and REPLs in an input, in an edited state, and in a `Command`,
also in what it sends to a single node.
Not covered: who may see which thread (the server's `auth` decides); a handle that its owner gives away.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from rlm_graph.context.ref import ContextRef
from rlm_graph.context.roots import ContextRoots
from rlm_graph.context.store import ContextStore
from rlm_graph.errors import ContextError, ContextTypeError, ContextUnreadableError

HELD: Final = ("context", "history", "repl")
"""The channels that refer to what is kept elsewhere."""

_KEY_FILE: Final = "handles.key"
_KEY_BYTES: Final = 32
_HANDLE: Final = re.compile(r"rlm-([0-9a-f]{64})-([0-9a-f]{64})")


class ContextGate:
    """Decides what a remote caller's values may refer to.

    Args:
        store: Where contexts are kept.
        roots: Where URIs may lead.
    """

    def __init__(self, store: ContextStore, roots: ContextRoots) -> None:
        self.store = store
        self._roots = roots
        self._key: bytes | None = None

    def handle(self, ref: ContextRef) -> str:
        """A name for a context that nobody can guess; the same one for the same context.

        Raises:
            ContextError: the store cannot be read or written.
        """
        return f"rlm-{ref.sha256}-{self._sign(ref.sha256)}"

    def open(self, handle: object) -> ContextRef:
        """The context of a handle.

        Raises:
            ContextTypeError: it is no handle of this store.
            ContextNotFoundError: the context has been deleted since.
        """
        matched = _HANDLE.fullmatch(handle) if isinstance(handle, str) else None
        if matched is None or not hmac.compare_digest(matched[2], self._sign(matched[1])):
            raise ContextTypeError(
                f"handle: {str(handle)[:100]!r} was not given out by this server: upload the context, and pass on the "
                f"handle as it is"
            )
        return self.store.open(matched[1])

    def admitted(self, values: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
        """A caller's values for channels, with a reference of this store where they name a context.

        Args:
            values: From an input, an edited state or a command.
            held: What the caller's thread holds: the values of `HELD` in its state.

        Raises:
            ContextError: they refer to something that is not the caller's, or cannot be read.
        """
        admitted = dict(values)
        for name in needs_thread(values):
            if values[name] != held.get(name):
                raise ContextUnreadableError(
                    f"{name}: the reference is not one of this thread's; send the context itself, or a handle"
                )
        given = values.get("context")
        if type(given) is dict and given.keys() == {"handle"}:
            admitted["context"] = self.open(given["handle"]).to_state()
        elif type(given) is dict and given.keys() == {"uri"}:
            admitted["context"] = self._roots.load(given["uri"], self.store).to_state()
        return admitted

    def _sign(self, sha256: str) -> str:
        if self._key is None:
            key = self.store.files.make_once(_KEY_FILE, secrets.token_bytes(_KEY_BYTES))
            if len(key) != _KEY_BYTES:
                raise ContextError(
                    f"the key of handles in {self.store.root} is damaged: it has {len(key)} bytes, not {_KEY_BYTES}; "
                    f"delete {_KEY_FILE}, and with it all handles"
                )
            self._key = key
        return hmac.digest(self._key, f"context handle {sha256}".encode(), "sha256").hex()


def needs_thread(values: Mapping[str, Any]) -> list[str]:
    """Names of the values that only the caller's own thread can vouch for."""
    given = values.get("context")
    names = ["context"] if ContextRef.is_ref_state(given) else []
    return names + [name for name in HELD if name != "context" and values.get(name) is not None]


__all__ = ["HELD", "ContextGate", "needs_thread"]
