"""A story as one page of HTML, which needs no other file and no network.

Covered: whatever texts of a run hold, they are texts in the page. Templates escape; data for the script is base64 of
compressed JSON; a Content-Security-Policy lets only this page's own script and style work, by their hashes, and nothing
be loaded or sent. Control characters are made visible.
Not covered: a reader who copies a command from the page runs it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import rlm_graph
from rlm_graph.report import commands
from rlm_graph.report.chunks import Chunks, clock_of, parts, thinks_since
from rlm_graph.report.texts import MAX_TEXT_CHARS, highlighted, visible
from rlm_graph.story import Cell, Story, SubCall, Turn

_PAGE = Path(__file__).parent / "page"

_SCRIPTS = ("data", "words", "list", "tree", "panel", "timeline", "strip", "keys", "live", "main")
"""The script's files, in their order."""

COLOURS = 8
"""Colours of models; of more models, some share one."""

MAX_VARIABLES = 200
"""Variables of a cell that are shown."""

_STATUSES = {
    "complete": ("good", "Answered"),
    "out_of_iterations": ("fair", "Best answer when the iterations ran out"),
    "out_of_budget": ("fair", "Best answer when a budget ran out"),
    "no_answer": ("bad", "No answer"),
    "running": ("live", "Running"),
    "waiting": ("fair", "Waiting for a person"),
    "stopped": ("fair", "Stopped"),
    "failed": ("bad", "Failed"),
    "interrupted": ("bad", "Interrupted"),
    "unfinished": ("fair", "As it stood in the middle of the run"),
}


def render(story: Story, *, live: bool = False, words: Sequence[str] = (), data_url: str = "data") -> str:
    """The page of a story.

    Args:
        story: Of the run.
        live: Whether the page is to ask again and again for what has happened since; for that somebody serves it, and
            answers with `rlm_graph.report.data`.
        words: Options of the command line that say where the run is kept (``--store ...``), for the commands shown.
        data_url: Where a live page asks, relative to itself.
    """
    shown = Shown(story, words)
    style, script = _style(), _script()
    asks = "'self'" if live else "'none'"
    allowed = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'; connect-src {asks}"
    return str(
        _templates()
        .get_template("page.html.jinja")
        .render(
            story=story,
            live=data_url if live else "",
            policy=f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'",
            version=rlm_graph.__version__,
            title=f"{shortened(visible(' '.join(story.question.split())), 80)} \N{MIDDLE DOT} {visible(story.run)}",
            style=Markup(style),  # noqa: S704 - ours
            script=Markup(script),  # noqa: S704 - likewise
            sections=_marked_up(shown.sections()),
            contents=Markup("".join(shown.contents())),  # noqa: S704 - made by templates
            turns=Markup("".join(turn["html"] for turn in shown.turns)),  # noqa: S704
            calls_lead=shown.calls_lead(),
            data=packed(shown.data()),
        )
    )


