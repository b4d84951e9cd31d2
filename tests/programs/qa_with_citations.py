from dataclasses import dataclass
@dataclass
class Citation:
    start: int
    end: int
    text: str
    def __str__(self):
        return f'[{self.start}:{self.end}] "{self.text}"'
def find_evidence(keywords, window=30, limit=3):
    out = []
    for kw in keywords:
        pos = -1
        while (pos := context.find(kw, pos + 1)) >= 0 and len(out) < limit:
            s, e = max(0, pos - window), min(len(context), pos + len(kw) + window)
            out.append(Citation(s, e, " ".join(context[s:e].split())))
    return out
evidence = find_evidence(["Lisbon", "Annual", "Chapter 3"])
for n, c in enumerate(evidence, 1):
    print(n, c)
prompt = "\n".join(["Answer the question from the quotes only.", *map(str, evidence), "Question: what is the magic number?"])
print(llm_query(prompt))
assert all(context[c.start:c.end].split() == c.text.split() for c in evidence)
