"""Uploads: a request's body on its way into the context store, never whole in memory.

A body is one text, whatever its type; PDF, HTML and Office files are read as the command line reads them. A form
(`multipart/form-data`) with one file is the same; with several, they are documents.

Covered: bodies that are longer than the limit (413), that are compressed, or no text (415), or empty (422); names of
files that lead elsewhere or move a cursor; Office files that unpack to far more than they are (`context/readers.py`).
Not covered: PDF, HTML and Office files are held in memory while they are read, in this process.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from email.message import Message
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from rlm_graph.context.readers import Source
from rlm_graph.context.ref import ContextRef
from rlm_graph.context.sources import put_documents, put_text, reopened
from rlm_graph.context.store import ContextStore
from rlm_graph.errors import ConfigError

logger = logging.getLogger("rlm_graph.server")

LIMIT_VARIABLE: Final = "RLM_GRAPH_MAX_UPLOAD_MB"
DEFAULT_LIMIT_MB: Final = 1024
MAX_FILES: Final = 10_000

_MAX_FIELDS: Final = 100
"""Fields of a form that are no files: they are not read, and held in memory."""

_MAX_FIELD_BYTES: Final = 64 << 10
_IN_MEMORY_BYTES: Final = 16 << 10
"""A file of a form that is longer lies on the disk, open; so many short ones need no descriptors."""

_WRITE_BYTES = 1 << 20
_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


def limit_bytes() -> int:
    """The longest body, in bytes: `RLM_GRAPH_MAX_UPLOAD_MB`.

    Raises:
        ConfigError: it is no whole number above 0.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip() or str(DEFAULT_LIMIT_MB)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{LIMIT_VARIABLE}: {text!r} is not allowed: must be a whole number of megabytes above 0")
    return int(text) << 20


async def put_body(request: Request, store: ContextStore, *, limit: int) -> ContextRef:
    """Put a request's body into the store.

    Args:
        request: With the name of the file in its query (`?name=`), if it is a single one.
        store: Where it goes.
        limit: Bytes of the longest body.

    Raises:
        HTTPException: 413: it is too long; 415: it is compressed; 400: its form is broken or has no file; 507: the
            server cannot keep it while it is read.
        ContextError: it cannot be read, or the store cannot be written.
    """
    try:
        return await _put(request, store, limit)
    except OSError as error:
        logger.exception("an upload cannot be kept")
        raise HTTPException(
            507, f"the server cannot keep the body: {error.strerror or type(error).__name__}"
        ) from error


async def _put(request: Request, store: ContextStore, limit: int) -> ContextRef:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise HTTPException(415, f"Content-Encoding {encoding!r} is not read: send the bytes as they are")
    if int(request.headers.get("content-length", "0")) > limit:
        raise _too_long(limit)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
        return await _put_form(request, store, limit)
    with await asyncio.to_thread(tempfile.TemporaryFile) as file:
        await _spool(_counted(request, limit), file)
        opens = partial(reopened, file.fileno())
        source = _source(opens, request.query_params.get("name", ""), content_type, alone=True)
        return await asyncio.to_thread(put_text, source, store)


async def _put_form(request: Request, store: ContextStore, limit: int) -> ContextRef:
    parser = MultiPartParser(
        request.headers,
        _counted(request, limit),
        max_files=MAX_FILES,
        max_fields=_MAX_FIELDS,
        max_part_size=_MAX_FIELD_BYTES,
    )
    parser.spool_max_size = _IN_MEMORY_BYTES
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"the form cannot be read: {error.message}") from error
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise HTTPException(400, "the form has no file: send one as curl -F file=@report.pdf does")
        return await asyncio.to_thread(_put_files, files, store)
    finally:
        await form.close()


def _put_files(files: Sequence[UploadFile], store: ContextStore) -> ContextRef:
    alone = len(files) == 1
    sources = [_source(_opens(file), file.filename or "", file.content_type or "", alone=alone) for file in files]
    return put_text(sources[0], store) if alone else put_documents(sources, store)


def _opens(upload: UploadFile) -> Callable[[], IO[bytes]]:
    """What opens a file of a form again and again; one that is in memory stays there, without a descriptor."""
    if (upload.size or 0) <= _IN_MEMORY_BYTES:
        return partial(io.BytesIO, upload.file.read())
    return partial(reopened, upload.file.fileno())


async def _counted(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces, up to the limit: not every client says how long it will be."""
    size = 0
    async for data in request.stream():
        size += len(data)
        if size > limit:
            raise _too_long(limit)
        yield data


async def _spool(stream: AsyncIterator[bytes], file: IO[bytes]) -> None:
    waiting: list[bytes] = []
    async for data in stream:
        waiting.append(data)
        if sum(map(len, waiting)) >= _WRITE_BYTES:
            await asyncio.to_thread(file.writelines, waiting)
            waiting = []
    await asyncio.to_thread(file.writelines, waiting)
    await asyncio.to_thread(file.flush)


def _source(opens: Callable[[], IO[bytes]], name: str, content_type: str, *, alone: bool) -> Source:
    message = Message()
    message["content-type"] = content_type
    path = _name(name)
    return Source(
        name=path,
        open=opens,
        alone=alone,
        suffix=_SUFFIXES.get(message.get_content_type()) or path.suffix.lower(),
        encoding=message.get_content_charset(),
    )


def _name(given: str) -> PurePosixPath:
    """A file's name as it is shown: relative, without steps up, printable."""
    text = "".join(char if char.isprintable() else "?" for char in given[:500]).replace("\\", "/")
    parts = [part for part in PurePosixPath(text).parts if part not in ("/", "..")]
    return PurePosixPath(*parts) if parts else PurePosixPath("upload")


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is longer than {limit >> 20:,} MB, which is the most here ({LIMIT_VARIABLE})")


__all__ = ["limit_bytes", "put_body"]
