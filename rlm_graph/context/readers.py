"""From a file's bytes to text: which kind of file it is, and how each kind is read.

- Text: UTF-8; UTF-16 and UTF-32 by their mark; else Windows-1252, in which every byte means something. UTF-8
  with a few broken bytes stays UTF-8, with U+FFFD in their place. A mark at the start is not part of the
  text. Whatever is not plain UTF-8 says so in the metadata, under "encoding".
- PDF: pypdf; pages joined by form feeds.
- HTML: trafilatura (extra "html"). Without it a page that was named alone is an error, and a page in a
  folder comes as its markup, which says {"markup": "html"}: that is text too, it loses nothing, and skipping
  every page would.
- .docx, .pptx, .xlsx: markitdown (extra "office"), as Markdown. They are ZIP files; one that unpacks to far more than
  it is would take hours and all the memory, and is refused.
- Anything else is binary, and refused.

A file is opened again when a first guess was wrong, so plain text passes through in chunks, once.
"""

from __future__ import annotations

import codecs
import importlib
import io
import logging
import warnings
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from rlm_graph.context.materialize import CHUNK_BYTES, whole_characters
from rlm_graph.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePosixPath

    from rlm_graph.context.writer import ContextWriter

SNIFF_BYTES: Final = 64 << 10

MAX_UNPACKED_BYTES: Final = 1 << 30
"""What the parts of an Office file may have together, unpacked."""

_UNSUSPICIOUS_BYTES, _MAX_RATIO = 20 << 20, 100  # XML packs to a tenth or a twentieth

_OFFICE = frozenset({".docx", ".pptx", ".xlsx"})
_HTML = frozenset({".html", ".htm", ".xhtml"})
_MARKS = [  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_OF_NO_FILE = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
# Bytes that no text has, except a few by accident. Tabs, line feeds, backspaces (man pages) and escapes (colours) are.
_CONTROLS = bytes(set(range(0x20)) - set(b"\b\t\n\v\f\r\x1b")) + b"\x7f"
_ASCII = bytes(range(128))
# For pypdf, whose remarks about odd files would reach stderr where no logging is set up.
_SILENT = logging.NullHandler()
# Windows-1252 as browsers read it: its five undefined bytes are the C1 controls, so that every byte is a character.
_CP1252 = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))


class Unreadable(Exception):  # noqa: N818 - the reason why one file is skipped
    """This file cannot be read; the message says why, in a few words."""


class _NotUTF8(Exception):  # noqa: N818 - a turn in the road, not an error
    """The text is in a single-byte encoding: read it again."""


class _BrokenUTF8(Exception):  # noqa: N818 - a turn in the road, not an error
    """The text is UTF-8 with broken bytes: read it again, replacing them."""


class _Markup(Exception):  # noqa: N818 - a turn in the road, not an error
    """The page is to be read as its markup."""


@dataclass(frozen=True)
class Source:
    """A file to be read, wherever it is."""

    name: PurePosixPath
    """What the document is called, relative, with forward slashes."""

    open: Callable[[], IO[bytes]]
    """Opens it for reading, from the start, as often as it is called."""

    alone: bool = False
    """It is the only thing that was asked for, so a missing extra is an error."""

    suffix: str = ""
    """The suffix that tells the kind of file: of the name, or after the server's content type."""

    encoding: str | None = None
    """The encoding that the caller or the server says a text has; None: find out."""

    metadata: dict[str, Any] = field(default_factory=dict)
    """What is known without reading it."""


def read(source: Source, writer: ContextWriter) -> dict[str, Any]:
    """Add the file's text to the context and return its metadata.

    Raises:
        Unreadable: it cannot be read as text; nothing was added.
        MissingExtraError: an optional package reads it, and it was named alone.
    """
    try:
        with source.open() as file:
            head = _start(file)
        if b"%PDF-" in head[:1024]:
            return _add(source, writer, _pdf)
        if source.suffix in _OFFICE and head.startswith(b"PK\x03\x04"):
            return _add(source, writer, _office)
        if source.suffix in _HTML and not _is_binary(head):
            try:
                return _add(source, writer, _html)
            except _Markup:
                return _read_text(source, writer, head) | {"markup": "html"}
        return _read_text(source, writer, head)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


