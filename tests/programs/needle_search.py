query = "magic number"
hits = []
pos = context.find(query)
while pos != -1:
    hits.append(pos)
    pos = context.find(query, pos + 1)
print(f"{len(hits)} hit(s) at {hits}")
for h in hits:
    lo, hi = max(0, h - 40), min(len(context), h + 80)
    window = context[lo:hi]
    line_no = context.count("\n", 0, h) + 1
    print(f"line {line_no}: ...{window.strip()!r}...")
    digits = "".join(ch for ch in window.split("is")[-1] if ch.isdigit())
    print("digits:", digits)
answer["content"] = digits
answer["ready"] = True
