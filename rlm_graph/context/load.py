"""From a name (path, folder, glob, URI, "-") to a context in the store.

A folder is walked in order of names, below the `.gitignore` files that are in it (those above it are not its
own: a folder that was named is wanted, even where a repository ignores it). Not followed: links to folders,
and links that leave the folder. Only what could be read is a document; what could not is named in the
reference, with the reason.
"""

from __future__ import annotations

import contextlib
import difflib
import glob
import os
import shutil
import stat
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from pathspec import GitIgnoreSpec

from rlm_graph.context.materialize import CHUNK_BYTES
from rlm_graph.context.object_files import file_system
from rlm_graph.context.readers import Source
from rlm_graph.context.ref import SHOWN_NAMES, ContextRef
from rlm_graph.context.sources import put_documents, put_text
from rlm_graph.context.store import ContextStore, process_store
from rlm_graph.errors import (
    ContextEmptyError,
    ContextNotFoundError,
    ContextTypeError,
    ContextUnreadableError,
    MissingExtraError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ContextSource: TypeAlias = str | Path | Sequence[str | Path]

_NOT_WALKED = frozenset({".git", ".hg", ".svn", "__pycache__"})  # the tools' own, in no language that is read
_HTTP_TIMEOUT_S: Final = 60


def load_context(
    source: ContextSource, *, store: ContextStore | None = None, encoding: str | None = None
) -> ContextRef:
    """Read what `source` names and put it into a store.

    One file, one URI or stdin becomes a ``str``; a folder, a glob or a list becomes a list of documents with
    names. Here a ``str`` is a name, never the text: do not call this with what a remote caller sent.

    Args:
        source: a path, a folder, a glob ("logs/*.log", "**/*.py"), a URI ("s3://…", "https://…", whatever
            fsspec opens), "-" for stdin, or a list of these.
        store: where the texts go; by default the temporary store of this process.
        encoding: of text files; by default each file's own is found out.

    Raises:
        ContextNotFoundError: there is no such file, or no file that matches.
        ContextUnreadableError: none of the files could be read; the message says why.
        ContextEmptyError: the files hold no characters.
        MissingExtraError: the one file that was named needs an optional package.
    """
    store = store or process_store()
    with contextlib.ExitStack() as spooled:
        found = _Found(spooled, encoding)
        if isinstance(source, str | Path):
            single = found.add(source)
        else:
            if not isinstance(source, Sequence) or not all(isinstance(name, str | Path) for name in source):
                raise ContextTypeError("source: it is a string, a path, or a list of these")
            if not source:
                raise ContextEmptyError("source: an empty list of files")
            for name in source:
                found.add(name)
            single = False
        if single:
            return put_text(found.sources(alone=True)[0], store)
        return put_documents(found.sources(), store, skipped=list(found.skipped), nothing=partial(_nothing, found))


def _nothing(found: _Found, skipped: Sequence[str]) -> str:
    where = ", ".join(found.asked)
    if not skipped:
        ignored = f": all {found.ignored:,} are ignored by .gitignore" if found.ignored else ""
        return f"{where}: no files{ignored}"
    more = f"; and {len(skipped) - SHOWN_NAMES:,} more" if len(skipped) > SHOWN_NAMES else ""
    return f"{where}: none of the {len(skipped):,} files can be read: {'; '.join(skipped[:SHOWN_NAMES])}{more}"


@dataclass(frozen=True)
class _File:
    """A file that was found, under its full path; its name is known when all are found."""

    scheme: str
    path: PurePosixPath
    open: Any = None
    suffix: str = ""
    encoding: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class _Found:
    """The files behind the names that were given, in order, each once."""

    def __init__(self, spooled: contextlib.ExitStack, encoding: str | None) -> None:
        self.asked: list[str] = []
        self.ignored = 0
        self._spooled = spooled
        self._encoding = encoding
        self._files: dict[tuple[str, PurePosixPath], _File] = {}
        self._skipped: list[tuple[_File, str]] = []
        # By scheme, the folders that names are relative to: of each the part that all have in common.
        self._bases: dict[str, list[PurePosixPath]] = {}

    @property
    def skipped(self) -> Iterator[str]:
        """What was left out before reading: `name: why`."""
        bases = self._common_bases()
        return (f"{_name(file, bases)}: {why}" for file, why in self._skipped)

    def sources(self, *, alone: bool = False) -> list[Source]:
        """Return what is to be read, under the names that the documents will have."""
        bases = self._common_bases()
        return [
            Source(
                name=PurePosixPath(_name(file, bases)),
                open=file.open,
                alone=alone,
                suffix=file.suffix or file.path.suffix.lower(),
                encoding=self._encoding or file.encoding,
                metadata=file.metadata,
            )
            for file in self._files.values()
        ]

    def add(self, source: str | Path) -> bool:
        """Add what a name stands for; tell whether it is a single file."""
        self.asked.append(_shown(source))
        if source == "-":
            return self._add_stdin()
        if isinstance(source, str) and "://" in source:
            scheme = urllib.parse.urlsplit(source).scheme.lower()
            if scheme in {"http", "https"}:
                return self._add_http(source, scheme)
            if scheme not in {"file", "local"}:
                return self._add_remote(source, scheme)
            source = Path(LocalFileSystem._strip_protocol(source))  # noqa: SLF001 - public in all but its name
        path = _absolute(Path(source).expanduser())
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            if isinstance(source, str) and glob.has_magic(source):
                return self._add_glob(source)
            raise _no_such(source, path, error) from error
        if stat.S_ISDIR(mode):
            self._base("file", path)
            for file in self._walk(path):
                self._add(file)
            return False
        self._base("file", path.parent)
        if stat.S_ISFIFO(mode):  # <(zcat log.gz)
            with path.open("rb") as pipe:
                self._add(_File("file", PurePosixPath(path), self._spool(pipe)))
        elif stat.S_ISREG(mode):
            self._add(_local(path, path.stat().st_size))
        else:
            raise ContextUnreadableError(f"{_shown(source)} is {_special(mode)}, not a file")
        return True

    def _common_bases(self) -> dict[str, str]:
        return {scheme: os.path.commonpath(folders) for scheme, folders in self._bases.items()}

    def _base(self, scheme: str, folder: Path | PurePosixPath) -> None:
        self._bases.setdefault(scheme, []).append(PurePosixPath(folder))

    def _add(self, file: _File) -> None:
        self._files.setdefault((file.scheme, file.path), file)

    def _skip(self, path: Path, why: str) -> None:
        self._skipped.append((_File("file", PurePosixPath(path)), why))

    def _walk(self, root: Path) -> Iterator[_File]:
        """Yield a folder's files in order of their names, ignored ones left out."""
        real_root = root.resolve()
        try:
            todo = _children(root, [])
        except OSError as error:
            raise ContextUnreadableError(f"{_shown(root)} cannot be read: {error.strerror}") from error
        while todo:
            path, ignores = todo.pop()
            try:
                mode = path.lstat().st_mode
                if _ignored(path, stat.S_ISDIR(mode), ignores):
                    self.ignored += 1
                    continue
                if stat.S_ISDIR(mode):
                    todo += _children(path, ignores)
                    continue
                if stat.S_ISLNK(mode):
                    target = path.resolve(strict=True)
                    if not target.is_relative_to(real_root):
                        self._skip(path, "a link that leaves the folder")
                        continue
                status = path.stat()
            except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
                why = "a broken link" if path.is_symlink() else getattr(error, "strerror", None) or str(error)
                self._skip(path, why)
                continue
            if stat.S_ISREG(status.st_mode):
                yield _local(path, status.st_size)
            else:
                self._skip(path, "a link to a folder" if stat.S_ISDIR(status.st_mode) else _special(status.st_mode))

    def _add_glob(self, pattern: str) -> bool:
        """Add the files that match; `**` walks folders, and so heeds .gitignore, while `*` names files one by one."""
        parts = Path(pattern).expanduser().parts
        fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
        base = _absolute(Path(*parts[:fixed]))
        # Not Path.glob: here, as in a shell, `*` leaves hidden files out.
        found = glob.glob(os.path.join(*parts[fixed:]), root_dir=base, recursive=True)  # noqa: PTH118, PTH207
        matches = [base / match for match in sorted(found)]
        files = [match for match in matches if not match.is_dir()]
        if not matches:
            raise ContextNotFoundError(f"{_shown(pattern)}: no file matches")
        self._base("file", base)
        if not files:
            for folder in matches:
                for file in self._walk(folder):
                    self._add(file)
        elif "**" in parts:
            before = len(self._skipped)
            walked = {file.path for file in self._walk(base)}
            matched = {PurePosixPath(match) for match in files}
            self._skipped[before:] = [entry for entry in self._skipped[before:] if entry[0].path in matched]
            files = [match for match in files if PurePosixPath(match) in walked]
        for match in files:
            try:
                status = match.stat()
            except OSError as error:
                self._skip(match, "a broken link" if match.is_symlink() else error.strerror or str(error))
                continue
            if stat.S_ISREG(status.st_mode):
                self._add(_local(match, status.st_size))
            else:
                self._skip(match, _special(status.st_mode))
        return False

    def _add_stdin(self) -> bool:
        if sys.stdin is None:
            raise ContextNotFoundError("-: there is no standard input")
        self._base("-", PurePosixPath("/"))
        self._add(_File("-", PurePosixPath("/stdin"), self._spool(sys.stdin.buffer)))
        return True

    def _add_http(self, uri: str, scheme: str) -> bool:
        """Add a page or file from the web; by the standard library, for fsspec needs aiohttp for it."""
        request = urllib.request.Request(uri, headers={"User-Agent": "rlm-graph"})  # noqa: S310 - http or https: see add
        try:
            with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT_S) as response:  # noqa: S310 - as above
                headers = response.headers
                opened = self._spool(response)
        except urllib.error.HTTPError as error:
            error.close()
            kind = ContextNotFoundError if error.code in {404, 410} else ContextUnreadableError
            raise kind(f"{_shown(uri)}: the server says {error.code} {error.reason}") from error
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise ContextUnreadableError(f"{_shown(uri)} cannot be read: {why}") from error
        parts = urllib.parse.urlsplit(uri)
        path = PurePosixPath("/", parts.netloc, *PurePosixPath(urllib.parse.unquote(parts.path)).parts[1:])
        html = headers.get_content_type() in {"text/html", "application/xhtml+xml"}
        self._base(scheme, path.parent)
        self._add(_File(scheme, path, opened, ".html" if html else "", headers.get_content_charset()))
        return True

    def _add_remote(self, uri: str, scheme: str) -> bool:
        try:
            fs, root = file_system(uri)
        except MissingExtraError as error:
            raise MissingExtraError(f"{_shown(uri)}: {error}") from error
        except ValueError as error:
            raise ContextNotFoundError(f"{_shown(uri)}: {error}") from error
        # Backends raise what their clients raise (credentials, time-outs, proxies), of types that are not
        # known here; some connect as soon as they are made.
        except Exception as error:
            raise _unreadable(uri, error) from error
        try:
            single = not glob.has_magic(root) and fs.isfile(root)
            if single:
                found = {root: fs.info(root)}
            elif glob.has_magic(root):
                found = fs.glob(root, detail=True)
            else:
                found = fs.find(root, detail=True)
        except Exception as error:
            raise _unreadable(uri, error) from error
        sizes = {path: info.get("size") for path, info in sorted(found.items()) if info["type"] == "file"}
        if not sizes:
            raise ContextNotFoundError(f"{_shown(uri)}: no file there")
        fixed = PurePosixPath("/", *_fixed(root))
        self._base(scheme, fixed.parent if single else fixed)
        for path, size in sizes.items():
            facts = {} if size is None else {"bytes": size}
            self._add(_File(scheme, PurePosixPath("/", path), partial(fs.open, path, "rb"), metadata=facts))
        return single

    def _spool(self, stream: IO[bytes]) -> partial[IO[bytes]]:
        """Copy a stream that can be read once into a temporary file; return what opens that."""
        path = Path(self._spooled.enter_context(tempfile.TemporaryDirectory(prefix="rlm-graph-")), "spooled")
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, CHUNK_BYTES)
        return partial(path.open, "rb", buffering=0)


