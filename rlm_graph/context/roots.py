"""Which places a remote caller's URIs may name: those below roots that the operator has listed, and no other.

    roots = ContextRoots(["/srv/contracts", "s3://reports/2026", "https://example.org/data/"])
    ref = roots.load("s3://reports/2026/may.pdf", store)

A caller's URI is never handed to anything that parses it: it is taken apart here, compared with the roots, and what is
opened is made from the root and the names below it. So there is no chain (`zip::file://`), no endpoint, no credentials
and no query that a library could find in it.

Covered:
- Other schemes, hosts, ports and buckets; prefixes that only begin alike (`/srv/contracts-secret`).
- `..`, `.` and empty names, written plainly or percent-encoded, however often; backslashes, control characters, NUL.
- Links below a local root, for they may lead out of it. What is named is opened name by name, each below the last, and
  no link is followed, nor one that is put there meanwhile; in a folder, links that leave it are passed over.
- Hosts whose addresses are private, local or reserved (`169.254.169.254`, `[::1]`), at the moment of connecting: the
  address that was looked at is the one that is connected to, whatever a name server says next. Redirects are looked at
  like URIs of the caller's. Proxies of the environment are not used.
Not covered:
- Whoever may write below a local root while a folder in it is read; hard links; mounts.
- What the operator's roots lead to of themselves: a server that forwards, links of an SFTP server.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import re
import socket
import ssl
import stat
import tempfile
import time
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from rlm_graph.context.load import load_context
from rlm_graph.context.materialize import CHUNK_BYTES
from rlm_graph.context.object_files import file_system
from rlm_graph.context.readers import Source
from rlm_graph.context.ref import ContextRef
from rlm_graph.context.sources import put_documents, put_text, reopened
from rlm_graph.context.store import ContextStore
from rlm_graph.errors import (
    ConfigError,
    ContextError,
    ContextNotFoundError,
    ContextTypeError,
    ContextUnreadableError,
)

ROOTS_VARIABLE: Final = "RLM_GRAPH_CONTEXT_ROOTS"
PRIVATE_VARIABLE: Final = "RLM_GRAPH_CONTEXT_PRIVATE_HOSTS"

MAX_URI_CHARS: Final = 4096
MAX_REDIRECTS: Final = 5
MAX_WEB_BYTES: Final = 1 << 30
"""Bytes of the longest page or file that is fetched from the web."""

_TIMEOUT_S: Final = 60.0
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)(/[^?#\\]*)?")
_LOCAL, _WEB = ("file", "local"), ("http", "https")
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class _Place:
    """A URI, taken apart: as it is compared and used."""

    scheme: str
    authority: str
    """Host and port, or bucket; empty for a local file."""

    names: tuple[str, ...]
    """The parts of the path."""

    slash: str = ""
    """The slash at its end, if there is one."""


@dataclass(frozen=True)
class _Root:
    """A place below which everything may be read."""

    place: _Place
    url: str
    """What is opened: as the operator wrote it; of a folder, the path without links."""


class ContextRoots:
    """The places below which a remote caller's URIs may lie.

    Args:
        roots: Local folders, and URLs of object stores (`s3://bucket/prefix`) and web servers
            (`https://host/prefix/`). None: no URI is opened.
        private_hosts: Let web roots have addresses of private networks and of this machine.
        max_web_bytes: Bytes of the longest page or file that is fetched from the web.

    Raises:
        ConfigError: a root is none, or its folder does not exist.
        MissingExtraError: a package that opens one is not installed.
    """

    def __init__(
        self, roots: Iterable[str | Path] = (), *, private_hosts: bool = False, max_web_bytes: int = MAX_WEB_BYTES
    ) -> None:
        if isinstance(roots, str | Path):
            raise ConfigError(f"roots: {str(roots)!r} is not allowed: must be a list of folders and URLs")
        self._roots = tuple(_root(root) for root in roots)
        self._private_hosts = private_hosts
        self._max_web_bytes = max_web_bytes

    @classmethod
    def from_environment(cls) -> ContextRoots:
        """The roots of `RLM_GRAPH_CONTEXT_ROOTS`, with commas between them; web hosts are public ones unless
        `RLM_GRAPH_CONTEXT_PRIVATE_HOSTS` is "true".

        Raises:
            ConfigError: a variable has a value that is not allowed.
        """  # noqa: D205 - one sentence
        private = os.environ.get(PRIVATE_VARIABLE, "").strip().lower()
        if private not in ("", "true", "false"):
            raise ConfigError(f'{PRIVATE_VARIABLE}: {private!r} is not allowed: must be "true" or "false"')
        listed = [root.strip() for root in os.environ.get(ROOTS_VARIABLE, "").split(",")]
        return cls([root for root in listed if root], private_hosts=private == "true")

    def __repr__(self) -> str:
        return f"ContextRoots({[root.url for root in self._roots]!r})"

    def load(self, uri: object, store: ContextStore) -> ContextRef:
        """Read what a caller's URI names, and put it into a store.

        A file is a text; a folder of a local root or of an object store is a list of documents.

        Raises:
            ContextTypeError: it is no URI.
            ContextUnreadableError: it is not below a root, or what is there cannot be read; the message does not tell
                whether there is anything outside the roots.
            ContextNotFoundError: there is nothing at that place below a root.
            ContextEmptyError: there are no characters in it.
        """
        root, place = self._below(uri)
        shown, names = _short(uri), place.names[len(root.place.names) :]
        if place.scheme == "file":
            return _load_local(root.url, names, shown, store)
        if place.scheme in _WEB:
            return self._load_web(place, shown, store)
        return _load_remote(root.url, names, shown, store)

    def _below(self, uri: object) -> tuple[_Root, _Place]:
        """The root that a URI lies below."""
        place = _taken_apart(uri)
        for root in self._roots:
            allowed, names = root.place, place.names[: len(root.place.names)]
            if (allowed.scheme, allowed.authority, allowed.names) == (place.scheme, place.authority, names):
                return root, place
        what = "no context is read from URIs here" if not self._roots else "it is not below a place that may be read"
        raise ContextUnreadableError(
            f"{_short(uri)} is not allowed: {what}; send the text itself, upload it, or ask the operator "
            f"({ROOTS_VARIABLE})"
        )

    def _load_web(self, place: _Place, shown: str, store: ContextStore) -> ContextRef:
        for _ in range(MAX_REDIRECTS + 1):
            with contextlib.closing(_Connection(place, private_hosts=self._private_hosts)) as connection:
                response = connection.get(place, shown)
                moved_to = response.headers.get("Location")
                if response.status in (301, 302, 303, 307, 308) and moved_to:
                    place = self._redirected(urllib.parse.urljoin(_url(place), moved_to), shown)
                    continue
                if response.status != http.client.OK:
                    kind = ContextNotFoundError if response.status in (404, 410) else ContextUnreadableError
                    raise kind(f"{shown}: the server says {response.status} {response.reason}")
                return self._put_response(response, place, shown, store)
        raise ContextUnreadableError(f"{shown}: more than {MAX_REDIRECTS} redirects")

    def _redirected(self, uri: str, shown: str) -> _Place:
        with contextlib.suppress(ContextError):
            place = self._below(uri)[1]
            if place.scheme in _WEB:
                return place
        raise ContextUnreadableError(f"{shown}: the server sends to a place that is not allowed")

    def _put_response(
        self, response: http.client.HTTPResponse, place: _Place, shown: str, store: ContextStore
    ) -> ContextRef:
        with tempfile.TemporaryDirectory(prefix="rlm-graph-") as folder:
            path = Path(folder, "fetched")
            deadline, size = time.monotonic() + 10 * _TIMEOUT_S, 0
            try:
                with path.open("wb") as file:
                    while data := response.read(CHUNK_BYTES):
                        size += len(data)
                        if size > self._max_web_bytes or time.monotonic() > deadline:
                            raise ContextUnreadableError(
                                f"{shown}: it is longer than {self._max_web_bytes:,} bytes, or slower than "
                                f"{10 * _TIMEOUT_S:g} s"
                            )
                        file.write(data)
            except (OSError, http.client.HTTPException) as error:
                raise ContextUnreadableError(f"{shown} cannot be read: {error}") from error
            html = response.headers.get_content_type() in {"text/html", "application/xhtml+xml"}
            name = PurePosixPath(place.names[-1] if place.names else place.authority)
            source = Source(
                name=name,
                open=lambda: path.open("rb", buffering=0),
                alone=True,
                suffix=".html" if html else name.suffix.lower(),
                encoding=response.headers.get_content_charset(),
            )
            return put_text(source, store)


# URIs and roots. ----------------------------------------------------------------------------------------------------


def _taken_apart(uri: object) -> _Place:
    if not isinstance(uri, str):
        raise ContextTypeError(f"a URI of a context is a text, not a value of type {type(uri).__name__}")
    if len(uri) > MAX_URI_CHARS or not uri.isprintable():
        raise ContextTypeError(f"{_short(uri)} is no URI: it has at most {MAX_URI_CHARS:,} characters, all printable")
    matched = _URI.fullmatch(uri)
    if matched is None:
        raise ContextTypeError(
            f"{_short(uri)} is no URI such as s3://bucket/name: it has no '::', query, fragment or backslash"
        )
    scheme, authority, path = matched[1].lower(), matched[2], matched[3] or ""
    if scheme in _LOCAL:
        scheme = "file"
        if authority:
            raise ContextTypeError(f"{_short(uri)} is not allowed: a file's URI has no host (file:///folder/name)")
    elif "@" in authority or not authority:
        raise ContextTypeError(f"{_short(uri)} is not allowed: it has a user's name, or no host or bucket")
    if scheme in _WEB:
        authority = _host_and_port(scheme, authority, uri)
    elif "::" in uri:
        raise ContextTypeError(f"{_short(uri)} is not allowed: no chains of file systems ('::')")
    is_coded = scheme == "file" or scheme in _WEB  # an object store's names are as they are
    path = path.removeprefix("/")
    slash = "/" if path.endswith("/") else ""
    path = path.removesuffix("/")
    return _Place(
        scheme,
        authority,
        tuple(_name(name, uri, is_coded=is_coded) for name in path.split("/")) if path or slash else (),
        slash,
    )


def _name(name: str, uri: str, *, is_coded: bool) -> str:
    """One name of a path, refused if anything that reads it, decoding it or not, could take it for a way elsewhere."""
    decoded = name
    while True:
        if decoded in ("", ".", "..") or any(char in decoded for char in "/\\\0"):
            raise ContextTypeError(f"{_short(uri)} is not allowed: it has an empty name, '.', '..', or a coded slash")
        further = urllib.parse.unquote(decoded, errors="surrogateescape")
        if further == decoded:
            break
        decoded = further
    return urllib.parse.unquote(name, errors="surrogateescape") if is_coded else name


def _host_and_port(scheme: str, authority: str, uri: str) -> str:
    """A web address as it is compared: lower case, with its port."""
    try:
        parts = urllib.parse.urlsplit(f"//{authority}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise ContextTypeError(f"{_short(uri)} is not allowed: it has no host, or a port that is no number")
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port or _PORTS[scheme]}"


def _root(given: str | Path) -> _Root:
    """A root of the operator's."""
    text = str(given)
    if not text.strip():
        raise ConfigError("roots: '' is not allowed: must be a folder or a URL such as s3://bucket/prefix")
    if "://" not in text:
        return _folder(Path(text).expanduser(), text)
    try:
        place = _taken_apart(text)
    except ContextTypeError as error:
        raise ConfigError(f"roots: {error}") from error
    if place.scheme == "file":
        return _folder(Path("/", *place.names), text)
    if place.scheme not in _WEB:
        try:
            file_system(text)
        except ValueError as error:
            raise ConfigError(f"roots: {text!r} is not allowed: {error}") from error
    return _Root(place, text)


