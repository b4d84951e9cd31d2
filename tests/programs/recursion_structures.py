import sys
def depth(x):
    return 1 + max((depth(v) for v in (x.values() if isinstance(x, dict) else x)), default=0) if isinstance(x, (dict, list)) else 0

def walk(obj, path="$"):
    if isinstance(obj, dict):
        for k, v in obj.items():
            yield from walk(v, f"{path}.{k}")
    elif isinstance(obj, list):
        for i, v in enumerate(obj):
            yield from walk(v, f"{path}[{i}]")
    else:
        yield path, obj

data = {"a": [1, {"b": [2, 3]}], "c": {"d": None}}
print(depth(data), list(walk(data)))

def hanoi(n, a="A", b="B", c="C"):
    return [] if n == 0 else hanoi(n - 1, a, c, b) + [(a, c)] + hanoi(n - 1, b, a, c)
print(len(hanoi(6)), hanoi(2))

def permute(s):
    return [s] if len(s) <= 1 else [c + p for i, c in enumerate(s) for p in permute(s[:i] + s[i + 1:])]
print(permute("abc"))
ackermann = lambda m, n: n + 1 if m == 0 else ackermann(m - 1, 1) if n == 0 else ackermann(m - 1, ackermann(m, n - 1))
print(ackermann(2, 3))

def forever(n):
    return forever(n + 1)
try:
    forever(0)
except RecursionError as e:
    print("RecursionError", "recursion" in str(e))

def quicksort(xs):
    if len(xs) < 2:
        return xs
    pivot, *rest = xs
    return quicksort([x for x in rest if x < pivot]) + [pivot] + quicksort([x for x in rest if x >= pivot])
print(quicksort([3, 6, 1, 8, 2, 9, 2]))

def summarize(parts):
    if len(parts) == 1:
        return llm_query("Sum up: " + parts[0])
    mid = len(parts) // 2
    return llm_query(summarize(parts[:mid]) + "\n" + summarize(parts[mid:]))
print(summarize([context[i:i + 10000] for i in range(0, len(context), 10000)]))
print(rlm_query("What is in there?", context[:50]))