def _name(file: _File, bases: dict[str, str]) -> str:
    """Return what a file is called: below the common folder, and with its scheme where there are several."""
    base = bases[file.scheme]
    path = file.path.relative_to(base) if file.path.is_relative_to(base) else file.path
    # A file name on Linux is bytes. What is no UTF-8, or moves the cursor, is shown as \xe9 or \n: names are printed.
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(bases) == 1 or file.scheme == "file" else f"{file.scheme}/{text}"


@dataclass(frozen=True)
class _Ignore:
    """One .gitignore file and the folder that it stands in."""

    folder: Path
    spec: GitIgnoreSpec


def _ignored(path: Path, is_folder: bool, ignores: list[_Ignore]) -> bool:
    """Tell what the nearest .gitignore says that says anything; an ignored folder is not looked into, as in git."""
    for ignore in reversed(ignores):
        name = path.relative_to(ignore.folder).as_posix() + ("/" if is_folder else "")
        verdict = ignore.spec.check_file(name).include
        if verdict is not None:
            return verdict
    return False


def _children(folder: Path, ignores: list[_Ignore]) -> list[tuple[Path, list[_Ignore]]]:
    """List a folder, last name first: the list is used as a stack."""
    names = sorted(os.listdir(folder), reverse=True)  # noqa: PTH208 - names only: they are sorted before use
    if ".gitignore" in names:
        with contextlib.suppress(OSError):  # a folder, or not ours to read: then it says nothing
            lines = (folder / ".gitignore").read_text("utf-8", "replace").splitlines()
            ignores = [*ignores, _Ignore(folder, GitIgnoreSpec.from_lines(lines))]
    return [(folder / name, ignores) for name in names if name not in _NOT_WALKED]


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - keeps links, unlike resolve()