def _folder(path: Path, text: str) -> _Root:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"roots: {text!r} is not allowed: there is no such folder") from error
    if not real.is_dir() or real == Path("/"):
        raise ConfigError(f"roots: {text!r} is not allowed: must be a folder, and not the whole disk")
    # Compared as the operator wrote it, opened where it really is.
    return _Root(_Place("file", "", Path(os.path.abspath(path)).parts[1:]), str(real))  # noqa: PTH100 - keeps links


def _short(uri: object) -> str:
    text = ascii(uri)
    return text if len(text) <= 200 else text[:200] + "…"


# Local folders. -----------------------------------------------------------------------------------------------------


def _load_local(root: str, names: tuple[str, ...], shown: str, store: ContextStore) -> ContextRef:
    try:
        opened = _open_below(root, names)
    except FileNotFoundError as error:
        raise ContextNotFoundError(f"{shown}: there is no such file or folder") from error
    except (OSError, ValueError) as error:  # ELOOP: a link; ENOTDIR: a link or a file in place of a folder
        raise ContextUnreadableError(
            f"{shown} cannot be read: it is a link, lies behind one, or may not be read"
        ) from error
    try:
        mode = os.fstat(opened).st_mode
        if stat.S_ISDIR(mode):
            return _load_folder(opened, shown, store)
        if not stat.S_ISREG(mode):
            raise ContextUnreadableError(f"{shown} cannot be read: it is no file")
        name = PurePosixPath(names[-1])
        source = Source(name=name, open=partial(reopened, opened), alone=True, suffix=name.suffix.lower())
        return put_text(source, store)
    finally:
        os.close(opened)


