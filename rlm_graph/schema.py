"""Replies as values: what a model is told of a JSON Schema, and its reply read and checked against it.

Plain text and a check, which works with every model; no provider's own structured output is needed. The check is done
in a process of its own (`schema_worker` says why), which is started when the first schema comes.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

import rlm_graph
from rlm_graph.errors import ModelResponseError
from rlm_graph.prompts import sendable

Ask = Callable[[Sequence[BaseMessage]], Awaitable[AIMessage]]
"""Asks a model."""

MAX_SCHEMA_CHARS = 100_000
"""Characters of a schema, as JSON."""

CPU_SECONDS = 1.0
"""Time of the processor that reading and checking one reply may take, if nothing else is said."""

_BOOT = "import sys; sys.path[:0] = {path!r}; from rlm_graph.schema_worker import main; main()"


class SchemaError(ValueError):
    """The schema cannot be used: it is none, or takes too long; the message is for who wrote it."""


class MisfitError(ModelResponseError):
    """A reply does not fit the schema.

    Args:
        problems: What does not, in words.
        replies: How many were given.
    """

    def __init__(self, problems: Sequence[str], replies: int = 1) -> None:
        self.problems = tuple(problems)
        which = "the reply does not fit" if replies == 1 else f"none of {replies} replies fits; the last does not fit"
        super().__init__(f"{which} the schema: {'; '.join(self.problems)}")


def check(schema: Mapping[str, Any]) -> None:
    """Look at a schema. Blocks for a few milliseconds.

    Raises:
        SchemaError: it cannot be used.
    """
    _asked(schema, None, CPU_SECONDS)


def parse(text: str, schema: Mapping[str, Any], *, cpu_seconds: float = CPU_SECONDS) -> Any:
    """The JSON value in a model's reply that fits the schema. Blocks for a few milliseconds.

    Args:
        text: The reply: the JSON alone, in a fence, or between other text.
        schema: A JSON Schema, which is read as Draft 2020-12. It may refer to parts of itself, not to others.
        cpu_seconds: Time of the processor that it may take.

    Raises:
        MisfitError: there is no such value in it.
        SchemaError: the schema cannot be used.
    """
    answer = _asked(schema, text, cpu_seconds)
    if "value" not in answer:
        raise MisfitError(answer["problems"])
    return answer["value"]


def instructions(schema: Mapping[str, Any]) -> str:
    """What is added to a prompt whose reply is to fit the schema."""
    return (
        "\n\nReply with one JSON value that fits this JSON Schema, and with nothing else: no explanation, no code.\n"
        + json.dumps(schema, ensure_ascii=False)
    )


def complaint(error: MisfitError) -> str:
    """What is said to the model whose reply does not fit."""
    problems = "\n".join(f"- {problem}" for problem in error.problems)
    return f"Your reply does not fit the JSON Schema:\n{problems}\nReply with the corrected value, whole and alone."


async def ask_with_schema(
    ask: Ask, prompt: str | Sequence[BaseMessage], schema: Mapping[str, Any], attempts: int = 3
) -> Any:
    """A value that a model gives, which fits the schema; a reply that does not fit is sent back, with the problems.

    Args:
        ask: Asks the model. It is called up to `attempts` times, each time with the whole conversation.
        prompt: The question; or messages, the last of which is the question.
        schema: As for `parse`.
        attempts: Replies that the model may give.

    Raises:
        SchemaError: the schema cannot be used. The model is not asked.
        MisfitError: none of the replies fits.
    """
    await asyncio.to_thread(check, schema)
    messages = [HumanMessage(prompt)] if isinstance(prompt, str) else list(prompt)
    question = HumanMessage(sendable(f"{messages[-1].text}{instructions(schema)}"))
    asked: list[BaseMessage] = [*messages[:-1], question]
    for attempt in range(1, attempts + 1):
        text = str((await ask(asked)).text)
        try:
            return await asyncio.to_thread(parse, text, schema)
        except MisfitError as error:
            if attempt == attempts:
                raise MisfitError(error.problems, attempts) from error
            # Some servers refuse a message of the model's without text.
            asked = [*asked, AIMessage(text.strip() or "(no text)"), HumanMessage(sendable(complaint(error)))]
    raise ValueError(f"attempts: {attempts!r} is not allowed: must be 1 or more")


# The process. -------------------------------------------------------------------------------------------------------


def _asked(schema: Mapping[str, Any], reply: str | None, cpu_seconds: float) -> dict[str, Any]:
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"the schema cannot be used: it is no JSON value ({error})") from error
    if len(text) > MAX_SCHEMA_CHARS:
        raise SchemaError(f"the schema cannot be used: {len(text):,} characters; {MAX_SCHEMA_CHARS:,} are allowed")
    answer = _worker.ask({"schema": text, "reply": reply, "cpu_seconds": cpu_seconds})
    if "bad_schema" in answer:
        raise SchemaError(f"the schema cannot be used: {answer['bad_schema']}")
    return answer


class _Worker:
    """The process that checks, one request at a time, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._of_parent: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer. A process that was ended from outside is replaced, once.

        Raises:
            SchemaError: the request takes too long, or ends the process in another way.
        """
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                if self._process is None:
                    self._process = _started()
                answer = self._exchanged(self._process, line)
                if answer.endswith(b"\n"):
                    return dict(json.loads(answer))
                status = self._ended()
                if status == -signal.SIGPROF:
                    raise SchemaError(
                        f"the schema cannot be used: checking a reply took more than {request['cpu_seconds']:g} s; "
                        f"make it simpler (its patterns above all)"
                    )
        raise SchemaError(f"the schema cannot be used: checking a reply ended its process (status {status})")

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._ended()

    def after_fork(self) -> None:
        """In a forked process: the parent's process and lock are not ours. Its pipes would mix up answers."""
        self._lock = threading.Lock()
        self._of_parent, self._process = self._process, None  # kept: it would complain when it is collected

    def _exchanged(self, process: subprocess.Popen[bytes], line: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line)
            process.stdin.flush()
            return process.stdout.readline()
        except OSError:  # it has ended
            return b""
        except BaseException:  # Ctrl-C: the answer that is on its way must not be taken for the next one's
            process.kill()
            self._ended()
            raise

    def _ended(self) -> int | None:
        """End the process if there is one; returns its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(OSError), process:  # closes the pipes, and waits
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(CPU_SECONDS)
            process.kill()
        return process.returncode


def _started() -> subprocess.Popen[bytes]:
    root = str(Path(rlm_graph.__file__).parent.parent)
    path = [root, *(entry for entry in sys.path if entry and entry != root)]
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-s", "-c", _BOOT.format(path=path)],
        env={**kept, "LC_ALL": "C.UTF-8"},  # no keys
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for the host
    )


_worker = _Worker()
atexit.register(_worker.close)
os.register_at_fork(after_in_child=_worker.after_fork)