# Text


def _read_text(source: Source, writer: ContextWriter, head: bytes) -> dict[str, Any]:
    mark = next((name for bytes_, name in _MARKS if head.startswith(bytes_)), None)
    encoding = source.encoding or mark or "utf-8"
    if source.encoding is None and mark not in {"utf-16", "utf-32"} and _is_binary(head):
        raise Unreadable("binary")
    try:
        if _looked_up(encoding) in {"utf-8", "utf-8-sig"}:
            _pass_utf8(source, writer, skip=len(codecs.BOM_UTF8) if mark == "utf-8-sig" else 0)
        else:
            _decode(source, writer, codecs.getincrementaldecoder(encoding)())
    except LookupError as error:
        raise Unreadable(f"no such encoding: {encoding}") from error
    except UnicodeError as error:
        raise Unreadable(f"not {encoding}" if source.encoding else "binary") from error
    except _BrokenUTF8:
        encoding = f"{encoding} with broken bytes"
        _decode(source, writer, codecs.getincrementaldecoder("utf-8-sig")("replace"))
    except _NotUTF8:
        encoding = "cp1252"
        _decode(source, writer, _Windows1252())
    return source.metadata if encoding == "utf-8" else source.metadata | {"encoding": encoding}


def _looked_up(encoding: str) -> str:
    """The one name of an encoding that files have.

    Raises:
        LookupError: Python knows none, or one for something else: "zlib" unpacks, "punycode" takes quadratic time.
    """
    name = codecs.lookup(encoding).name
    if name in _OF_NO_FILE:
        raise LookupError(name)
    "a".encode(name)  # refuses those that are not of text
    return name


def _pass_utf8(source: Source, writer: ContextWriter, skip: int) -> None:
    """Copy the bytes as they are, looking only whether they are UTF-8, and counting characters."""
    with source.open() as file, writer.item() as item:
        file.read(skip)
        rest = b""
        wide = 0  # continuation bytes so far: how much speaks for UTF-8
        while data := file.read(CHUNK_BYTES):
            data = rest + data if rest else data
            if data.isascii():
                rest = b""
                item.write(data, len(data))
                continue
            cut = whole_characters(data)
            data, rest = data[:cut], data[cut:]
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                raise _verdict(source, data, wide) from error
            wide += len(data) - len(text)
            item.write(data, len(text))
        if rest:
            raise _verdict(source, rest, wide)


def _verdict(source: Source, data: bytes, wide: int) -> Exception:
    """Say what a text is that has a byte which is not UTF-8, from the chunk that holds it and what came before."""
    if source.encoding is not None:
        return Unreadable(f"not {source.encoding}")
    kept = data.decode("utf-8", "ignore").encode()
    if wide + len(kept.translate(None, _ASCII)) > len(data) - len(kept):
        return _BrokenUTF8()
    return Unreadable("binary") if _is_binary(data) else _NotUTF8()


def _decode(source: Source, writer: ContextWriter, decoder: codecs.IncrementalDecoder) -> None:
    with source.open() as file, writer.item() as item:
        while data := file.read(CHUNK_BYTES):
            item.write_text(decoder.decode(data))
        item.write_text(decoder.decode(b"", final=True))


class _Windows1252(codecs.IncrementalDecoder):
    def decode(self, data: Any, final: bool = False) -> str:  # noqa: ARG002 - every byte is whole
        return codecs.charmap_decode(data, "strict", _CP1252)[0]


def _is_binary(data: bytes) -> bool:
    """Tell whether this is no text in UTF-8 or a single-byte encoding: by its share of control characters.

    A log with a few NULs is text. Where the bytes are not even UTF-8, 1 in 100 is enough: compressed data has 1 in 9.
    """
    data = data[: whole_characters(data)]
    controls = len(data) - len(data.translate(None, _CONTROLS))
    try:
        data.decode()
    except UnicodeDecodeError:
        return controls > max(3, len(data) * 0.01)
    return controls > max(3, len(data) * 0.1)


