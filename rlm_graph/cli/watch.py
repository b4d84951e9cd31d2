"""What `rlm-graph watch` does: the report of a run, served to a browser on this machine, while the run goes on.

Covered: only who has the address, with a random word in it, gets an answer; it is served on 127.0.0.1 only, and to
requests that name this host, so that no other page's name can lead here (DNS rebinding).
Not covered: others on this machine who can read this process's output, or that of `ps` where a browser was started
with the address.
"""

from __future__ import annotations

import secrets
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from rlm_graph.cli.screen import Screen
from rlm_graph.cli.storage import Storage
from rlm_graph.cli.stories import reader_of
from rlm_graph.errors import ConfigError, RLMError
from rlm_graph.report import Following

if TYPE_CHECKING:
    from rlm_graph.story import Story

TOKEN_BYTES = 16
"""Random bytes in the address."""


def watch(name: str, *, port: int, browse: bool, store: str | None, database: str | None) -> int:
    """Serve the report of a run until Ctrl-C, and return the exit code.

    Args:
        name: The run.
        port: To listen on; 0: one that is free.
        browse: Show it in a browser.
        store: As for all commands.
        database: Likewise.

    Raises:
        RunNotFoundError: there is no such run.
        ConfigError: the port cannot be had.
    """
    screen = Screen()
    with Storage(store, database) as storage, reader_of(storage, name) as reader:

        def read() -> Story:
            with storage.clear_errors():
                return reader.read()

        following = Following(read, reader.version, words=storage.words)
        following.page()  # what is wrong with the run is said here, and not in a browser
        try:
            server = Server(following, port)
        except OSError as error:
            raise ConfigError(f"--port: {port} cannot be listened on: {error.strerror or error}") from error
        with server:
            try:
                screen.say(f"{server.address}  (Ctrl-C ends it)")
                if browse:
                    webbrowser.open(server.address)
                server.serve_forever(poll_interval=0.1)
            except KeyboardInterrupt:
                screen.say("ended; the run goes on if somebody carries it out", style="dim")
    return 0


_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class Server(ThreadingHTTPServer):
    """Serves one page and its data, on this machine only.

    Args:
        following: The page and its data.
        port: To listen on; 0: one that is free.
    """

    daemon_threads = True

    def __init__(self, following: Following, port: int) -> None:
        self.following = following
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        token, _, rest = path.removeprefix("/").partition("/")
        hosts = {f"{host}:{self.server.server_port}" for host in ("127.0.0.1", "localhost")}
        is_known = secrets.compare_digest(token.encode(), self.server.token.encode())
        if self.headers.get("Host") not in hosts or not is_known:
            self._send(404, "text/plain", "there is nothing here: the address is on the terminal of rlm-graph watch\n")
            return
        try:
            if rest == "":
                self._send(200, "text/html", self.server.following.page())
            elif rest == "data":
                have = parse_qs(query).get("have", [""])[0]
                self._send(200, "application/json", self.server.following.data(have))
            else:
                self._send(404, "text/plain", "there is nothing here\n")
        except RLMError as error:
            self._send(503, "text/plain", f"{error}\n")

    def _send(self, status: int, kind: str, text: str) -> None:
        body = text.encode("utf-8", "backslashreplace")
        try:
            self.send_response(status)
            for name, value in (*_HEADERS, ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", len(body))):
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:  # the page was closed meanwhile
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
        """Nothing: it would be a line each second."""
