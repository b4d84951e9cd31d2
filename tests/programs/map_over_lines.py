lines = [l for l in context.split("\n") if l.startswith("Date:")][:12]
labels = llm_map(lines, "Which category does this question ask for? Only the word.\n{item}")
for line, label in zip(lines[:3], labels): print(line[:24], "->", label)
print(len(labels), len(set(labels)))
# %%
from collections import Counter
by_hand = llm_map(enumerate(lines), lambda pair: f"{pair[0]}: {pair[1]}", model=None)
print(Counter(labels).most_common(1)[0][1] >= 1, by_hand[:2], llm_map([], "x"), llm_map([1, 2.5], "Is it odd?"))
# %%
sections = {h: body for h, _, body in (part.partition("\n") for part in context.split("## ")[1:])}
found = dict(zip(sections, llm_map(sections.values(), "Summarise:\n{item}\nJSON {\"a\": {item}}")))
FINAL({k: v[:20] for k, v in list(found.items())[:2]})
