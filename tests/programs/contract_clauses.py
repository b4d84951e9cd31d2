contract = """1. Definitions
1.1 "Term" means the period of 24 months.
1.2 "Fee" means $1,500 per month.
2. Termination
2.1 Either party may terminate on 30 days' notice.
2.1.1 Notice must be in writing.
2.2 Clause 1.2 survives termination.
"""
import re
clauses = {}
for line in contract.splitlines():
    number, _, text = line.partition(" ")
    clauses[tuple(int(p) for p in number.strip(".").split("."))] = text
def parent(key): return clauses.get(key[:1], "?")
for key in sorted(clauses):
    print("  " * (len(key) - 1) + ".".join(map(str, key)), clauses[key][:40])
hits = [k for k, v in clauses.items() if re.search(r"terminat", v, re.I)]
print(hits, {parent(k) for k in hits})
refs = {k: [tuple(map(int, r.split("."))) for r in re.findall(r"[Cc]lause (\d+(?:\.\d+)*)", v)] for k, v in clauses.items()}
print({k: v for k, v in refs.items() if v}, all(r in clauses for v in refs.values() for r in v))
question = "\n".join(f"{'.'.join(map(str, k))}: {clauses[k]}" for k in hits)
print(llm_query("Say what the contract says about termination.\n" + question))
