"""A real S3 server: moto's, in a process of its own on 127.0.0.1, which tests and their children use as they would S3.

`AWS_ENDPOINT_URL` and keys in the environment are all that a client needs to find it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

_START_TIMEOUT_S = 60.0

# One request at a time: moto looks whether a key is there and writes it in two steps, which S3 does in one.
_SERVER = """
import random, threading, time
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

s3 = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()

def full(environ, start_response):
    method = "COPY" if "HTTP_X_AMZ_COPY_SOURCE" in environ else environ["REQUEST_METHOD"]
    with lock:
        print("asked:", method, environ["PATH_INFO"] + "?" + environ["QUERY_STRING"], flush=True)
        return s3(environ, start_response)

def poorer(environ, start_response):
    if environ["REQUEST_METHOD"] == "PUT":
        time.sleep(random.random() / 2)  # writers that begin at once do not end at once
    if "HTTP_IF_NONE_MATCH" in environ:
        start_response("501 Not Implemented", [("Content-Type", "application/xml")])
        return [b"<Error><Code>NotImplemented</Code><Message>no such header here</Message></Error>"]
    return full(environ, start_response)

servers = [make_server("127.0.0.1", 0, app, threaded=True) for app in (full, poorer)]
for server in servers:
    threading.Thread(target=server.serve_forever).start()
print("ports:", *[server.server_port for server in servers], flush=True)
"""


class S3Server:
    """The server, from `__enter__` to `__exit__`."""

    url: str
    poorer_url: str
    """The same server, slow and without `If-None-Match`: many that are like S3 refuse that."""

    def __enter__(self) -> S3Server:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            self._log = Path(folder, "log")
            log = stack.enter_context(self._log.open("wb"))
            process = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not (found := re.search(r"ports: (\d+) (\d+)\n", self._log.read_text())):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the S3 server did not start: {self._log.read_text()}")
                time.sleep(0.02)
            self.url, self.poorer_url = (f"http://127.0.0.1:{port}" for port in found.groups())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environment(self, *, conditional: bool = True) -> dict[str, str]:
        """The variables by which a client finds this server, and nothing of the user's own.

        Args:
            conditional: Whether it takes `If-None-Match`.
        """
        return {
            "AWS_ENDPOINT_URL": self.url if conditional else self.poorer_url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def make_bucket(self) -> str:
        """A new bucket, by its name."""
        name = f"bucket-{uuid.uuid4().hex}"
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT")
        with urllib.request.urlopen(request):
            return name

    @contextlib.contextmanager
    def requests(self) -> Iterator[list[str]]:
        """The requests that it is sent within a `with` block, once that has ended.

        Each is like `PUT /bucket/key?query`, and `COPY` where the server copies an object.
        """
        start, seen = self._log.stat().st_size, list[str]()
        yield seen
        text = self._log.read_bytes()[start:].decode()
        seen += re.findall(r"^asked: (.*)$", text, re.MULTILINE)
