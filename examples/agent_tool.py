"""An agent with a tool that reads contracts for it. It runs offline: a scripted server plays the models.

    python examples/agent_tool.py

With models of your own, replace `server.chat_model(...)` by their names, such as "openai:gpt-4.1".
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.callbacks import UsageMetadataCallbackHandler

from rlm_graph import create_rlm
from rlm_graph.agents import create_rlm_tool
from rlm_graph.testing import Reply, Request, ScriptedServer, ToolCall

CONTRACTS = [
    f"Contract {number} with Acme ends in {2024 + number % 7}. " + "Small print. " * 500 for number in range(200)
]

CELL = """```repl
ending = [number for number, text in enumerate(context) if "ends in 2027" in text]
sure = [number for number in ending if "yes" in llm_query(f"Does this end in 2027? {context[number][:200]}")]
FINAL(f"{len(sure)} contracts end in 2027: {sure[:5]} ...")
```"""


def agent_model(request: Request) -> Reply | str:
    """Calls the tool, and then tells what it got."""
    last = request.messages[-1]
    if last["role"] == "tool":
        return f"I have looked: {last['content']}"
    return Reply(tool_calls=[ToolCall("ask_contracts", {"query": "Which contracts end in 2027?"})])


def main() -> None:
    with (
        ScriptedServer({"agent": agent_model, "root": CELL, "sub": "yes"}) as server,
        create_rlm(server.chat_model("root"), sub_model=server.chat_model("sub")) as rlm,
    ):
        ask_contracts = create_rlm_tool(rlm, name="ask_contracts", context=CONTRACTS)
        print(f"The tool: {ask_contracts.description}")
        agent = create_agent(server.chat_model("agent"), [ask_contracts])
        usage = UsageMetadataCallbackHandler()
        question = {"messages": "How many of our contracts end in 2027?"}
        result = agent.invoke(question, {"callbacks": [usage]})
        print(f"The agent: {result['messages'][-1].text}")
        figures = result["messages"][-2].artifact
        print(f"The run inside: {figures['status']}, {figures['sub_calls']} sub-calls")
        print(f"Tokens: { {model: used['total_tokens'] for model, used in usage.usage_metadata.items()} }")


if __name__ == "__main__":
    main()
