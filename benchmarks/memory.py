"""Peak memory of all processes of one `rlm-graph ask` over 100 MB of logs, in bytes of the context.

    make bench        # or: python benchmarks/memory.py [--mb 100] [--question "..."]

Pages that processes share are counted once: the sum of each process's proportional share (PSS), sampled every 20 ms
over the whole tree of processes. Linux only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE_S = 0.02
LIMIT = 2.5


def tree(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents.setdefault(int(after_name[1]), []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def pss_bytes(pid: int) -> int:
    """The proportional share of memory of a process; 0 when it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def peak(command: list[str]) -> tuple[int, dict[int, int], float, str]:
    """Peak memory of a command's tree, each process's part in it, its seconds and what it printed."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    highest, parts = 0, {}
    while process.poll() is None:
        now = {pid: pss_bytes(pid) for pid in tree(process.pid)}
        if sum(now.values()) > highest:
            highest, parts = sum(now.values()), now
        time.sleep(SAMPLE_S)
    assert process.stdout is not None
    said = process.stdout.read().strip()
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return highest, parts, time.monotonic() - started, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=100)
    parser.add_argument("--question", default="Which service logged the most ERROR lines?")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder) / "logs"
        maker = Path(__file__).with_name("make_logs.py")
        subprocess.run(
            [sys.executable, str(maker), str(logs), "--mb", str(asked.mb)], check=True, stdout=subprocess.DEVNULL
        )
        size = sum(path.stat().st_size for path in logs.rglob("*") if path.is_file())
        cli = [sys.executable, "-m", "rlm_graph", "ask", "--offline", "--quiet", asked.question, str(logs)]
        highest, parts, seconds, said = peak(cli)
    print(f"{said!r} over {size / 1e6:.0f} MB in {seconds:.1f} s")
    print(f"  peak {highest / 1e6:.0f} MB = {highest / size:.2f} times the context (at most {LIMIT})")
    print(
        "  processes at the peak: " + ", ".join(f"{part / 1e6:.0f} MB" for part in sorted(parts.values(), reverse=True))
    )


if __name__ == "__main__":
    main()
