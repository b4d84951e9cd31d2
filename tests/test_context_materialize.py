"""Memory and speed: a context of 100 MB passes through, and is held once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rlm_graph.context import ContextStore, load_context

MB = 1 << 20
LINE = b"2024-05-17T12:00:00 ERROR service=billing request timed out\r\n"

# Prints how many MB the peak of a process grew by while it ran what stands in {work}.
MEASURE = """
import sys
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
{setup}
before = peak()
{work}
print((peak() - before) / 1024)
"""


def grown(setup: str, work: str, *arguments: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(setup=setup, work=work), *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@pytest.mark.parametrize("start", ["", "€"], ids=["ASCII", "two bytes a character"])
def test_one_long_text_is_held_once(tmp_path: Path, start: str) -> None:
    """Loading one text of 64 MB needs 1.1 times the memory of the str, not twice."""
    store = ContextStore(tmp_path, durable=False)
    text = start + LINE.decode() * (64 * MB // len(LINE))
    manifest = store.local_manifest(store.put(text))
    peak = grown("from rlm_graph.context.materialize import load", "value = load(sys.argv[1])", str(manifest))
    assert peak < 1.1 * sys.getsizeof(text) / MB


def test_many_documents_are_held_once(tmp_path: Path) -> None:
    """Loading 64 files of 1 MB needs 1.1 times their memory."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(64):
        (folder / f"{number}.log").write_bytes((b"%d" % number + LINE * (MB // len(LINE) + 1))[:MB])
    store = ContextStore(tmp_path / "store", durable=False)
    manifest = store.local_manifest(load_context(folder, store=store))
    peak = grown("from rlm_graph.context.materialize import load", "value = load(sys.argv[1])", str(manifest))
    assert peak < 1.1 * 64


def test_storing_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    """A file of 64 MB goes into the store in pieces."""
    (tmp_path / "big.log").write_bytes(LINE * (64 * MB // len(LINE)))
    setup = (
        "from rlm_graph.context import ContextStore, load_context\nstore = ContextStore(sys.argv[2])\nstore.put('x')"
    )
    peak = grown(setup, "load_context(sys.argv[1], store=store)", str(tmp_path / "big.log"), str(tmp_path / "store"))
    assert peak < 16


def test_storing_a_large_str_needs_little_memory(tmp_path: Path) -> None:
    """A str of 64 MB is encoded in pieces."""
    setup = (
        "from rlm_graph.context import ContextStore\nstore = ContextStore(sys.argv[1])\nstore.put('x')\n"
        "text = 'x' * (64 << 20)"
    )
    assert grown(setup, "store.put(text)", str(tmp_path)) < 16
