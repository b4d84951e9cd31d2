"""Play the models by hand: each request is a text file, and the reply is read from another beside it.

    python -m rlm_graph.testing FOLDER

prints a base URL. Give it to any client (`OPENAI_BASE_URL`), read `0001-root.request.txt`, which holds
exactly what the model would see, and write `0001-root.reply.txt`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_graph.testing.script import Reply, Request, message_text
from rlm_graph.testing.server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POLL_S = 0.1
"""Seconds between two looks at the folder: one `stat` for each request that waits."""

SETTLED_S = 0.3
"""A reply file is complete when it has not changed for so long."""

RULER_CHARS = 100


class HandPlayer:
    """A script whose replies somebody writes into a folder.

    It stands in a `ScriptedServer` like any other, so that a person can play one model and code the rest:
    `ScriptedServer({"root": HandPlayer(folder), "sub": answer_from_a_table})`.

    Requests are numbered on from the highest number in the folder: an old reply is never taken for a new one.
    One line end at the end of the file is not part of the reply. A file with nothing in it is not a reply
    yet; one that holds only a line end is the empty reply.

    Args:
        folder: where the files are; made if it is not there.
        timeout_s: seconds to wait for a reply; after that the client gets an HTTP 504.
        report: is told one line about each request, and about each that got no reply.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        timeout_s: float = 3600.0,
        report: Callable[[str], object] = lambda line: None,  # noqa: ARG005 - says nothing
    ) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._timeout_s = timeout_s
        self._report = report
        self._number = max(map(_number, self._folder.glob("*.request.txt")), default=0)

    async def __call__(self, request: Request) -> Reply:
        """Write the request, and wait for the reply."""
        self._number += 1
        name = f"{self._number:04d}-{_file_name(request.model)}"
        reply_file = self._folder / f"{name}.reply.txt"
        text = request_text(request)
        _write_at_once(self._folder / f"{name}.request.txt", text)
        self._report(f"{name}.request.txt: {len(text):,} characters; write the reply to {reply_file.name}")
        try:
            return Reply(text=await self._reply(reply_file), delay_s=0)
        except TimeoutError:
            problem = f"nobody wrote {reply_file} within {self._timeout_s:g} s"
        except UnicodeDecodeError as error:
            problem = f"{reply_file} is not UTF-8 text: {error}"
        except asyncio.CancelledError:
            self._report(f"{name}: the client no longer waits for a reply")
            raise
        self._report(f"{name}: {problem}")
        return Reply(status=504, text=problem, headers={"x-should-retry": "false"})

    async def _reply(self, reply_file: Path) -> str:
        """The text of the file as soon as it is there and complete."""
        deadline = time.monotonic() + self._timeout_s
        seen, since = None, time.monotonic()
        while time.monotonic() < deadline:
            state, now = _state(reply_file), time.monotonic()
            if state != seen:
                seen, since = state, now
            elif state is not None and now - since >= SETTLED_S:
                return _reply_text(reply_file)
            await asyncio.sleep(POLL_S)
        raise TimeoutError


class HandPlayedServer(ScriptedServer):
    """A server all of whose models are played by hand: see `HandPlayer` for the folder.

    Args:
        folder: where requests and replies are.
        timeout_s: seconds to wait for a reply.
        report: is told one line about each request.
        api_key: the key that clients must send; None takes any or none.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        timeout_s: float = 3600.0,
        report: Callable[[str], object] = lambda line: None,  # noqa: ARG005 - says nothing
        api_key: str | None = None,
        port: int = 0,
    ) -> None:
        player = HandPlayer(folder, timeout_s=timeout_s, report=report)
        super().__init__(player, api_key=api_key, port=port)


def request_text(request: Request) -> str:
    """What the model would see: its name, the settings, and each message under a line with its role."""
    settings = {name: value for name, value in request.body.items() if name not in ("model", "messages")}
    lines = [f"model: {request.model}", *(f"{name}: {_plain(settings[name])}" for name in sorted(settings))]
    for message in request.messages:
        lines += [_ruler(message), _message(message)]
    return "\n".join(lines) + "\n"


def _ruler(message: Mapping[str, Any]) -> str:
    """A line such as `======== user ========...`; a tool's result is named after the call that it answers."""
    words = [str(message[part]) for part in ("role", "name", "tool_call_id") if message.get(part)]
    return f"{'=' * 8} {' '.join(words)} ".ljust(RULER_CHARS, "=")


def _message(message: Mapping[str, Any]) -> str:
    """The text of a message, then what is in it beside text: images, tool calls."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    others = [part for part in parts if not (isinstance(part, dict) and "text" in part)]
    others += message.get("tool_calls") or []
    text = message_text(message)
    return "\n".join([text] * bool(text or not others) + [_plain(other) for other in others])


def _plain(value: object) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _file_name(model: str) -> str:
    """The model's name with nothing in it that a path could mind."""
    return re.sub(r"[^\w.-]+", "-", model, flags=re.ASCII).strip("-.")[:60] or "model"


def _number(request_file: Path) -> int:
    digits = request_file.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _write_at_once(path: Path, text: str) -> None:
    """Write a file that others see whole or not at all."""
    draft = path.with_name(f".{path.name}.part")
    # A lone surrogate is written as an escape: UTF-8 has no bytes for it.
    draft.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    draft.replace(path)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written; None as long as there is nothing in it."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat.st_size else None


def _reply_text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
