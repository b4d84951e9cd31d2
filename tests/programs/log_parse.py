import re
from collections import defaultdict, Counter

LOG = re.compile(
    r"^(?P<date>\d{4}-\d{2}-\d{2}) (?P<time>[\d:]+) (?P<level>INFO|WARN|ERROR) service=(?P<svc>\w+) latency=(?P<lat>\d+)ms$",
    re.MULTILINE,
)
entries = [m.groupdict() for m in LOG.finditer(context)]
print(f"parsed {len(entries)} log lines")

by_level = Counter(e["level"] for e in entries)
print(by_level.most_common())

lat = defaultdict(list)
for e in entries:
    lat[e["svc"], e["level"]].append(int(e["lat"]))
for (svc, level), values in sorted(lat.items()):
    if level == "ERROR":
        values.sort()
        p50 = values[len(values) // 2]
        print(f"{svc:>6} {level} n={len(values):<3} p50={p50:>4}ms max={values[-1]:>4}ms")
slowest = max(entries, key=lambda e: int(e["lat"]))
print("slowest:", slowest["date"], slowest["svc"], slowest["lat"])
