"""The process that runs the model's cells, one at a time, in one namespace.

It is forked from a zygote (`zygote.py`) that has the context loaded, talks to the host over one socket (`wire.py`)
and keeps nothing that the host needs: it can be killed at any instant.

    host -> worker    run(code, functions)    reply(id, text)    fail(id, kind, message)    restore(root)    part(bytes)
    worker -> host    call(id, function, text, options)     cancel(ids)           fetch(sha256)..., restored(lost)
                      ended(stdout, error, answer, variables), parts(sha256...)..., saved(root)

Covered here: a cell's output, traceback and descriptions are bounded; names that the host owns come back after a
cell that rebound them; SIGALRM ends a cell softly, never in the middle of a frame.
Not covered here: what the code may reach (`policy.py`), and what this process may do.
"""

from __future__ import annotations

import itertools
import json
import linecache
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from rlm_graph.repl import wire
from rlm_graph.repl.ambient import Ambient
from rlm_graph.repl.calls import CALL_ERRORS, Alarm, CellTimeout, Host
from rlm_graph.repl.describe import bounded_repr, describe
from rlm_graph.repl.evidence import Texts
from rlm_graph.repl.functions import Added, as_text, as_value, asking
from rlm_graph.repl.guards import Facade
from rlm_graph.repl.policy import build_builtins, compile_cell
from rlm_graph.repl.run_ahead import HOOK, RunAhead
from rlm_graph.repl.snapshot import ContextIndex, Snapshots

MAX_STDOUT_CHARS = 200_000
"""Characters of a cell's output that leave the worker; the root model is shown fewer."""

MAX_STDERR_CHARS = 2_000
"""Characters of what a cell writes to stderr that leave the worker."""

MAX_ERROR_CHARS = 8_000
"""Characters of a traceback that leave the worker: its end, where the reason is."""

MAX_VARIABLES = 500
"""Variables that are described after a cell, in the order in which they were made."""

PACK_BYTES = 4 << 20
"""Parts of a snapshot that are sent and stored together have about so many bytes,"""

PACK_PARTS = 1000
"""and are at most so many."""

MAX_SAVED_BYTES = 256 << 20
"""Size of the largest variable that is saved."""

MAX_SAVED_ITEMS = 1_000_000
"""Items of the longest one."""

SAVE_ATTEMPTS = 3
"""How often the variables are saved anew when a thread changes them meanwhile."""

REPR_CHARS = 200
"""Characters of a variable's `repr`."""

MAX_ANSWER_CHARS = 100_000_000
"""Characters of the longest answer."""


class Submitted(BaseException):
    """The cell has submitted its answer, which ends it."""


class Unwritable(Exception):  # noqa: N818 - what it says of an answer
    """What the cell has submitted cannot be handed to the host; the message is for the model."""


class Output:
    """What the cell prints: the beginning is kept, all of it is counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Begin a new cell."""
        self._pieces: list[str] = []
        self._room = self._limit
        self.chars = 0

    def write(self, text: str) -> int:
        """Take what was printed; returns its characters."""
        size = len(text)
        self.chars += size
        if self._room > 0 and size:
            piece = text if size <= self._room else text[: self._room]
            self._pieces.append(piece)
            self._room -= len(piece)
        return size

    def text(self) -> str:
        """The beginning of what was printed."""
        return "".join(self._pieces)


