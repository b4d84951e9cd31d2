"""A chat model that takes prompts longer than any window, and gives structured output for them.

    python examples/chat_model.py

It runs offline: a scripted server plays the models.
"""

from __future__ import annotations

from pydantic import BaseModel

from rlm_graph.agents import ChatRLM
from rlm_graph.testing import Request, ScriptedServer

CHAIRS = ("Ada", "Bo", "Cem")
MINUTES = "\n".join(f"{n}: {7919 * n % 30011} members, chair: {CHAIRS[n % 3]}" for n in range(1, 30_000))
PROMPT = f"Who chaired the largest meeting?\n\n{MINUTES}\n\nAnswer with the number and the name."

CELL = """```repl
import re
rows = [re.match(r"(\\d+): (\\d+) members, chair: (\\w+)", line) for line in context.splitlines()]
largest = max((row for row in rows if row), key=lambda row: int(row[2]))
FINAL({answer})
```"""


class Meeting(BaseModel):
    """A meeting, and who chaired it."""

    number: int
    chair: str


def root_model(request: Request) -> str:
    """Writes a program where it is told of a REPL, and else just answers."""
    if not request.system:
        return "Hello! Ask me about the minutes."
    typed = "number" in request.system and "chair" in request.system
    return CELL.replace("{answer}", "{'number': int(largest[1]), 'chair': largest[3]}" if typed else "largest[0]")


def main() -> None:
    with ScriptedServer({"root": root_model}) as server:
        model = ChatRLM(model=server.chat_model("root"))
        print("A short prompt:", model.invoke("Hello").text)
        reply = model.invoke(PROMPT)
        print(f"A prompt of {len(PROMPT):,} characters:", reply.text)
        print("Its longest request:", max(len(request.text) for request in server.requests), "characters and the rules")
        print("Structured output:", repr(model.with_structured_output(Meeting).invoke(PROMPT)))


if __name__ == "__main__":
    main()
