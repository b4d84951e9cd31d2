# First look at the context: type, size, beginning, end.
print(f"Type: {type(context)}")
print(f"Length: {len(context)} chars, {len(context.split())} words, {context.count(chr(10)) + 1} lines")
print("First 200 chars:", repr(context[:200]))
print("Last 100 chars:", repr(context[-100:]))

sample_points = [0, len(context) // 4, len(context) // 2, 3 * len(context) // 4]
for p in sample_points:
    snippet = context[p:p + 60].replace("\n", "\\n")
    print(f"[{p:>6}] {snippet!r}")
