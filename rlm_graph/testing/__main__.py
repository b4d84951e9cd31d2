"""The command `python -m rlm_graph.testing FOLDER`: a server whose models you play by hand."""

from __future__ import annotations

import argparse
import sys
import threading
from functools import partial

from rlm_graph.testing.hand_played import HandPlayedServer


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rlm_graph.testing",
        description="An OpenAI-compatible server whose models you play: each request is written to "
        "FOLDER/0001-root.request.txt, and the reply is read from FOLDER/0001-root.reply.txt.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="where the files are; made if it is not there")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=3600,
        metavar="SECONDS",
        help="how long to wait for a reply (default: 3600)",
    )
    options = parser.parse_args(arguments)

    say = partial(print, flush=True)
    try:
        server = HandPlayedServer(options.folder, timeout_s=options.timeout, report=say, port=options.port).start()
    except (OSError, OverflowError) as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 1
    say(f"base URL: {server.base_url}")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        say("\nclosed")
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
