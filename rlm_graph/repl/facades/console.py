"""What a cell prints to and asks of its REPL: `print`, `globals()`, `sys`, `traceback`, `logging`, `warnings`..."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import pprint
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rlm_graph.repl import guards

_MAX_RECURSION = 10_000
"""Python frames that a cell may ask for; with more, C code in between could overflow the stack."""


class Stream:
    """`sys.stdout` and `sys.stderr` of a cell."""

    __slots__ = ("_write",)
    encoding = "utf-8"
    errors = "strict"
    closed = False

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def write(self, text: str) -> int:
        """Print text."""
        if not issubclass(type(text), str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        exact = str.__str__(text)
        self._write(exact)
        return len(exact)

    def writelines(self, lines: Iterable[str]) -> None:
        """Print several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """It is no terminal."""
        return False

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def readable(self) -> bool:
        """It cannot be read."""
        return False


def _runs_a_cell(frame: types.FrameType) -> bool:
    """Whether a frame runs a cell's code: the frames of our own functions are nobody's to see."""
    return frame.f_code.co_filename.startswith("<cell")


def _is_public(name: str) -> bool:
    return name.isidentifier() and not guards.is_dunder(name)


def _local_names(frame: types.FrameType) -> dict[str, Any]:
    """The names of the function of a cell that a frame runs; empty outside of functions."""
    if not _runs_a_cell(frame) or frame.f_locals is frame.f_globals:
        return {}
    return {name: value for name, value in frame.f_locals.items() if _is_public(name)}


