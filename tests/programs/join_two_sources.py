import json, re
people = {}
for line in context.splitlines():
    if line.startswith("{"):
        rec = json.loads(line)
        p = people.setdefault(rec["name"], {"scores": [], "errors": 0, "contacts": set()})
        p["scores"].append(rec["score"])
    elif (m := re.match(r".* ERROR service=(\w+) ", line)):
        people.setdefault(m[1], {"scores": [], "errors": 0, "contacts": set()})["errors"] += 1
    elif line.startswith("Contact "):
        a, b = re.match(r"Contact (\w+)\.(\w+)@", line).groups()
        for x, y in ((a, b), (b, a)):
            if x in people:
                people[x]["contacts"].add(y)
print(f"{'name':<8}{'n':>4}{'avg':>8}{'err':>5}  contacts")
for name, p in sorted(people.items(), key=lambda kv: (-kv[1]["errors"], kv[0])):
    avg = sum(p["scores"]) / len(p["scores"]) if p["scores"] else float("nan")
    print(f"{name:<8}{len(p['scores']):>4}{avg:>8.2f}{p['errors']:>5}  {','.join(sorted(p['contacts']))[:25]}")
