"""The main job on real input, with no key: a counting question over the whole Python standard library.

    make demo

The question goes through the command line as a user would type it: the sources become the context of a REPL process,
the offline rules play the root model, and their program counts. Then the answer is checked against a plain loop.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

QUESTION = "Which file has the most lines containing 'raise ValueError'?"
NEEDLE = "raise ValueError"


def main() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    sources = [f"{library}/*.py", *(str(path.parent) for path in sorted(library.glob("*/__init__.py")))]
    command = ["ask", "--offline", QUESTION, *sources]
    print(f'$ rlm-graph ask --offline "{QUESTION}" {sources[0]} ({len(sources) - 1} packages more)', flush=True)
    rlm_graph = [sys.executable, "-m", "rlm_graph"]
    asked = subprocess.run([*rlm_graph, *command], stdout=subprocess.PIPE, text=True, check=False)
    if asked.returncode:
        raise SystemExit(asked.returncode)
    print(asked.stdout, end="")
    name, count = counted_by_hand(library, sources)
    if name not in asked.stdout or f"{count:,}" not in asked.stdout:
        raise SystemExit(f"that is wrong: a plain loop finds {name} with {count:,}")
    print(f"(A plain loop over the files says the same: {name}, {count:,}.)")


def counted_by_hand(library: Path, sources: list[str]) -> tuple[str, int]:
    """The same count without any of ours."""
    counts: Counter[str] = Counter()
    for path in [*library.glob("*.py"), *(path for folder in sources[1:] for path in Path(folder).rglob("*.py"))]:
        text = path.read_bytes().decode("utf-8", "replace")
        counts[path.relative_to(library).as_posix()] += sum(NEEDLE in line for line in text.splitlines())
    return counts.most_common(1)[0]


if __name__ == "__main__":
    main()
