"""A session with LangGraph's Agent Server, in this process: what a caller of it sees, as JSON on stdout.

The server reads its settings from the environment when it is imported, and warns in its own ways, so this runs in a
process of its own, in the folder of a `langgraph.json`. Which models answer is its caller's business.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from langgraph_api.cli import patch_environment
from langgraph_cli.config import validate_config_file
from langgraph_sdk import get_client

CANARY = "xyzzy-canary"
TEXT = "abc " * 500 + CANARY  # it stands behind the prefix of the context that the state holds
SECRET = str(Path("secret.txt").absolute())

LIKE_LANGGRAPH_DEV = {
    "DATABASE_URI": ":memory:",
    "LANGGRAPH_ALLOW_BLOCKING": "false",
    "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true",
    "LANGGRAPH_RUNTIME_EDITION": "inmem",
    "LANGSERVE_GRAPHS": json.dumps(validate_config_file(Path("langgraph.json"))["graphs"]),
    "LANGSMITH_LANGGRAPH_API_VARIANT": "local_dev",
    "MIGRATIONS_PATH": "__inmem",
    "N_JOBS_PER_WORKER": "10",
    "REDIS_URI": "fake",
}


async def session(client: Any) -> dict[str, Any]:
    """Ask for everything that the tests look at."""
    [assistant] = await client.assistants.search()
    seen: dict[str, Any] = {"assistant": assistant, "blocking_is_refused": await blocking_is_refused()}
    seen["graph"] = await client.assistants.get_graph(assistant["assistant_id"], xray=True)
    seen["schemas"] = await client.assistants.get_schemas(assistant["assistant_id"])

    async def ask(name: str, given: dict[str, Any], thread: str | None = None, **settings: Any) -> None:
        # In the SDK's words, `context` is the settings.
        seen[name] = await client.runs.wait(thread, "rlm", input=given, context=settings or None, raise_error=False)

    async def converse() -> None:
        thread = (await client.threads.create())["thread_id"]
        modes = ["values", "updates", "custom", "messages-tuple"]
        first = {"query": "How long is it?", "context": TEXT}
        stream = client.runs.stream(thread, "rlm", input=first, stream_mode=modes)
        seen["chunks"] = [[chunk.event, chunk.data] async for chunk in stream]
        seen["state"] = await client.threads.get_state(thread)
        seen["history"] = await client.threads.get_history(thread, limit=100)
        await ask("second", {"messages": [{"type": "human", "content": "And twice that?"}]}, thread)

    await asyncio.gather(  # the server's queue looks for new runs once a second
        converse(),
        ask("list", {"query": "How many?", "context": ["one", "two", "three"]}),
        ask("path", {"query": "What is it?", "context": SECRET}),
        ask("settings", {"query": "Can you stop?", "context": "abc"}, max_iterations=1),
        ask("stuck", {"query": "Are you stuck?", "context": "abc"}, sandbox_timeout=0.2),
        ask("bad setting", {"query": "Is it bad?", "context": "abc"}, max_iterations=0),
        ask("no question", {"context": "abc"}),
        ask("no text", {"query": 5, "context": "abc"}),
        ask("empty context", {"query": "Is it empty?", "context": ""}),
    )
    return seen


async def blocking_is_refused() -> bool:
    """Whether the server watches for blocking calls in async code, as `langgraph dev` does."""
    try:
        time.sleep(0.001)
    except Exception as error:
        return type(error).__name__ == "BlockingError"
    return False


async def main() -> dict[str, Any]:
    """The session, between the start and the end of the server."""
    from langgraph_api.server import app

    async with app.router.lifespan_context(app), get_client() as client:  # no URL: the server of this process
        await asyncio.sleep(0.1)  # the watch for blocking calls begins with the queue
        return await session(client)


if __name__ == "__main__":
    with patch_environment(**LIKE_LANGGRAPH_DEV):
        seen = asyncio.run(main())
    print(json.dumps(seen))
