"""From a root model's reply to cells of code, or to an answer that it typed outside of code.

Pure functions over text. Nothing is evaluated here, and nothing is compiled: hostile code is for the worker.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Literal

CODE_LANGUAGES = frozenset({"repl", "python", "python3", "py", "ipython", "tool_code"})
"""What models write behind a fence that opens code for the REPL, in any case."""

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_THINKING = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FINAL = re.compile(r"^[ \t>*_`#-]*(?:(?i:(?:final )?answer):\s*)?(?P<form>FINAL_VAR|FINAL)[ \t]*\(", re.MULTILINE)


@dataclass(frozen=True)
class TypedAnswer:
    """An answer that was typed as text, outside of any code."""

    form: Literal["FINAL", "FINAL_VAR"]
    text: str
    """What stood between the brackets."""


@dataclass(frozen=True)
class Reply:
    """What a reply of the root model holds."""

    cells: tuple[str, ...]
    """Blocks of code, to be run in this order."""

    typed_answer: TypedAnswer | None
    """Only if there is no code: a model that writes both has made up the output that it has not seen."""


@dataclass(frozen=True)
class _Block:
    language: str
    code: str


def parse_reply(text: str | None) -> Reply:
    """Read a reply: fences of backticks or tildes, indented, unclosed, in any case; several of them.

    A fence without a language counts as code only where no other fence in the reply is marked as code.
    """
    text = _THINKING.sub("", text or "")
    blocks, prose = _split(text)
    cells = [block.code for block in blocks if block.language in CODE_LANGUAGES]
    if not cells:
        cells = [block.code for block in blocks if not block.language]
    cells = [code for code in cells if code.strip()]
    return Reply(tuple(cells), None if cells else _typed_answer(prose))


def _split(text: str) -> tuple[list[_Block], str]:
    """The fenced blocks of a text, and the text around them."""
    lines = text.replace("\r\n", "\n").split("\n")  # not splitlines: code may hold a form feed
    blocks, prose, at = [], [], 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            prose.append(lines[at])
            at += 1
            continue
        end = _closing(lines, at, opening["marks"])
        body = [_without_indent(line, opening["indent"]) for line in lines[at + 1 : end]]
        language = opening["info"].strip().split()[0].lower().strip("{}.") if opening["info"].strip() else ""
        blocks.append(_Block(language, "\n".join(body)))
        at = end + 1
    return blocks, "\n".join(prose)


def _closing(lines: list[str], opening: int, marks: str) -> int:
    """The line that closes a fence: the first bare fence of its kind that is in no string of the code.

    Where there is none, the first one in a string (the string was never closed); else the end of the text.
    """
    inside, first_in_string = "", None
    for at in range(opening + 1, len(lines)):
        fence = _FENCE.match(lines[at])
        if fence and fence["marks"].startswith(marks) and not fence["info"].strip():
            if not inside:
                return at
            first_in_string = first_in_string or at
        inside = _open_string(lines[at], inside)
    return first_in_string or len(lines)


def _open_string(line: str, inside: str) -> str:
    """The triple quotes that are open after a line of Python; `inside` are those open before it, "" if none."""
    at = 0
    while at < len(line):
        if inside:
            end = line.find(inside, at)
            escape = line.find("\\", at)
            if 0 <= escape < end:
                at = escape + 2
                continue
            if end < 0:
                return inside
            at, inside = end + 3, ""
        elif line.startswith(('"""', "'''"), at):
            inside, at = line[at : at + 3], at + 3
        elif line[at] in "\"'":
            at = _after_string(line, at)
        elif line[at] == "#":
            return ""
        else:
            at += 1
    return inside


def _after_string(line: str, at: int) -> int:
    """Where a string of one line ends."""
    quote = line[at]
    at += 1
    while at < len(line) and line[at] != quote:
        at += 2 if line[at] == "\\" else 1
    return at + 1


def _without_indent(line: str, indent: str) -> str:
    return line.removeprefix(indent) if line.strip() else line.strip()


def _typed_answer(prose: str) -> TypedAnswer | None:
    """The last FINAL(...) or FINAL_VAR(...) that begins a line, up to the bracket that closes it."""
    found = list(_FINAL.finditer(prose))
    if not found:
        return None
    last = found[-1]
    form: Literal["FINAL", "FINAL_VAR"] = "FINAL_VAR" if last["form"] == "FINAL_VAR" else "FINAL"
    return TypedAnswer(form, _bracketed(prose[last.end() :]).strip())


def _bracketed(text: str) -> str:
    """The text up to the closing bracket; where the brackets do not add up, up to the last one, or all of it."""
    depth = 1
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[:at]
    return text[: text.rindex(")")] if ")" in text else text


def typed_answer_cell(answer: TypedAnswer, variables: frozenset[str]) -> str | None:
    """The cell that submits a typed answer, where it names variables of the REPL; None where it is plain text.

    `FINAL_VAR(name)` always names one. `FINAL(result)` and `FINAL(result["total"])` do, if there is a `result`:
    a model that writes that means the value. One that comes with evidence is submitted by a cell, which can look it up.
    """
    if answer.form == "FINAL_VAR":
        return f"FINAL_VAR({answer.text.strip(chr(34) + chr(39) + '` ')!r})"
    if len(answer.text) > 2000:  # no expression is that long
        return None
    try:
        has_evidence = re.search(r"\bevidence\s*=[^=]", answer.text) is not None
        spelt = f"dict({answer.text})" if has_evidence else answer.text
        expression = ast.parse(spelt.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    if has_evidence:
        return f"FINAL({answer.text})" if names <= variables | _HARMLESS | {"context"} else None
    return f"FINAL({answer.text})" if names & variables and names <= variables | _HARMLESS else None


_HARMLESS = frozenset({"str", "len", "int", "float", "round", "sum", "sorted", "list", "dict", "set", "max", "min"})


def typed_answer_text(answer: TypedAnswer) -> str:
    """The text of a typed answer; quotes around the whole of it are no part of it."""
    text = answer.text
    try:
        literal = ast.literal_eval(text) if text[:1] in "\"'" and len(text) < 1_000_000 else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        literal = None
    return literal if isinstance(literal, str) else text


def typed_answer_value(answer: TypedAnswer) -> str:
    """A typed answer where a value is wanted: what is written as Python becomes JSON, anything else stays as it is."""
    if len(answer.text) >= 1_000_000:
        return answer.text
    try:
        literal = ast.literal_eval(answer.text)
        return typed_answer_text(answer) if isinstance(literal, str) else json.dumps(literal, allow_nan=False)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return answer.text
