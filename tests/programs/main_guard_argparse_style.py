import sys
import os.path
from pathlib import Path

DEFAULTS = {"limit": 3, "verbose": False}

def parse_args(argv=None):
    opts = dict(DEFAULTS)
    for arg in argv or []:
        key, _, value = arg.lstrip("-").partition("=")
        opts[key] = int(value) if value.isdigit() else (value or True)
    return opts

def main(argv=None) -> int:
    opts = parse_args(argv)
    lines = [l for l in context.splitlines() if l.startswith("##")]
    for l in lines[: opts["limit"]]:
        print(l)
    if opts["verbose"]:
        print("verbose", sorted(opts))
    return 0

p = Path("logs/2024/app.log.gz")
print(p.name, p.stem, p.suffix, p.suffixes, p.parent, p.parts, p.with_suffix(".txt"), Path("a") / "b" / "c.md")
print(os.path.join("a", "b.txt"), os.path.splitext("x/y.tar.gz"), os.path.basename("/a/b/c"), os.path.dirname("/a/b/c"))
if __name__ == "__main__":
    code = main(["--verbose", "--limit=2"])
    print("exit code", code)
