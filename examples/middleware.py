"""An agent whose tools return more than it can read: the middleware keeps it, and answers questions about it.

    python examples/middleware.py

It runs offline: a scripted server plays the models.
"""

from __future__ import annotations

import re

from langchain.agents import create_agent

from rlm_graph import create_rlm
from rlm_graph.agents import LargeContextMiddleware
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall

CELL = """```repl
from collections import Counter
errors = Counter(line.split()[1] for line in context.splitlines() if "ERROR" in line)
FINAL("{} has the most errors: {}".format(*errors.most_common(1)[0]))
```"""


def read_log(day: str) -> str:
    """The log of a day."""
    services = ("pay", "mail", "search")
    lines = [f"{day} {services[n % 3]} {'ERROR' if n % 11 == n % 3 else 'ok'} request {n}" for n in range(50_000)]
    return "\n".join(lines)


def agent_model(request: Request) -> Reply | str:
    """Reads the log, asks about the handle that it gets, and tells the answer."""
    last = request.messages[-1]
    if last["role"] != "tool":
        return Reply(tool_calls=[ToolCall("read_log", {"day": "2024-05-01"})])
    handles = re.findall(r"ctx:[0-9a-f]{12}", last["content"])
    if handles:
        question = {"handle": handles[0], "query": "Which service has the most ERROR lines?"}
        return Reply(tool_calls=[ToolCall("ask_context", question)])
    return f"On that day {last['content']}."


def main() -> None:
    with (
        ScriptedServer({"agent": agent_model, "root": CELL}) as server,
        create_rlm(server.chat_model("root")) as rlm,
    ):
        agent = create_agent(server.chat_model("agent"), [read_log], middleware=[LargeContextMiddleware(rlm)])
        result = agent.invoke({"messages": "What went wrong on the first of May?"})
        for message in result["messages"]:
            calls = "".join(f"calls {call['name']}({call['args']})" for call in getattr(message, "tool_calls", []))
            print(f"{message.type:>6}: {str(message.text)[:260]}{calls}")


if __name__ == "__main__":
    main()
