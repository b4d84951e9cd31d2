"""A deep agent with a reader: an RLM as a sub-agent, whose code a person approves through the deep agent.

    python examples/deep_agent.py

It runs offline: a scripted server plays the models.
"""

from __future__ import annotations

from typing import Any

from deepagents import create_deep_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from rlm_graph import RLMConfig, create_rlm
from rlm_graph.agents import rlm_sub_agent
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall

BOOK = "\n\n".join(f"Chapter {number}\n" + "It was a dark night, and Anna slept. " * number for number in range(1, 80))

CELL = """```repl
chapters = context.split("\\n\\n")
FINAL(max(chapters, key=lambda chapter: chapter.count("Anna")).splitlines()[0])
```"""


def agent_model(request: Request) -> Reply | str:
    """Gives the reader a task, and then tells what it has found."""
    last = request.messages[-1]
    if last["role"] == "tool":
        return f"Anna is at home in {last['content']}."
    task = {"description": "In which chapter is Anna named most often?", "subagent_type": "reader"}
    return Reply(tool_calls=[ToolCall("task", task)])


def main() -> None:
    with (
        ScriptedServer({"agent": agent_model, "root": CELL}) as server,
        create_rlm(server.chat_model("root"), config=RLMConfig(approve_cells=True)) as rlm,
    ):
        reader = rlm_sub_agent(rlm, context=BOOK)
        agent = create_deep_agent(server.chat_model("agent"), subagents=[reader], checkpointer=InMemorySaver())
        thread: Any = {"configurable": {"thread_id": "book"}}
        result = agent.invoke({"messages": "Where in the book is Anna most at home?"}, thread)
        while "__interrupt__" in result:
            (request,) = result["__interrupt__"][0].value["rlm_requests"]
            print(f"{request['text']}\n{request['cells'][0]}\n-> approved")
            result = agent.invoke(Command(resume="approve"), thread)
        print(result["messages"][-1].text)


if __name__ == "__main__":
    main()
