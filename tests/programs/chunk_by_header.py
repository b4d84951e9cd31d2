import re

sections = re.split(r"(?m)^(## Chapter \d+: .+)$", context)
preamble, rest = sections[0], sections[1:]
chapters = {title.removeprefix("## "): body.strip() for title, body in zip(rest[::2], rest[1::2])}
for title, body in chapters.items():
    print(f"{title:<35} {len(body):>6} chars  {body.count('ERROR'):>2} errors")

summaries = llm_query_batched([f"Summarize this chapter:\n{title}\n{body}" for title, body in chapters.items()])
combined = "\n".join(f"{t}: {s}" for t, s in zip(chapters, summaries))
print(combined)
final_answer = llm_query("Combine:\n" + combined)
print(final_answer)
