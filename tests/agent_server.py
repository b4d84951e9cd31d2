"""LangGraph's Agent Server on the graph of `rlm_graph.server`, in a process of its own, and what it is asked with."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langgraph_sdk import get_client, get_sync_client

START_TIMEOUT_S = 60.0

_FOREIGN = re.compile(r".*_API_KEY|.*_BASE_URL|(RLM_GRAPH|OLLAMA|OPENAI|LANGSMITH|LANGGRAPH)_.*")


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """The environment without anybody's keys and models, offline."""
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    own = {"RLM_GRAPH_HOME": str(home), "LANGSMITH_TRACING": "false", "LANGGRAPH_NO_VERSION_CHECK": "true"}
    # A port on which no Ollama answers: the discard service's.
    return {**kept, **own, "OLLAMA_HOST": "127.0.0.1:9", **more}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class AgentServer:
    """A server that was started as its users start it.

    Args:
        folder: Its log is written there.
        env: Its environment.
        command: What starts it, to which the port is added; `rlm-graph serve` if left out.
        cwd: Where it is started.
    """

    def __init__(
        self, folder: Path, env: Mapping[str, str], command: list[str] | None = None, cwd: Path | None = None
    ) -> None:
        self._env = dict(env)
        self._command = command or [sys.executable, "-m", "rlm_graph", "serve", "--no-browser"]
        self._cwd = cwd or folder
        self._log = folder / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> AgentServer:
        """Start it, and wait until it answers."""
        before = len(self.log)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, "--port", str(self.port)],
                cwd=self._cwd,
                env=self._env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while "Application started up" not in self.log[before:]:
            assert self.process.poll() is None, self.log[-5000:]
            assert time.monotonic() < deadline, self.log[-5000:]
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)

    @property
    def log(self) -> str:
        """What it has written."""
        return self._log.read_text() if self._log.exists() else ""

    def client(self) -> Any:
        """LangGraph's client."""
        return get_sync_client(url=self.url)

    def async_client(self) -> Any:
        """The same for async code."""
        return get_client(url=self.url)