class Repl:
    """The namespace and the functions in it."""

    def __init__(self, context: Any, index: ContextIndex, host: Host, alarm: Alarm) -> None:
        self._context = context
        self._host = host
        self._alarm = alarm
        self._output = Output(MAX_STDOUT_CHARS)
        self._errors = Output(MAX_STDERR_CHARS)
        self._cells = 0
        self._submitted: Any = _NOTHING
        self._evidence: Any = None
        self._typed = False
        self._texts: Texts | None = None  # where evidence is looked up, if it is
        self._left_out: dict[str, str] = {}  # variables that are not saved, and why
        self._added = Added(host)
        self._run_ahead = RunAhead(host, alarm)
        self._offered: dict[str, Any] = {}  # what the run adds: tools, `ask_user`, `history`
        self._functions: dict[str, Any] = {
            **asking(self._run_ahead),
            "FINAL": self._final(),
            "FINAL_VAR": self._final_var(),
            "SUBMIT": self._submit(),
        }
        builtins = build_builtins(
            write=self._output.write, write_error=self._errors.write, show=self._show, names=self._visible
        )
        builtins |= {error.__name__: error for error in CALL_ERRORS}
        builtins |= self._functions
        builtins[HOOK] = self._run_ahead.hook()
        self._builtins, self._standard = builtins, dict(builtins)
        self._namespace: dict[str, Any] = {"__builtins__": builtins, "__name__": "__main__"}
        self._namespace |= {"context": context, "answer": _blank_answer()}
        self._run_ahead.use(self._namespace, builtins, self._functions)
        self._ambient = Ambient()
        self._snapshots = Snapshots(
            context=index,
            reserved=self._standard,
            importer=builtins["__import__"],
            compile_cell=self._compile,
            added=self._added,
        )

    # Names that every cell starts with. -------------------------------------------------------------------------

    def _names(self) -> dict[str, Any]:
        return {name: value for name, value in self._namespace.items() if not name.startswith("__")}

    def _visible(self) -> dict[str, Any]:
        """What `globals()` shows: models look there for the functions of the REPL too."""
        return {**self._functions, **self._offered, **self._names()}

    def _variables(self) -> dict[str, Any]:
        """What the cells have made; an imported module is no variable."""
        ours = ("context", "answer")
        return {n: value for n, value in self._names().items() if n not in ours and not isinstance(value, Facade)}

    def _restore_reserved(self) -> list[str]:
        notes = []
        if self._namespace.get("context", _NOTHING) is not self._context:
            self._namespace["context"] = self._context
            notes.append("`context` was rebound; it is the whole context again: use another name for a part of it.")
        for name in (*self._functions, *self._offered):
            if name in self._namespace:
                del self._namespace[name]
                notes.append(f"`{name}` was rebound; it is what the REPL brings again: use another name.")
        return notes

    def offer(self, told: dict[str, Any]) -> list[str]:
        """Add what the run brings, in place of what it has brought so far; returns what is to be told of it."""
        offered: dict[str, Any] = self._added.offer(told["tools"], ask_user=told["ask_user"])
        if told["history"] is not None:
            offered["history"] = told["history"]
        notes = []
        for name in [name for name in offered if name not in self._offered and name in self._namespace]:
            self._namespace[f"my_{name}"] = self._namespace.pop(name)
            notes.append(f"`{name}` is what the REPL brings now; your variable of that name is `my_{name}`.")
        for name in self._offered:
            self._builtins.pop(name)
        self._builtins.update({name: self._standard[name] for name in self._offered if name in self._standard})
        self._builtins.update(offered)
        self._offered = offered
        if told["seed"] is not None:
            self._ambient.seed(told["seed"])
        self._typed = told["typed"]
        if not told["citations"]:
            self._texts = None
        elif self._texts is None:
            self._texts = Texts(self._context)
        return notes

    # The functions that submit an answer: plain closures, so that no bound method leads from a cell to this object. --

    def _final(self) -> Callable[..., None]:
        def FINAL(value: Any, evidence: Any = None) -> None:  # noqa: N802 - the name that models are taught
            """Submit the answer of the run and end the cell; `evidence` is what in the context it rests on."""
            if self._submitted is _NOTHING:  # the first one counts: code after it runs only if it was swallowed
                self._submitted, self._evidence = value, evidence
            raise Submitted

        return FINAL

    def _final_var(self) -> Callable[..., None]:
        final = self._final()

        def FINAL_VAR(name: Any, evidence: Any = None) -> None:  # noqa: N802 - the name that models know
            """Submit the variable of that name."""
            if type(name) is not str or not name.isidentifier():
                final(name, evidence)
            elif name not in self._names():
                have = ", ".join(self._variables()) or "none yet"
                raise NameError(f"FINAL_VAR({name!r}): there is no variable of that name; there are: {have}")
            else:
                final(self._namespace[name], evidence)

        return FINAL_VAR

    def _submit(self) -> Callable[..., None]:
        final = self._final()

        def SUBMIT(*values: Any, **fields: Any) -> None:  # noqa: N802 - the name that models know
            """Submit one value, or named fields."""
            evidence = fields.pop("evidence", None) if self._texts is not None else None
            if len(values) + len(fields) != 1:
                final(fields if fields and not values else list(values) if values else "", evidence)
            final(values[0] if values else next(iter(fields.values())), evidence)

        return SUBMIT

    def _show(self, value: Any) -> None:
        """The value of a cell's last line, as a prompt would show it."""
        if value is not None:
            self._output.write(bounded_repr(value, MAX_STDOUT_CHARS) + "\n")

    # One cell. ------------------------------------------------------------------------------------------------------

    def run(
        self, code: str, functions: dict[str, Any] | None, *, all_parts: bool, ahead: int, calls_left: int | None
    ) -> None:
        """Run one cell and tell the host how it ended.

        Args:
            code: Python.
            functions: What the run adds to the REPL; None if that has not changed.
            all_parts: All parts of the variables are to be sent again.
            ahead: Calls that may have been asked ahead of the code at once.
            calls_left: Sub-calls that the run has left; None without limit.
        """
        notes = [] if functions is None else self.offer(functions)
        if all_parts:
            self._snapshots.forget_stored()
        self._cells += 1
        filename = f"<cell {self._cells}>"
        self._output.clear()
        self._errors.clear()
        self._host.begin_cell(ahead=ahead, calls_left=calls_left)
        self._run_ahead.begin_cell()
        self._submitted, self._evidence = _NOTHING, None
        before = {name: id(value) for name, value in self._variables().items()}
        error: str | None = None
        answer: str | None = None
        evidence: dict[str, Any] | None = None
        try:
            with self._alarm.armed():
                error = self._execute(code, filename)
                try:
                    answer, evidence = self._answer()
                except Unwritable as why:
                    error = str(why)
                outcome = self._outcome(before)
        except CellTimeout:
            error = "TimeoutError: the cell used up its time and was stopped; the variables it had set are kept."
            outcome = self._outcome(before, may_run_code=False)
        except BaseException as failure:
            error = f"{type(failure).__name__} while the cell's result was written down"
            outcome = self._outcome(before, may_run_code=False)
        left_out = _too_large(self._variables())
        outcome["notes"] = notes + outcome["notes"] + _threads_left()
        newly = [name for name in left_out if name not in self._left_out]
        outcome["notes"] += [f"`{name}` is not saved: {left_out[name]}." for name in newly]
        outcome["evidence"] = None if answer is None else evidence
        self._left_out = left_out
        self._host.send(
            {
                "kind": "ended",
                "stdout_chars": self._output.chars,
                "failed": error is not None,
                "answered": answer is not None,
                "ran_ahead": self._host.ran_ahead,
            },
            wire.encode(self._output.text()),
            wire.encode(self._errors.text()),
            wire.encode((error or "")[-MAX_ERROR_CHARS:]),
            wire.encode(answer or ""),
            wire.encode(json.dumps(outcome, ensure_ascii=False)),
        )
        self._save()

    def _save(self) -> None:
        """Send what has changed since the last cell; threads that a cell left behind may be changing it still."""
        for attempt in range(SAVE_ATTEMPTS):
            try:
                with self._ambient.among(self._namespace):
                    saved = self._snapshots.save(self._namespace, left_out=self._left_out)
                self._send_parts(saved.blobs)
            except ConnectionError:
                raise  # the host has hung up
            except Exception as error:  # whatever the cell has made of its namespace, the cell must end
                self._snapshots.forget_stored()
                if attempt == SAVE_ATTEMPTS - 1:
                    self._host.send({"kind": "unsaved"}, wire.encode(f"{type(error).__name__}: {error}"))
            else:
                self._host.send({"kind": "saved"}, saved.root)
                return

    def _send_parts(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Send the parts of a snapshot, some together: a file for each of 10,000 texts would take seconds."""
        digests, pack, size = bytearray(), [], 0
        for digest, data in parts:
            digests += bytes.fromhex(digest)
            pack.append(data)
            size += len(data)
            if size >= PACK_BYTES or len(pack) == PACK_PARTS:
                self._host.send({"kind": "parts"}, bytes(digests), *pack)
                digests, pack, size = bytearray(), [], 0
        if pack:
            self._host.send({"kind": "parts"}, bytes(digests), *pack)

    def restore(self, root: bytes) -> None:
        """Become the REPL that a snapshot is of, and tell the host what could not be kept."""
        loaded = self._snapshots.load(root, self._host.fetch, self._namespace)
        self._namespace["context"] = self._context  # a short one is saved by value, and comes back as another object
        self._ambient.take_back(self._namespace)
        self._cells = loaded.cells
        for number, source in loaded.sources.items():
            _remember_source(f"<cell {number}>", source)
            self._run_ahead.learn(source)
        self._host.send({"kind": "restored"}, json.dumps(loaded.lost).encode())

    def _execute(self, code: str, filename: str) -> str | None:
        _remember_source(filename, code)
        try:
            compiled = self._compile(code, filename)
            self._snapshots.note_cell(self._cells, code, compiled)
            exec(compiled, self._namespace)  # noqa: S102 - what a REPL is for
        except Submitted:
            return None
        except CellTimeout:
            raise
        except SystemExit as exit_:
            return f"SystemExit: {exit_.code!r}: the cell ended here; the REPL goes on."
        except BaseException as error:
            return _traceback(error)
        finally:
            self._run_ahead.end_cell()
        return None

    def _compile(self, source: str, filename: str) -> CodeType:
        return compile_cell(source, filename, self._run_ahead.prepare)

    def _answer(self) -> tuple[str | None, dict[str, Any] | None]:
        """What the cell submitted, in any of the forms that models know, and its evidence; None for what is not there.

        Raises:
            Unwritable: it cannot be handed to the host.
        """
        value, evidence = self._submitted, self._evidence
        if value is _NOTHING:
            box = self._namespace.get("answer")
            if type(box) is dict and box.get("ready") is True:
                value, evidence = box.get("content"), box.get("evidence")
                self._namespace["answer"] = _blank_answer()
        if value is _NOTHING:  # the paper's state[Final]; `typing.Final` is no answer
            final = self._namespace.get("Final", _NOTHING)
            if final is not _NOTHING and type(final).__module__ != "typing":
                value = self._namespace.pop("Final")
        if value is _NOTHING:
            return None, None
        try:
            text = as_value(value) if self._typed else as_text(value)
        except ValueError as error:
            raise Unwritable(error) from error
        if len(text) > MAX_ANSWER_CHARS:
            raise Unwritable(f"an answer of {len(text):,} characters; {MAX_ANSWER_CHARS:,} are allowed")
        return text, None if self._texts is None or evidence is None else self._texts.look_up(evidence)

    def _outcome(self, before: dict[str, int], *, may_run_code: bool = True) -> dict[str, Any]:
        """What is told of the namespace after a cell. A `repr` may be the code's own, and run for ever."""
        notes = self._restore_reserved()  # first: a name that is the host's again is no variable
        variables = dict(itertools.islice(self._variables().items(), MAX_VARIABLES))
        return {
            "notes": notes,
            "variables": {name: describe(value) for name, value in variables.items()},
            "reprs": {name: bounded_repr(value, REPR_CHARS) for name, value in variables.items()}
            if may_run_code
            else {},
            "changed": [name for name, value in variables.items() if before.get(name) != id(value)],
        }


_NOTHING: Any = object()


def _threads_left() -> list[str]:
    """What is told of the threads that cells have left behind."""
    count = threading.active_count() - 1
    if not count:
        return []
    return [f"{count} threads are still running. Between blocks they stand still, and a restart ends them: join them."]


def _too_large(variables: dict[str, Any]) -> dict[str, str]:
    """Variables that are not saved, and why: one cell must not fill the store, nor take minutes to end.

    Looks one level deep, at C speed. What hides its size deeper costs its cell: the host stops the saving in time.
    """
    found = {}
    for name, value in variables.items():
        if type(value) not in (str, bytes, bytearray, list, tuple, set, frozenset, dict):
            continue
        items = 0 if isinstance(value, str | bytes | bytearray) else len(value)
        size = sys.getsizeof(value)
        if 0 < items <= MAX_SAVED_ITEMS:
            size += sum(map(sys.getsizeof, value.values() if type(value) is dict else value))
        if items > MAX_SAVED_ITEMS:
            found[name] = f"it has {items:,} items; {MAX_SAVED_ITEMS:,} can be kept"
        elif size > MAX_SAVED_BYTES:
            found[name] = f"it has {size:,} bytes; {MAX_SAVED_BYTES:,} can be kept"
    return found


def _remember_source(filename: str, source: str) -> None:
    """Where tracebacks find the lines of a cell."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def _blank_answer() -> dict[str, Any]:
    return {"content": "", "ready": False}


def _traceback(error: BaseException) -> str:
    """The traceback as a prompt would show it: the frames of cells only, the last ones if there are many."""
    try:
        if isinstance(error, SyntaxError):
            return "".join(traceback.format_exception_only(error)).rstrip()
        frames = [f for f in traceback.extract_tb(error.__traceback__, limit=-200) if f.filename.startswith("<cell")]
        stack = traceback.StackSummary.from_list(frames[-8:])
        reason = "".join(traceback.format_exception_only(error))
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        because = f" (raised while handling {type(cause).__name__})" if cause is not None else ""
        return "Traceback (most recent call last):\n" + "".join(stack.format()) + reason.rstrip() + because
    except CellTimeout:
        raise
    except BaseException:
        return f"{type(error).__name__} (it could not be printed)"


def serve(connection: socket.socket, context: Any, index: ContextIndex) -> None:
    """Run cells until the host hangs up."""
    threading.stack_size(1 << 20)  # a thousand threads of a cell fit into the address space
    alarm = Alarm()
    host = Host(connection, alarm)
    repl = Repl(context, index, host, alarm)
    while True:
        try:
            header, parts = host.receive()
        except EOFError:
            return
        if header["kind"] == "run":
            repl.run(
                wire.decode(parts[0]),
                json.loads(wire.decode(parts[1])) if len(parts) > 1 else None,
                all_parts=header["all_parts"],
                ahead=header["ahead"],
                calls_left=header["calls_left"],
            )
        elif header["kind"] == "restore":
            repl.restore(bytes(parts[0]))


__all__ = ["serve"]
