import json

def describe(value):
    match value:
        case None:
            return "nothing"
        case bool():
            return "a bool"
        case int() | float() as n if n < 0:
            return f"negative {n}"
        case int(n):
            return f"int {n}"
        case str(s) if s.startswith("http"):
            return "url"
        case "":
            return "empty"
        case [] | ():
            return "empty sequence"
        case [x]:
            return f"one: {describe(x)}"
        case [first, *_, last]:
            return f"{first}..{last}"
        case {"type": "error", "code": int(code), **rest}:
            return f"error {code} {sorted(rest)}"
        case {"name": name}:
            return f"name={name}"
        case _:
            return type(value).__name__

for v in [None, True, -2, 7, "http://x", "", [], [[1]], (1, 2, 3), {"type": "error", "code": 5, "msg": "m"}, {"name": "bob", "z": 1}, {1, 2}, "word"]:
    print(describe(v))

commands = ["find error in log", "count WARN", "stop", "jump"]
for c in commands:
    match c.split():
        case ["find", what, "in", where]:
            print("find", what, where)
        case ["count", ("INFO" | "WARN" | "ERROR") as level]:
            print("count", context.count(level))
        case ["stop" | "quit"]:
            print("bye")
        case [other, *args]:
            print("unknown", other, args)
for line in context.splitlines():
    if line.startswith("{"):
        match json.loads(line):
            case {"id": i, "score": float(s), "tags": [t1, t2]} if s > 99:
                print(i, s, t1, "|", t2)
