"""Algorithm 1 of the paper in plain Python: no graph, no process, no policy. What the real one is compared with.

state <- InitREPL(context)
while True:
    code <- LLM(hist)
    (state, stdout) <- REPL(state, code)
    if state[Final] is set: return it
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Run:
    """How a run went."""

    answer: Any = None
    iterations: int = 0
    stdouts: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)


class _Final(BaseException):
    pass


def run(replies: Sequence[str], context: Any, sub_model: Callable[[str], str]) -> Run:
    """Play the replies of a root model, whose code is in fences of ```repl, over a context."""
    ended = Run()

    def llm_query(prompt: str) -> str:
        ended.prompts.append(prompt)
        return sub_model(prompt)

    def final(value: Any) -> None:
        ended.answer = value
        raise _Final

    state: dict[str, Any] = {
        "context": context,
        "llm_query": llm_query,
        "llm_query_batched": lambda prompts: [llm_query(prompt) for prompt in prompts],
        "FINAL": final,
    }
    for reply in replies:
        ended.iterations += 1
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.suppress(Exception):
            try:
                for code in re.findall(r"```repl\n(.*?)```", reply, re.DOTALL):
                    exec(code, state)
            except _Final:
                ended.stdouts.append(stdout.getvalue())
                return ended
        ended.stdouts.append(stdout.getvalue())
    return ended