class Shown:
    """A story, made ready for the page.

    Args:
        story: Of the run.
        words: As for `render`.
    """

    def __init__(self, story: Story, words: Sequence[str] = ()) -> None:
        self.story = story
        self._words = words
        self.chunks = Chunks(story)

    @cached_property
    def turns(self) -> list[dict[str, str]]:
        """The turns: HTML and its hash."""
        return [self._turn(number) for number in range(len(self.story.turns))]

    @cached_property
    def calls(self) -> list[dict[str, Any]]:
        """The chunks of sub-calls, one for each turn."""
        return [self.chunks.of(turn) for turn in self.story.turns]

    def data(self) -> dict[str, Any]:
        """What the page's script reads."""
        return {
            "models": self.models(),
            "parts": parts(self.story),
            "chunks": self.calls,
            "clock": clock_of(self.story),
        }

    def models(self) -> list[str]:
        """Names of the models, in the order in which the chunks number them."""
        return [visible(name) for name in self.chunks.models]

    def sections(self) -> dict[str, dict[str, str]]:
        """The parts of the page that change while a run goes on, but for its turns: HTML, and its hash."""
        made = {
            "summary": _made("summary", story=self.story, **self._summary()),
            "models": _made("models", models=self._model_rows()),
            "context": _made("context", story=self.story, described=_described(self.story)),
            "go_on": _made("go_on", commands=commands.go_on(self.story, self._words)),
        }
        return {name: {"html": html, "hash": _short_hash(html)} for name, html in made.items()}

    def _turn(self, number: int) -> dict[str, str]:
        turn = self.story.turns[number]
        anchor = f"t{number + 1}"
        arguments = {
            "turn": turn,
            "number": number,
            "anchor": anchor,
            "title": self._title(number),
            "figures": _turn_figures(turn),
            "cells": [
                _cell(cell, at, len(turn.cells), runs=self.story.status == "running")
                for at, cell in enumerate(turn.cells)
            ],
            "fork": commands.fork(self.story, turn, self._words) if turn.checkpoint_id else "",
            "exact": _exact(turn, is_first=not number),
            "limit": MAX_TEXT_CHARS,
        }
        hashed = _short_hash(_made("turn", hash="", **arguments))
        return {"html": _made("turn", hash=hashed, **arguments), "hash": hashed}

    def contents(self) -> list[str]:
        """The turns' lines in the table of contents."""
        template = _templates().from_string('<li><a href="#t{{ number }}">{{ title }}</a></li>')
        return [
            template.render(number=number + 1, title=self._title(number, short=True))
            for number in range(len(self.story.turns))
        ]

    def calls_lead(self) -> str:
        """A sentence on all sub-calls."""
        calls = [call for _, call in self.story.calls()]
        return f"{_call_figures(calls)}." if calls else "The code has asked for none."

    def _title(self, number: int, *, short: bool = False) -> str:
        turn = self.story.turns[number]
        title = str(turn.iteration) if short else f"Iteration {turn.iteration}"
        beside = self.story.turns[max(0, number - 1) : number + 2]
        if not turn.cells and sum(one.iteration == turn.iteration for one in beside) > 1:
            title += ", without code" if not short else "\N{MINUS SIGN}"
        return title

    def _summary(self) -> dict[str, Any]:
        story, totals = self.story, self.story.totals
        tone, status = _STATUSES[story.status]
        detail = {"forced": "at the last question", "direct": "in one call that was shown the whole context"}
        cost = "unknown" if totals.cost_usd is None else money(totals.cost_usd)
        facts = [
            ("Iterations", number(totals.iterations), ""),
            ("Sub-calls", number(totals.sub_calls), f"{number(totals.ran_ahead)} ahead" if totals.ran_ahead else ""),
            ("Requests", number(totals.requests), f"{number(totals.cache_hits)} cached" if totals.cache_hits else ""),
            ("Tokens read", number(totals.input_tokens), ""),
            ("Tokens written", number(totals.output_tokens), ""),
            ("Cost", cost, ""),
            ("Worked", duration(totals.elapsed_s), ""),
        ]
        if story.started_at is not None:
            began = datetime.fromtimestamp(story.started_at).astimezone()
            facts.append(("Began", f"{began:%Y-%m-%d}", clock(story.started_at)))
        return {
            "tone": tone,
            "status": status,
            "detail": detail.get(story.answered_by or "", "") if story.status == "complete" else self._detail(),
            "status_is_live": story.status in ("running", "waiting", "unfinished"),
            "facts": facts,
        }

    def _detail(self) -> str:
        if self.story.status != "running":
            return self.story.exhausted or ""
        since = thinks_since(self.story)
        if since is not None:
            return f"the root model thinks since {clock(since)}"
        return _under_way([cell for turn in self.story.turns for cell in turn.cells])

    def _model_rows(self) -> list[dict[str, Any]]:
        figures = self.story.models
        columns = ("requests", "input_tokens", "output_tokens", "cost_usd")
        most = {name: max((one[name] or 0 for one in figures.values()), default=0) for name in columns}  # type: ignore[literal-required]
        rows = []
        for model, values in figures.items():
            cells = []
            for name in columns:
                value = values[name]  # type: ignore[literal-required]
                shown = "unknown" if value is None else money(value) if name == "cost_usd" else number(value)
                cells.append((shown, round(100 * (value or 0) / most[name], 2) if most[name] else 0))
            rows.append({"name": model, "colour": self.chunks.models.index(model) % COLOURS, "cells": cells})
        return rows


def _marked_up(sections: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {name: {**section, "html": Markup(section["html"])} for name, section in sections.items()}  # noqa: S704


def packed(value: Any) -> str:
    """Data for the page's script: base64 of compressed JSON, in which there is no `<` and nothing to be escaped."""
    return base64.b64encode(zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)).decode()


def _exact(turn: Turn, *, is_first: bool) -> list[dict[str, str]]:
    """What the root model read and wrote in a turn, word for word."""
    texts = [
        (
            "What it read before" if is_first else "What it read before, beside all that it had read",
            "read",
            turn.prompt,
        ),
        ("What it wrote", "wrote", turn.reply),
        ("What it was shown of that", "was shown", turn.observation),
    ]
    return [
        {"title": title, "told": f"{verb} {counted(len(text), 'character')}", "text": text}
        for title, verb, text in texts
        if text
    ]


