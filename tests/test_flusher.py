"""What was written reaches the disk without anybody waiting for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rlm_graph.context.flusher import Flusher

NO_FILE = "/dev/null"
"""It can be opened, and not be brought to a disk: whoever tries that is told so."""


def test_what_is_added_is_brought_to_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each of them, whatever becomes of the others; what was deleted meanwhile is nobody's trouble."""
    (tmp_path / "file").write_text("text")
    flusher = Flusher()
    flusher.add([tmp_path / "gone", Path(NO_FILE)])
    flusher.wait()
    assert [record.getMessage() for record in caplog.records] == [
        f"{NO_FILE} may not have reached the disk: [Errno 22] Invalid argument"
    ]
    caplog.clear()
    flusher.add([tmp_path / "file", tmp_path])
    flusher.wait()
    assert caplog.records == []


def test_a_folder_is_flushed_again_for_what_comes_later(caplog: pytest.LogCaptureFixture) -> None:
    """And once for all that came before."""
    flusher = Flusher()
    for _ in range(3):
        flusher.add([Path(NO_FILE)])
        flusher.wait()
    assert len(caplog.records) == 3
    caplog.clear()
    flusher.add([Path(NO_FILE)] * 100)
    flusher.wait()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("in_a_fork", [False, True])
def test_a_process_does_not_end_before_its_files_are_on_the_disk(in_a_fork: bool) -> None:
    """Nor does its fork, which has none of its threads."""
    code = f"""
import os, sys
from pathlib import Path
from rlm_graph.context.flusher import flusher
flusher.add([Path("/")])
flusher.wait()
if {in_a_fork} and (child := os.fork()):
    sys.exit(os.waitpid(child, 0)[1])
flusher.add([Path({NO_FILE!r})])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.startswith(f"{NO_FILE} may not have reached the disk")
