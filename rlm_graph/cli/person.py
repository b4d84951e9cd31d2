"""What a run asks a person: shown on the terminal and decided there, or on the command line of `resume`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.syntax import Syntax
from rich.text import Text

from rlm_graph.cli.ending import Terminated
from rlm_graph.cli.screen import Screen, barred, money, printable
from rlm_graph.errors import ConfigError

if TYPE_CHECKING:
    from rlm_graph.human import Interruption, Request


@dataclass(frozen=True)
class Decided:
    """What a command line decides.

    Raises:
        ConfigError: it approves and rejects at once.
    """

    answers: tuple[str, ...] = ()
    """To questions, in the order in which they are asked."""

    approve: bool = False

    reject: str | None = None
    """The reason; None: nothing is rejected."""

    def __post_init__(self) -> None:
        if self.approve and self.reject is not None:
            raise ConfigError("--approve and --reject exclude each other")

    def __bool__(self) -> bool:
        return bool(self.answers) or self.approve or self.reject is not None

    def decisions(self, waits_for: Interruption) -> dict[str, Any]:
        """Decisions for `Command(resume=...)`, by the requests' ids.

        Raises:
            ConfigError: there is one too few, or too many.
        """
        requests = waits_for["rlm_requests"]
        questions = [request for request in requests if request["kind"] == "ask_user"]
        is_decided = self.approve or self.reject is not None
        if len(questions) != len(self.answers) or is_decided != (len(questions) < len(requests)):
            raise ConfigError(f"the run waits for something else: give {ways(requests)}")
        answers = iter(self.answers)
        verdict: Any = True if self.approve else {"action": "reject", "approve": False, "reason": self.reject}
        return {request["id"]: next(answers) if request["kind"] == "ask_user" else verdict for request in requests}


def ways(requests: Sequence[Request]) -> str:
    """The options of `resume` that decide requests."""
    questions = sum(request["kind"] == "ask_user" for request in requests)
    needed = ["--answer TEXT"] * questions
    if questions < len(requests):
        needed.append("--approve (or --reject REASON)")
    return " ".join(needed)


def is_there(screen: Screen) -> bool:
    """Whether a person is at a terminal, to see and to answer."""
    return screen.is_terminal and sys.stdin is not None and sys.stdin.isatty()


def ask_person(waits_for: Interruption, screen: Screen) -> dict[str, Any] | None:
    """Ask for all decisions; None if the person has closed the terminal's input (Ctrl-D)."""
    if "error" in waits_for:
        screen.problem("error", waits_for["error"])
    asking = {"approve_cells": _ask_cells, "approve_spend": _ask_spend, "ask_user": _ask_question}
    decisions = {}
    for request in waits_for["rlm_requests"]:
        show(request, screen)
        try:
            decisions[request["id"]] = asking[request["kind"]](request, screen)
        except EOFError:
            screen.say("")
            return None
        except (KeyboardInterrupt, Terminated):
            screen.say("")  # what follows has a line of its own
            raise
    return decisions


def show(request: Request, screen: Screen) -> None:
    """Show a request: its text, and the code that it is about."""
    screen.say(request["text"], style="bold", at_words=True)
    for code in request.get("cells", []):
        show_code(code, screen)


def show_code(code: str, screen: Screen) -> None:
    """Show code, highlighted where there are colours."""
    syntax = Syntax(printable(code), "python", theme="ansi_dark", background_color="default")
    lines = syntax.highlight(printable(code)).split("\n", allow_blank=True)[:-1]
    for line in barred(lines, screen.console):
        screen.console.print(line)


def _ask_cells(request: Request, screen: Screen) -> Any:
    cells, edited = request["cells"], False
    while True:
        match _choice(screen, "run it? (y)es, (e)dit, (n)o: ", "yen"):
            case "y":
                return {"action": "edit", "cells": cells} if edited else True
            case "n":
                return {"action": "reject", "reason": _line(screen, "why not? ") or "no reason was given"}
            case _:
                changed = _edited(cells, screen)
                if changed is not None:
                    cells, edited = changed, True
                    for code in cells:
                        show_code(code, screen)


def _ask_spend(request: Request, screen: Screen) -> Any:
    limit = request["limit_usd"]
    while True:
        given = _line(screen, f"go on? (y)es, up to {money(2 * limit)}; or up to how many dollars; (n)o: ").lower()
        if given in ("y", "yes"):
            return True
        if given in ("n", "no"):
            return False
        try:
            up_to = float(given.lstrip("$"))
        except ValueError:
            continue
        if up_to > limit:
            return {"approve": True, "up_to_usd": up_to}
        screen.say(f"more than {money(limit)}, please")


def _ask_question(request: Request, screen: Screen) -> str:  # noqa: ARG001 - one of three
    while not (answer := _line(screen, "answer: ")):
        pass
    return answer


def _choice(screen: Screen, prompt: str, letters: str) -> str:
    while (given := _line(screen, prompt).lower()[:1]) not in letters or not given:
        pass
    return given


def _line(screen: Screen, prompt: str) -> str:
    return screen.console.input(Text(prompt, "bold cyan")).strip()


def _edited(cells: Sequence[str], screen: Screen) -> list[str] | None:
    """The cells as the person's editor leaves them; None if it fails."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="rlm-graph-") as folder:
        paths = [Path(folder) / f"cell-{number}.py" for number in range(1, len(cells) + 1)]
        for path, code in zip(paths, cells, strict=True):
            path.write_text(code)
        try:
            subprocess.run([*editor, *map(str, paths)], check=True)  # noqa: S603 - the person's own editor
        except (OSError, subprocess.CalledProcessError) as error:
            screen.problem("error", f"the editor {shlex.join(editor)} failed: {error}; set EDITOR to another one")
            return None
        return [path.read_text() for path in paths]
