files = {
    "app/main.py": "import os\nfrom util import load\n\ndef main(path):\n    # TODO: check path\n    return load(path)\n",
    "app/util.py": "def load(p):\n    return open(p).read()\n\nclass Loader:\n    def load(self, p):\n        return load(p)  # TODO\n",
    "README.md": "# App\nTODO list\n",
}
import re
from fnmatch import fnmatch
from pathlib import PurePosixPath
defs, calls, todos = {}, {}, []
for name, text in files.items():
    if not fnmatch(name, "*.py"):
        continue
    scope = []
    for no, line in enumerate(text.splitlines(), 1):
        indent = len(line) - len(line.lstrip())
        while scope and indent <= scope[-1][0] and line.strip():
            scope.pop()
        if m := re.match(r"\s*(def|class) (\w+)", line):
            qual = ".".join([s for _, s in scope] + [m[2]])
            defs[f"{PurePosixPath(name).stem}:{qual}"] = no
            scope.append((indent, m[2]))
        elif "#" in line and "TODO" in line.split("#", 1)[1]:
            todos.append(f"{name}:{no}")
        for c in re.findall(r"(?<!def )\b(\w+)\(", line):
            calls.setdefault(c, []).append((name, no))
print(defs, todos, sorted(calls), calls["load"], sep="\n")