def _names_of(public: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """A view of the REPL's names. It writes through to the namespace, which it does not let out of its hands."""

    def bind(name: Any, value: Any) -> None:
        if type(name) is not str or not _is_public(name):
            raise PermissionError(f"globals()[{name!r}] cannot be set: only plain names of variables can")
        namespace[name] = value

    class Names(dict[str, Any]):
        def __setitem__(self, name: str, value: Any) -> None:
            bind(name, value)
            super().__setitem__(name, value)

        def __delitem__(self, name: str) -> None:
            super().__delitem__(name)
            namespace.pop(name, None)

        def update(self, *args: Any, **values: Any) -> None:
            for name, value in dict(*args, **values).items():
                self[name] = value

        def setdefault(self, name: str, default: Any = None) -> Any:
            if name not in self:
                self[name] = default
            return self[name]

        def pop(self, name: str, *default: Any) -> Any:
            value = super().pop(name, *default)
            namespace.pop(name, None)
            return value

        def __ior__(self, other: Any) -> Names:  # type: ignore[misc, override]
            self.update(other)
            return self

    return Names(public)


class Console:
    """One REPL's output and names, and the functions over them. Only these functions reach a cell."""

    def __init__(
        self,
        write: Callable[[str], object],
        write_error: Callable[[str], object],
        names: Callable[[], dict[str, Any]],
    ) -> None:
        self._names = names
        self.sys = guards.facade("sys", _sys_contents(Stream(write), Stream(write_error)), why=_SYS_WHY)

    def _public_names(self) -> dict[str, Any]:
        return {name: value for name, value in self._names().items() if _is_public(name)}

    def _stream(self, name: str) -> Any:
        return self.sys.__dict__[name]

    def builtins(self) -> dict[str, Any]:
        """The builtins that print, or tell the REPL's names."""
        stream, public_names = self._stream, self._public_names

        def print(*values: Any, sep: Any = " ", end: Any = "\n", file: Any = None, flush: Any = False) -> None:  # noqa: A001
            """Print values."""
            builtins.print(*values, sep=sep, end=end, file=stream("stdout") if file is None else file, flush=flush)

        def globals() -> dict[str, Any]:  # noqa: A001
            """The REPL's names and values; what is written into it becomes a variable."""
            frame = sys._getframe(1)  # noqa: SLF001 - the builtin's way too
            return _names_of(public_names(), frame.f_globals if _runs_a_cell(frame) else {})

        def locals() -> dict[str, Any]:  # noqa: A001
            """A copy of the function's names and values; outside of functions, of the REPL's."""
            return _local_names(sys._getframe(1)) or public_names()  # noqa: SLF001

        def vars(*values: Any) -> Any:  # noqa: A001
            """The attributes of an object, or what `locals()` gives."""
            if values:
                return guards.get_attribute(values[0], "__dict__")
            return _local_names(sys._getframe(1)) or public_names()  # noqa: SLF001

        def dir(*values: Any) -> list[str]:  # noqa: A001
            """The names of attributes of an object, or what `locals()` has."""
            if values:
                return guards.attribute_names(values[0])
            return sorted(_local_names(sys._getframe(1)) or public_names())  # noqa: SLF001

        return {
            "print": print,
            "globals": globals,
            "locals": locals,
            "vars": vars,
            "dir": dir,
            "exit": _exit,
            "quit": _exit,
        }

    def modules(self) -> dict[str, dict[str, Any]]:
        """Contents of the facades that print or look at names."""
        return {
            "contextlib": {
                "redirect_stdout": self._redirector("stdout"),
                "redirect_stderr": self._redirector("stderr"),
            },
            "logging": _logging_contents(lambda: self._stream("stderr")),
            "pprint": self._pprint(),
            "traceback": self._traceback(),
            "typing": {"get_type_hints": self._type_hints()},
            "warnings": self._warnings(),
            "sys": {},
        }

    def explanations(self) -> dict[str, tuple[dict[str, Any], str]]:
        """Facades that say why something is missing, with their further contents."""
        return {
            "io": ({}, "files cannot be read or written here; io.StringIO and io.BytesIO hold text and bytes"),
            "threading": ({}, "threads can be started and waited for, not watched"),
        }

    def _redirector(self, name: str) -> Callable[[Any], Any]:
        facade = self.sys

        @contextlib.contextmanager
        def redirect(new_target: Any) -> Iterator[Any]:
            before = facade.__dict__[name]
            facade.__dict__[name] = new_target
            try:
                yield new_target
            finally:
                facade.__dict__[name] = before

        return redirect

    def _pprint(self) -> dict[str, Any]:
        stream = self._stream

        def pp(value: Any, stream_: Any = None, **options: Any) -> None:
            """Print a value over several lines."""
            target = options.pop("stream", stream_)
            text = pprint.pformat(value, **options)
            builtins.print(text, file=stream("stdout") if target is None else target)

        return {"pprint": pp, "pp": lambda value, **options: pp(value, **{"sort_dicts": False, **options})}

    def _traceback(self) -> dict[str, Any]:
        stream = self._stream

        def format_exc(limit: int | None = None, chain: bool = True) -> str:
            """The exception being handled, with its traceback."""
            error = sys.exception()
            return "NoneType: None\n" if error is None else "".join(_format(error, error.__traceback__, limit, chain))

        def format_exception(
            exc: Any, value: Any = None, tb: Any = None, limit: int | None = None, chain: bool = True
        ) -> list[str]:
            """The lines that tell of an exception."""
            error = exc if value is None else value
            if not isinstance(error, BaseException):
                return [f"{type(error).__name__}: {error}\n"]
            return _format(error, guards.real_traceback(tb) or error.__traceback__, limit, chain)

        def print_exc(limit: int | None = None, file: Any = None, chain: bool = True) -> None:
            """Print the exception being handled."""
            builtins.print(format_exc(limit, chain), end="", file=stream("stderr") if file is None else file)

        def print_exception(
            exc: Any, value: Any = None, tb: Any = None, limit: int | None = None, file: Any = None, chain: bool = True
        ) -> None:
            """Print an exception."""
            text = "".join(format_exception(exc, value, tb, limit, chain))
            builtins.print(text, end="", file=stream("stderr") if file is None else file)

        def format_exception_only(exc: Any, value: Any = None) -> list[str]:
            """The last lines, without a traceback."""
            return traceback.format_exception_only(exc if value is None else value)

        def format_tb(tb: Any, limit: int | None = None) -> list[str]:
            """The frames of a traceback."""
            return _cell_frames(guards.real_traceback(tb), limit).format()

        def extract_tb(tb: Any, limit: int | None = None) -> list[traceback.FrameSummary]:
            """The frames of a traceback, with `lineno`, `name` and `line`."""
            return list(_cell_frames(guards.real_traceback(tb), limit))

        def print_tb(tb: Any, limit: int | None = None, file: Any = None) -> None:
            """Print the frames of a traceback."""
            builtins.print("".join(format_tb(tb, limit)), end="", file=stream("stderr") if file is None else file)

        functions: list[Callable[..., Any]] = [
            format_exc, format_exception, format_exception_only, format_tb, extract_tb, print_exc, print_exception,
            print_tb,
        ]  # fmt: skip
        return {function.__name__: function for function in functions}

    def _type_hints(self) -> Callable[..., dict[str, Any]]:
        public_names = self._public_names

        def get_type_hints(obj: Any, *_namespaces: Any, include_extras: bool = False) -> dict[str, Any]:  # noqa: ARG001
            """The annotations. Text that is a name is looked up; any other text is left, and never evaluated."""
            owners = reversed(obj.__mro__) if isinstance(obj, type) else [obj]
            known = {**_BUILTIN_CLASSES, **public_names()}
            hints: dict[str, Any] = {}
            for owner in owners:
                found = inspect.get_annotations(owner)
                for name, hint in found.items():
                    hints[name] = known.get(hint, hint) if type(hint) is str else hint
            return {name: guards.disclosed(hint) for name, hint in hints.items()}

        return get_type_hints

    def _warnings(self) -> dict[str, Any]:
        stream = self._stream

        def warn(message: Any, category: Any = None, *_place: Any, **_named: Any) -> None:
            """Print a warning."""
            kind = type(message) if isinstance(message, Warning) else category or UserWarning
            builtins.print(f"{kind.__name__}: {message}", file=stream("stderr"))

        def ignore(*_arguments: Any, **_keywords: Any) -> None:
            """Filters have no effect here: each warning is printed."""

        @contextlib.contextmanager
        def catch_warnings(*_arguments: Any, record: bool = False, **_keywords: Any) -> Iterator[list[Any] | None]:
            """Has no effect here."""
            yield [] if record else None

        return {
            "warn": warn,
            "simplefilter": ignore,
            "filterwarnings": ignore,
            "resetwarnings": ignore,
            "catch_warnings": catch_warnings,
        }


_BUILTIN_CLASSES = {cls.__name__: cls for cls in guards.SUBCLASSABLE if cls.__module__ == "builtins"}


def _exit(status: object = None) -> None:
    raise SystemExit(status)


_SYS_WHY = (
    "the interpreter and its process cannot be looked at or changed; output goes through print, "
    "contextlib.redirect_stdout catches it, and the input is in the variable `context`"
)


def _sys_contents(stdout: Stream, stderr: Stream) -> dict[str, Any]:
    names = (
        "maxsize maxunicode version version_info hexversion byteorder float_info int_info hash_info platform "
        "getsizeof intern get_int_max_str_digits set_int_max_str_digits getrecursionlimit"
    )
    return {
        **{name: getattr(sys, name) for name in names.split()},
        "stdout": stdout,
        "stderr": stderr,
        "argv": [""],
        "exit": _exit,
        "exc_info": _exc_info,
        "exception": lambda: sys.exception(),  # the one of the caller: found by walking up the stack
        "setrecursionlimit": _set_recursion_limit,
    }


def _exc_info() -> tuple[Any, Any, Any]:
    error = sys.exception()
    if error is None:
        return None, None, None
    return type(error), error, guards.get_attribute(error, "__traceback__")


def _set_recursion_limit(limit: int) -> None:
    """`sys.setrecursionlimit`, up to what the stack holds."""
    sys.setrecursionlimit(min(limit, _MAX_RECURSION))


# Tracebacks: the frames of cells only. ------------------------------------------------------------------------------


def _is_cell(filename: str) -> bool:
    """Code of the host is in files; frozen modules are no cells either."""
    return filename.startswith("<") and not filename.startswith("<frozen")


def _cell_frames(tb: types.TracebackType | None, limit: int | None) -> traceback.StackSummary:
    frames = ((frame, line) for frame, line in traceback.walk_tb(tb) if _is_cell(frame.f_code.co_filename))
    return traceback.StackSummary.extract(frames, limit=limit)


def _format(error: BaseException, tb: types.TracebackType | None, limit: int | None, chain: bool) -> list[str]:
    told = traceback.TracebackException(type(error), error, tb, limit=limit, lookup_lines=False)
    seen: set[int] = set()
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        part = waiting.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        part.stack = traceback.StackSummary.from_list([f for f in part.stack if _is_cell(f.filename)])
        waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return list(told.format(chain=chain))


# logging: levels, names and messages; every handler is the console. ---------------------------------------------------

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def _logging_contents(stream: Callable[[], Any]) -> dict[str, Any]:
    loggers: dict[str, Logger] = {}
    root = Logger("root", stream, None)
    root.setLevel("WARNING")

    def get_logger(name: str | None = None) -> Logger:
        return root if not name or name == "root" else loggers.setdefault(name, Logger(name, stream, root))

    def basic_config(*, level: int | str | None = None, **_options: Any) -> None:
        if level is not None:
            root.setLevel(level)

    return {
        **_LEVELS,
        "WARN": 30,
        "NOTSET": 0,
        "FATAL": 50,
        "getLogger": get_logger,
        "basicConfig": basic_config,
        "disable": lambda level=50: root.setLevel(level + 1),
        "Logger": Logger,
        "StreamHandler": Handler,
        "NullHandler": Handler,
        "Handler": Handler,
        "Formatter": Handler,
        **{name: getattr(root, name) for name in ["debug", "info", "warning", "error", "critical", "exception", "log"]},
    }


class Handler:
    """A handler or formatter of `logging`: taken, and without effect."""

    def __init__(self, *_arguments: Any, **_keywords: Any) -> None:
        self.level = 0

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - the name in logging
        """Has no effect."""

    def setFormatter(self, formatter: Any) -> None:  # noqa: N802 - the name in logging
        """Has no effect."""


class Logger:
    """A logger: messages at or above its level are printed, as `LEVEL:name:message`."""

    __slots__ = ("_level", "_parent", "_stream", "name")

    def __init__(self, name: str, stream: Callable[[], Any], parent: Logger | None) -> None:
        self.name = name
        self._stream = stream
        self._parent = parent
        self._level = 0

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - the name in logging
        """Print messages from this level on."""
        self._level = _LEVELS[level] if isinstance(level, str) else level

    def getEffectiveLevel(self) -> int:  # noqa: N802 - the name in logging
        """The level from which on messages are printed."""
        return self._level or (self._parent.getEffectiveLevel() if self._parent else 0)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name in logging
        """Are messages of this level printed?"""
        return level >= self.getEffectiveLevel()

    def log(self, level: int, message: Any, *arguments: Any, exc_info: Any = None, **_options: Any) -> None:
        """Print a message of this level."""
        if not self.isEnabledFor(level):
            return
        label = next((name for name, number in _LEVELS.items() if number == level), f"Level {level}")
        text = str(message) % _message_values(arguments) if arguments else str(message)
        builtins.print(f"{label}:{self.name}:{text}", file=self._stream())
        error = sys.exception()
        if exc_info and error is not None:
            builtins.print("".join(_format(error, error.__traceback__, None, True)), end="", file=self._stream())

    def debug(self, message: Any, *arguments: Any, **options: Any) -> None:
        """Print a message."""
        self.log(10, message, *arguments, **options)

    def info(self, message: Any, *arguments: Any, **options: Any) -> None:
        """Print a message."""
        self.log(20, message, *arguments, **options)

    def warning(self, message: Any, *arguments: Any, **options: Any) -> None:
        """Print a message."""
        self.log(30, message, *arguments, **options)

    def error(self, message: Any, *arguments: Any, **options: Any) -> None:
        """Print a message."""
        self.log(40, message, *arguments, **options)

    def critical(self, message: Any, *arguments: Any, **options: Any) -> None:
        """Print a message."""
        self.log(50, message, *arguments, **options)

    def exception(self, message: Any, *arguments: Any, **options: Any) -> None:
        """Print a message and the exception being handled."""
        self.log(40, message, *arguments, **{"exc_info": True, **options})

    def addHandler(self, handler: Any) -> None:  # noqa: N802 - the name in logging
        """Has no effect: messages are printed."""

    def hasHandlers(self) -> bool:  # noqa: N802 - the name in logging
        """Messages are printed."""
        return True


def _message_values(arguments: tuple[Any, ...]) -> Any:
    """`logging` takes one dict as named values."""
    return arguments[0] if len(arguments) == 1 and isinstance(arguments[0], dict) and arguments[0] else arguments
