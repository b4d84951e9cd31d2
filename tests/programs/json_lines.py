import json
records = []
bad = 0
for line in context.splitlines():
    line = line.strip()
    if not (line.startswith("{") and line.endswith("}")):
        continue
    try:
        records.append(json.loads(line))
    except json.JSONDecodeError:
        bad += 1
print(len(records), "records,", bad, "bad")
best = sorted(records, key=lambda r: r["score"], reverse=True)[:3]
for r in best:
    print(json.dumps(r, indent=2, sort_keys=True))
tags = {}
for r in records:
    for t in r["tags"]:
        tags.setdefault(t, set()).add(r["name"])
print({t: sorted(names) for t, names in sorted(tags.items())})
avg = {n: round(sum(x) / len(x), 2) for n in sorted({r["name"] for r in records}) if (x := [r["score"] for r in records if r["name"] == n])}
print(avg)
print(json.loads("[1, 2.5, true, null, \"x\\u00e9\"]"), json.dumps({"é": (1, 2)}, ensure_ascii=False))