def _local(path: Path, size: int) -> _File:
    return _File("file", PurePosixPath(path), partial(path.open, "rb", buffering=0), metadata={"bytes": size})


def _fixed(pattern: str) -> list[str]:
    """Return the parts of a pattern before the first that has a wildcard."""
    parts: list[str] = []
    for part in PurePosixPath(pattern).parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _special(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _unreadable(uri: str, error: Exception) -> ContextUnreadableError:
    return ContextUnreadableError(f"{_shown(uri)} cannot be read: {type(error).__name__}: {error}")


def _no_such(source: str | Path, path: Path, error: OSError | ValueError) -> Exception:
    if isinstance(error, PermissionError):
        return ContextUnreadableError(f"{_shown(source)} cannot be read: {error.strerror}")
    with contextlib.suppress(OSError, ValueError):
        if close := difflib.get_close_matches(path.name, os.listdir(path.parent), n=1):  # noqa: PTH208 - names only
            return ContextNotFoundError(f"no such file or folder: {_shown(source)}; is it {close[0]}?")
    return ContextNotFoundError(f"no such file or folder: {_shown(source)}")


def _shown(source: str | Path) -> str:
    """A name for a message: one line, not too long (somebody may have passed the text itself), without a password."""
    text = str(source)
    if "://" in text:
        head, _, rest = text.partition("://")
        host, slash, path = rest.partition("/")
        text = f"{head}://{host.rpartition('@')[2]}{slash}{path}"
    text = ascii(text)[1:-1] if not text.isprintable() else text
    return text if len(text) <= 200 else text[:200] + "…"
