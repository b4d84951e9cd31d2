# Approximate tokens at 4 chars per token, never cut a line in two.
MAX_TOKENS = 2_000
approx_tokens = lambda s: max(1, len(s) // 4)

chunks, current, current_tokens = [], [], 0
for line in context.splitlines(keepends=True):
    t = approx_tokens(line)
    if current and current_tokens + t > MAX_TOKENS:
        chunks.append("".join(current))
        current, current_tokens = [], 0
    current.append(line)
    current_tokens += t
if current:
    chunks.append("".join(current))
print(len(chunks), max(map(approx_tokens, chunks)) <= MAX_TOKENS + 100, "".join(chunks) == context)
for i, c in enumerate(chunks[:3]):
    print(i, approx_tokens(c), c.splitlines()[0][:40])
