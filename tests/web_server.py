"""A web server of a test's own: a few pages, and what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Page:
    """What a request is answered with."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class WebServer:
    """A server on 127.0.0.1 that runs as long as its `with` block.

    Args:
        pages: By path, and any other path is a 404; or one page for all paths.
    """

    def __init__(self, pages: dict[str, Page] | Page) -> None:
        self.pages = pages
        self.asked: list[str] = []
        """The paths that it was asked for."""
        self.received: list[bytes] = []
        """The bodies that it was sent."""
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web._answer(self)

            def do_POST(self) -> None:
                web._answer(self)

            def do_PATCH(self) -> None:
                web._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.port: int = self._server.server_port
        self.address = f"http://127.0.0.1:{self.port}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        if body := _body(request):
            self.received.append(body)
        page = self.pages if isinstance(self.pages, Page) else self.pages.get(request.path, Page(b"no", 404))
        request.send_response(page.status)
        for name, value in {"Content-Length": str(len(page.body)), **page.headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(page.body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """What was sent with a request."""
    if request.headers.get("Transfer-Encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline(), 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body