def _load_folder(opened: int, shown: str, store: ContextStore) -> ContextRef:
    folder = Path(f"/proc/self/fd/{opened}")  # the one that was opened, whatever its name leads to by now
    try:
        return load_context(folder, store=store)
    except ContextError as error:
        raise type(error)(str(error).replace(str(folder), shown)) from error


def _open_below(folder: str, names: tuple[str, ...]) -> int:
    """A file or folder, opened name by name without following links."""
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in names:
        try:
            below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


# Object stores. -----------------------------------------------------------------------------------------------------


def _load_remote(root: str, names: tuple[str, ...], shown: str, store: ContextStore) -> ContextRef:
    fs, base = file_system(root)
    path = "/".join([base.rstrip("/"), *names])
    # Backends raise what their clients raise (credentials, time-outs, proxies), of types that are not known here, and
    # with words that are the operator's business.
    try:
        if names and fs.isfile(path):
            return put_text(_remote_source(fs, path, names[-1], alone=True), store)
        found: dict[str, Any] = fs.find(path, detail=True)
    except ContextError:
        raise
    except Exception as error:
        raise ContextUnreadableError(f"{shown} cannot be read: {type(error).__name__}") from error
    start = f"{path}/"
    files = sorted(at for at, info in found.items() if info["type"] == "file" and at.startswith(start))
    if not files:
        raise ContextNotFoundError(f"{shown}: there is no file there")
    return put_documents([_remote_source(fs, at, at.removeprefix(start), alone=False) for at in files], store)