def _start(file: IO[bytes]) -> bytes:
    """Read the first bytes; a raw file or a connection may give fewer at a time than asked for."""
    head = b""
    while len(head) < SNIFF_BYTES and (data := file.read(SNIFF_BYTES - len(head))):
        head += data
    return head


# Files that a package reads. Such a file is held in memory, and its text too.


def _add(
    source: Source, writer: ContextWriter, extract: Callable[[Source], tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file's oddities, to people who did not write it
            text, metadata = extract(source)
    except (Unreadable, MissingExtraError, _Markup, OSError):
        raise
    # Parsers meet every kind of damage, and fail with every kind of exception (KeyError, RecursionError,
    # struct.error). One bad file must not end the reading of a folder, and the reason is told.
    except Exception as error:
        raise Unreadable(f"broken {source.suffix.lstrip('.') or 'file'}: {_first_line(error)}") from error
    if not text.strip():
        raise Unreadable("no text in it (scanned pages?)" if "pages" in metadata else "no text in it")
    writer.add_text(text)
    return source.metadata | metadata


def _pdf(source: Source) -> tuple[str, dict[str, Any]]:
    import pypdf  # 0.1 s, and seldom needed

    logging.getLogger("pypdf").addHandler(_SILENT)
    with source.open() as file:
        reader = pypdf.PdfReader(io.BytesIO(file.read()))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted")
        pages = [page.extract_text() for page in reader.pages]
    return "\f".join(pages), {"extracted": "pdf", "pages": len(pages)}


def _html(source: Source) -> tuple[str, dict[str, Any]]:
    try:
        trafilatura = importlib.import_module("trafilatura")
    except ImportError as error:
        if source.alone:
            raise _missing_extra(source, "html") from error
        raise _Markup from error
    with source.open() as file:
        page = file.read()
    text = trafilatura.extract(page, favor_recall=True, include_comments=True, output_format="txt")
    if not text:
        raise _Markup  # a page of scripts or links: its markup is all there is
    return text, {"extracted": "html"}


def _office(source: Source) -> tuple[str, dict[str, Any]]:
    kind = source.suffix.lstrip(".")
    try:
        markitdown = importlib.import_module("markitdown")
        converters = importlib.import_module("markitdown.converters")
    except ImportError as error:
        raise _lacks(source, "office") from error
    # The one converter, not MarkItDown(): that starts a neural network to guess what the suffix says.
    converter = getattr(converters, f"{kind.capitalize()}Converter")()
    with source.open() as file:
        content = io.BytesIO(file.read())
    _refuse_bomb(content)
    try:
        result = converter.convert(content, markitdown.StreamInfo(extension=source.suffix))
    except markitdown.MissingDependencyException as error:
        raise _lacks(source, "office") from error
    return result.markdown, {"extracted": kind}


def _refuse_bomb(content: io.BytesIO) -> None:
    """Refuse a ZIP file by the sizes that it gives for its parts; zipfile unpacks no more of a part than that.

    Raises:
        Unreadable: they are too much.
        BadZipFile: it is none.
    """
    import zipfile  # seldom needed, like what it is needed for

    with zipfile.ZipFile(content) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    packed = content.getbuffer().nbytes
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(_UNSUSPICIOUS_BYTES, _MAX_RATIO * packed):
        raise Unreadable(f"{packed:,} bytes that unpack to {unpacked:,}")


def _lacks(source: Source, extra: str) -> Exception:
    return _missing_extra(source, extra) if source.alone else Unreadable(f"needs pip install 'rlm-graph[{extra}]'")


def _missing_extra(source: Source, extra: str) -> MissingExtraError:
    return MissingExtraError(f"{source.name} is read with the extra {extra!r}: pip install 'rlm-graph[{extra}]'")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:120]
