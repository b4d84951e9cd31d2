import difflib
import re

def normalize(s):
    return re.sub(r"[^a-z0-9 ]+", "", s.lower()).strip()

names = ["ACME Corp.", "Acme Corp", "acme corp", "Globex Inc", "Globex, Inc.", "Initech", "Intech"]
seen = {}
for n in names:
    key = normalize(n)
    seen.setdefault(key, []).append(n)
print(seen)
clusters = []
for key in seen:
    for c in clusters:
        if difflib.SequenceMatcher(None, key, c[0]).ratio() > 0.85:
            c.append(key)
            break
    else:
        clusters.append([key])
print(clusters)
print(difflib.get_close_matches("acme crp", list(seen), n=2, cutoff=0.6))
unique_lines = list(dict.fromkeys(context.splitlines()))
print(len(context.splitlines()), "->", len(unique_lines))
a, b = "one\ntwo\nthree\n", "one\n2\nthree\nfour\n"
print("".join(difflib.unified_diff(a.splitlines(True), b.splitlines(True), "a", "b", n=0)))
print([op for op in difflib.SequenceMatcher(a="abcd", b="bcde").get_opcodes()])