def _remote_source(fs: Any, path: str, name: str, *, alone: bool) -> Source:
    named = PurePosixPath(name)
    return Source(name=named, open=partial(fs.open, path, "rb"), alone=alone, suffix=named.suffix.lower())


# The web. -----------------------------------------------------------------------------------------------------------


def _url(place: _Place) -> str:
    """The URI of a place, spelt anew from its parts."""
    names = [urllib.parse.quote(name, safe="~!$&'()*+,;=:@", errors="surrogateescape") for name in place.names]
    return f"{place.scheme}://{place.authority}/{'/'.join(names)}{place.slash}"


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was looked at, and not to one that a second look-up gives."""

    def __init__(self, place: _Place, *, private_hosts: bool) -> None:
        super().__init__(place.authority, timeout=_TIMEOUT_S)
        self.default_port = _PORTS[place.scheme]
        self._tls = ssl.create_default_context() if place.scheme == "https" else None
        self._private_hosts = private_hosts

    def connect(self) -> None:
        """Look the host up, and connect to its first address that is allowed."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        allowed = [address for address in addresses if self._private_hosts or _is_public(address)]
        if not allowed:
            raise PermissionError("its address is not a public one")
        for number, address in enumerate(allowed, 1):
            try:
                self.sock = socket.create_connection((address, self.port), self.timeout)
                break
            except OSError:
                if number == len(allowed):
                    raise
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def get(self, place: _Place, shown: str) -> http.client.HTTPResponse:
        """Ask for a place on this host.

        Raises:
            ContextUnreadableError: there is no connection, or no HTTP.
        """
        try:
            target = _url(place).removeprefix(f"{place.scheme}://{place.authority}")
            self.request("GET", target, headers={"User-Agent": "rlm-graph", "Accept-Encoding": "identity"})
            return self.getresponse()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise ContextUnreadableError(f"{shown} cannot be read: {error}") from error


def _is_public(text: str) -> bool:
    """Whether an address is one of the public Internet, also where it stands for another one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo
        inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast


__all__ = ["ContextRoots"]