def _cell(cell: Cell, at: int, cells: int, *, runs: bool) -> dict[str, Any]:
    figures = [] if cell.elapsed_s is None else [f"{duration(cell.elapsed_s)} of its own"]
    if not cell.ended:
        figures.append(
            "has not ended" if cell.started_at is None or not runs else f"runs since {clock(cell.started_at)}"
        )
        if runs and (told := _under_way([cell])):
            figures.append(told)
    kept, seen = len(cell.stdout), cell.shown_chars
    printed = counted(cell.stdout_chars, "character")
    if cell.stdout_chars > seen:
        printed += f", of which the root model saw the first {number(seen)}" if seen else ", none of which was shown"
    if kept < cell.stdout_chars and kept > seen:
        printed += f"; here are {number(kept)}"
    variables = [(visible(name), visible(shortened(text, 2000))) for name, text in cell.variables.items()]
    names = ", ".join(name for name, _ in variables[:8]) + (", \N{HORIZONTAL ELLIPSIS}" if len(variables) > 8 else "")
    return {
        "label": "Code" if cells == 1 else f"Code, block {at + 1} of {cells}",
        "figures": figures,
        "code": Markup(_numbered(highlighted(cell.code))),  # noqa: S704 - Pygments escapes
        "stdout": cell.stdout,
        "seen": visible(cell.stdout[:seen]),
        "unseen": visible(cell.stdout[seen:]),
        "printed": printed,
        "error": visible(cell.error or ""),
        "variables": variables[:MAX_VARIABLES],
        "names": names,
        "calls": _call_figures(cell.calls) if cell.calls else "",
    }


def _under_way(cells: Sequence[Cell]) -> str:
    """`3 sub-calls, 1 child under way`, with those of children; empty if there is none."""
    others = children = 0
    left = list(cells)
    while left:
        cell = left.pop()
        at_work = [call for call in cell.calls if call.kind == "rlm_query" and call.ended_at is None]
        children += len(at_work)
        others += max(0, cell.asked - len(at_work))
        left += [inside for call in at_work for turn in call.child for inside in turn.cells if not inside.ended]
    told = [counted(many, noun) for many, noun in ((others, "sub-call"), (children, "child")) if many]
    return f"{', '.join(told)} under way" if told else ""


def _numbered(html: str) -> str:
    """Each line in a span of its own, which the style numbers. Pygments closes its spans at the ends of lines."""
    return "".join(f'<span class="l">{line}\n</span>' for line in html.rstrip("\n").split("\n"))


def _turn_figures(turn: Turn) -> list[str]:
    figures = [visible(turn.model)] if turn.model else []
    if turn.started_at and turn.reply_ended_at:
        figures.append(f"{duration(turn.reply_ended_at - turn.started_at)} thinking")
    if turn.reply_ended_at and turn.ended_at and turn.ended_at > turn.reply_ended_at:
        figures.append(f"{duration(turn.ended_at - turn.reply_ended_at)} running")
    if turn.input_tokens or turn.output_tokens:
        figures.append(f"{number(turn.input_tokens)} tokens read, {number(turn.output_tokens)} written")
    if turn.cost_usd:
        figures.append(money(turn.cost_usd))
    return figures


def _call_figures(calls: Sequence[SubCall]) -> str:
    """`48 sub-calls, 2 tool calls, 3 failed; up to 16 at once`."""
    kinds = {"llm_query": "sub-call", "rlm_query": "child", "tool": "tool call", "ask_user": "question"}
    found = [(noun, sum(call.kind == kind for call in calls)) for kind, noun in kinds.items()]
    told = [counted(many, noun) for noun, many in found if many]
    failed = sum(call.failed is not None for call in calls)
    at_once = _at_once(calls)
    told += [f"{number(failed)} failed"] if failed else []
    return ", ".join(told) + (f"; up to {number(at_once)} at once" if at_once > 1 else "")


def _at_once(calls: Sequence[SubCall]) -> int:
    """How many went on at one moment, at the most."""
    edges = [
        edge
        for call in calls
        if call.ended_at and call.kind != "rlm_query"
        for edge in ((call.started_at, 1), (call.ended_at, -1))
    ]
    most = now = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most


def _described(story: Story) -> str:
    context = story.context
    if context is None:
        return ""
    nouns = {"str": "text", "list[str]": "text", "documents": "document", "dict": "member", "list": "member"}
    return f"{counted(context.items, nouns[context.kind])}, {counted(context.chars, 'character')}."


def shortened(text: str, chars: int) -> str:
    """The beginning of a text, with how much is missing."""
    return text if len(text) <= chars else f"{text[:chars]} [... {number(len(text) - chars)} more characters]"


def number(value: float) -> str:
    """`12,345`."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 document`, `12,345 children`."""
    return f"{value:,} {noun if value == 1 else 'children' if noun == 'child' else noun + 's'}"


def money(usd: float) -> str:
    """`$1.23`, `$0.0012`."""
    return f"${usd:,.2f}" if usd >= 0.1 or not usd else f"${usd:.4f}"


def duration(seconds: float) -> str:
    """`12 ms`, `1.2 s`, `3 min 20 s`, `5 h 3 min`."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


def clock(seconds: float) -> str:
    """`23:59:59`, of seconds since 1970."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%H:%M:%S}"


def _made(template: str, **arguments: Any) -> str:
    return str(_templates().get_template(f"{template}.html.jinja").render(arguments))


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters.update(visible=visible, shortened=shortened, number=number, counted=counted)
    return found


@cache
def _style() -> str:
    return (_PAGE / "page.css").read_text(encoding="utf-8")


@cache
def _script() -> str:
    pieces = "\n".join((_PAGE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{pieces}\n}})();\n'


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


__all__ = ["Shown", "render"]
