import re
findings = []
seen_ids = set()
# %%
def record(kind, value):
    key = (kind, value)
    if key in seen_ids:
        return False
    seen_ids.add(key)
    findings.append({"kind": kind, "value": value})
    return True
# %%
for amount in re.findall(r"\$([\d,]+\.\d{2})", context)[:20]:
    record("amount", float(amount.replace(",", "")))
print(len(findings))
# %%
for phone in re.findall(r"\+1-555-\d{4}", context):
    record("phone", phone)
print(len(findings), len(seen_ids))
# %%
def record(kind, value):  # redefined: now counts only
    global total
    total = total + 1
    return total
total = 0
for f in findings:
    record(f["kind"], f["value"])
print(total, findings[0], findings[-1])
# %%
summary = {k: len([f for f in findings if f["kind"] == k]) for k in {f["kind"] for f in findings}}
print(sorted(summary.items()))
