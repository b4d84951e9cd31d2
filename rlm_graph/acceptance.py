"""Whether an answer that was submitted is accepted: it must have the form that was asked for, and real evidence.

What is wrong is told to the root model, and the run goes on. A form is insisted on to the end: after the last question
there is one more, and without a value that fits there is no answer. Evidence is insisted on `MAX_REFUSALS` times; then
the answer is taken with what could be found, and the result says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from rlm_graph import prompts
from rlm_graph.context.ref import storable
from rlm_graph.repl.executor import Done, Evidence
from rlm_graph.response import Form
from rlm_graph.schema import MisfitError
from rlm_graph.state import Citation, RLMState

MAX_REFUSALS = 3
"""How often, in one question, an answer is refused for its evidence alone."""


@dataclass(frozen=True)
class Acceptance:
    """What is asked of an answer, beside being one."""

    form: Form | None = None
    citations: bool = False

    def blank(self, state: RLMState) -> RLMState:
        """The channels for it, at the beginning of a question; none that neither this one nor one before needs."""
        blank: RLMState = {}
        if self.form is not None or "structured_response" in state:
            blank |= {"structured_response": None, "repair": "none", "misfit": ""}
        if self.citations or "citations" in state:
            blank |= {"citations": [], "evidence_problems": [], "refusals": 0}
        return blank

    async def of_cell(self, done: Done, state: RLMState) -> tuple[Done, RLMState]:
        """Look at what a cell has submitted.

        Returns:
            How the cell ended: with an error, if the answer is refused; and what is to be written.
        """
        if done.answer is None:
            return done, {"answer": None}
        refusal, written = await self._judged(done.answer, done.evidence, state, is_text=False)
        return (done if refusal is None else replace(done, answer=None, error=refusal)), written

    async def of_text(self, text: str, state: RLMState) -> tuple[Done | None, RLMState]:
        """Look at an answer that the root model has typed as text; likewise, None if it is accepted."""
        refusal, written = await self._judged(text, None, state, is_text=True)
        if refusal is None:
            return None, written
        return Done(error=refusal), {**written, "answered_by": None, "errors": state["errors"] + 1}

    async def _judged(
        self, submitted: str, evidence: Evidence | None, state: RLMState, *, is_text: bool
    ) -> tuple[str | None, RLMState]:
        """Why an answer is refused, None if it is not; and what is to be written."""
        written: RLMState = {"answer": prompts.sendable(submitted)}
        misfits: Sequence[str] = ()
        if self.form is not None:
            try:
                value = await asyncio.to_thread(self.form.read, submitted, is_text=is_text)
                written = {"answer": _as_text(value), "structured_response": value}
            except MisfitError as error:
                misfits = error.problems
        lacks: Sequence[str] = ()
        if self.citations:
            lacks = (prompts.NO_EVIDENCE,) if evidence is None else evidence.problems
            written |= {"citations": _as_state(evidence), "evidence_problems": [prompts.sendable(one) for one in lacks]}
        is_last, refusals = state["last_question"], state.get("refusals", 0)
        if misfits:
            repair = state.get("repair", "none")
            repair = "due" if is_last and repair == "none" else repair
            misfit = prompts.sendable(misfits[0])
            return prompts.refused(misfits, lacks), {"answer": None, "repair": repair, "misfit": misfit}
        if lacks and not is_last and refusals < MAX_REFUSALS:
            return prompts.refused((), lacks), {"answer": None, "refusals": refusals + 1}
        return None, written


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_state(evidence: Evidence | None) -> list[Citation]:
    """Citations as a state holds them. No database takes a NUL or a lone surrogate: each becomes one U+FFFD."""
    found = [asdict(citation) for citation in evidence.citations] if evidence is not None else []
    return [
        cast("Citation", {name: storable(part) if isinstance(part, str) else part for name, part in one.items()})
        for one in found
    ]


__all__ = ["Acceptance"]
