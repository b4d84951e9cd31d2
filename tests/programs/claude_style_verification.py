"""Let me find the answer, then verify it with an independent method."""
import re

# Method 1: regex
m1 = {m.group(1): int(m.group(2)) for m in re.finditer(r"service=(\w+) latency=(\d+)ms", context)}
per_service = {}
for m in re.finditer(r"(?P<level>\w+) service=(?P<svc>\w+)", context):
    if m["level"] == "ERROR":
        per_service[m["svc"]] = per_service.get(m["svc"], 0) + 1
top1 = max(per_service.items(), key=lambda kv: (kv[1], kv[0]))
print("Method 1:", top1, "of", sum(per_service.values()))
# %%
# Method 2: plain string operations
alt = {}
for line in context.splitlines():
    if " ERROR " in line and "service=" in line:
        svc = line[line.index("service=") + len("service="):].split()[0]
        alt[svc] = alt.get(svc, 0) + 1
top2 = max(alt.items(), key=lambda kv: (kv[1], kv[0]))
print("Method 2:", top2)
assert top1 == top2, (top1, top2)
assert alt == per_service
# %%
status = "✓ verified" if alt == per_service else "✗ mismatch"
print(f"{status}: {top1[0]} logged {top1[1]} ERROR lines ({top1[1] / sum(alt.values()):.1%} of all).")
FINAL_VAR("top1")
