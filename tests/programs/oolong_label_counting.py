import re
from collections import Counter, defaultdict
rows = []
for raw in context.splitlines():
    m = re.match(r"Date: (\d{4})-(\d\d)-(\d\d) \|\| User: (\d+) \|\| Instance: (.*)", raw)
    if m:
        y, mo, d, user, inst = m.groups()
        rows.append({"month": int(mo), "user": int(user), "q": inst})
print(len(rows))

labels = ["entity", "location", "numeric value", "human being", "abbreviation", "description"]
label_of = lambda q: next((l for l in labels if f"the {l} of" in q), "unknown")
for r in rows:
    r["label"] = label_of(r["q"])
total = Counter(r["label"] for r in rows)
by_month = defaultdict(Counter)
for r in rows:
    by_month[r["month"]][r["label"]] += 1
print(total.most_common(1), min(total, key=lambda l: (total[l], l)))
for mo in sorted(by_month)[:3]:
    print(mo, dict(sorted(by_month[mo].items())))
more = [(a, b) for i, a in enumerate(labels) for b in labels[i + 1:] if total[a] > total[b]]
print(len(more), more[:2])
# %%
before_june = sum(c for mo, cnt in by_month.items() if mo < 6 for c in cnt.values())
share = before_june / len(rows)
print(f"{before_june=} {share=:.3f}")
# %%
pairs = sorted({tuple(sorted((a["user"], b["user"]))) for a in rows[:10] for b in rows[:10] if a["user"] != b["user"] and a["label"] == b["label"]})
print(len(pairs), pairs[:2])
