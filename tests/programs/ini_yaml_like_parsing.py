config_text = """
# comment
[server]
host = localhost
port = 8080
debug = true

[limits]
max = 10
ratio = 0.5
names = a, b, c
"""
def convert(v):
    v = v.strip()
    if v.lower() in {"true", "false"}:
        return v.lower() == "true"
    for kind in (int, float):
        try:
            return kind(v)
        except ValueError:
            pass
    return [convert(x) for x in v.split(",")] if "," in v else v
cfg, section = {}, None
for n, raw in enumerate(config_text.splitlines(), 1):
    line = raw.partition("#")[0].strip()
    if not line:
        continue
    elif line[0] == "[" and line[-1] == "]":
        section = cfg.setdefault(line[1:-1], {})
    else:
        k, sep, v = line.partition("=")
        if not sep or section is None:
            raise ValueError(f"line {n}: {raw!r}")
        section[k.strip()] = convert(v)
print(cfg)
yaml_like = "a:\n  b: 1\n  c:\n    d: x\ne: 2\n"
root = {}
stack = [(-1, root)]
for line in yaml_like.splitlines():
    indent = len(line) - len(line.lstrip())
    key, _, val = line.strip().partition(":")
    while stack[-1][0] >= indent:
        stack.pop()
    parent = stack[-1][1]
    if val.strip():
        parent[key] = convert(val)
    else:
        parent[key] = {}
        stack.append((indent, parent[key]))
print(root)
