spans = []
for kw in ("Chapter", "ERROR", "Lisbon"):
    i = context.find(kw)
    while i >= 0:
        spans.append((max(0, i - 300), min(len(context), i + 300)))
        i = context.find(kw, i + 1)
spans.sort()
merged = []
for lo, hi in spans:
    if merged and lo <= merged[-1][1]:
        merged[-1] = (merged[-1][0], max(merged[-1][1], hi))
    else:
        merged.append((lo, hi))
print(len(spans), "->", len(merged), sum(hi - lo for lo, hi in merged), merged[0], merged[-1])
assert all(a[1] < b[0] for a, b in zip(merged, merged[1:]))
excerpt = "\n[...]\n".join(context[lo:hi] for lo, hi in merged)
print(len(excerpt), llm_query("From these excerpts, what is the magic number?\n" + excerpt))
