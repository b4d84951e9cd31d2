"""Which layers this machine has: the table that `rlm-graph doctor` shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import rlm_graph
from rlm_graph.repl.confine.layer import LayerStatus

TIMEOUT_S = 30


def doctor() -> list[LayerStatus]:
    """Try every layer, in a process of its own, as a REPL's process would; nothing changes for the caller.

    Raises:
        subprocess.SubprocessError: the trial could not be run at all.
    """
    ran = subprocess.run(
        [sys.executable, "-P", "-s", "-m", "rlm_graph.repl.confine"],
        env={"PYTHONPATH": str(Path(rlm_graph.__file__).parent.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=True,
    )
    return [LayerStatus(*row) for row in json.loads(ran.stdout)]
