"""Files that were found elsewhere, put into a store: one as a text, several as documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import IO

from rlm_graph.context.readers import Source, Unreadable, read
from rlm_graph.context.ref import SHOWN_NAMES, ContextRef
from rlm_graph.context.store import ContextStore
from rlm_graph.errors import ContextUnreadableError


def put_text(source: Source, store: ContextStore) -> ContextRef:
    """Put one file into a store, as a ``str``.

    Raises:
        ContextUnreadableError: it cannot be read as text.
        ContextEmptyError: there are no characters in it.
        MissingExtraError: an optional package reads it.
    """
    writer = store.writer()
    try:
        metadata = read(source, writer)
    except Unreadable as error:
        raise ContextUnreadableError(f"{source.name} cannot be read: {error}") from error
    return store.open(writer.finish("str", names=[str(source.name)], metadata=[metadata]))


def _nothing(skipped: Sequence[str]) -> str:
    return f"none of the {len(skipped):,} files can be read: {'; '.join(skipped[:SHOWN_NAMES])}"


def put_documents(
    sources: Sequence[Source],
    store: ContextStore,
    *,
    skipped: Sequence[str] = (),
    nothing: Callable[[Sequence[str]], str] = _nothing,
) -> ContextRef:
    """Put files into a store, as documents; those that cannot be read are skipped, and named with the reason.

    Args:
        sources: The files.
        store: Where they go.
        skipped: What was skipped before, each with the reason.
        nothing: Says that there is no file left, when it is told what was skipped.

    Raises:
        ContextUnreadableError: none of them can be read.
        ContextEmptyError: there are no characters in them.
    """
    writer = store.writer()
    names, metadata, skipped = [], [], list(skipped)
    for source in sources:
        try:
            metadata.append(read(source, writer))
        except Unreadable as error:
            skipped.append(f"{source.name}: {error}")
        else:
            names.append(str(source.name))
    if not names:
        raise ContextUnreadableError(nothing(skipped))
    return store.open(writer.finish("documents", names=names, metadata=metadata, skipped=skipped))


def reopened(descriptor: int) -> IO[bytes]:
    """A file that is open, again and from its start: one reader at a time."""
    file = os.fdopen(os.dup(descriptor), "rb", buffering=0)
    file.seek(0)
    return file


__all__ = ["put_documents", "put_text", "reopened"]
