lines = [l for l in context.split("\n") if l.startswith("Date:")]
BATCH = 20
batches = [lines[i:i + BATCH] for i in range(0, len(lines), BATCH)]
prompts = []
for b_idx, batch in enumerate(batches):
    numbered = "\n".join(f"{i + 1}. {line}" for i, line in enumerate(batch))
    prompts.append(
        "Classify each question into one of: entity, location, numeric value.\n"
        "Answer as JSON.\n\n"
        f"{numbered}"
    )
results = llm_query_batched(prompts)
print(len(batches), len(results))

import json
totals = {}
for r in results:
    cleaned = r.strip()
    if cleaned.startswith("```"):
        cleaned = cleaned.split("```")[1]
        if cleaned.startswith("json"):
            cleaned = cleaned[4:]
    try:
        data = json.loads(cleaned)
    except json.JSONDecodeError as e:
        print("bad json:", e)
        continue
    for k, v in data.items():
        totals.setdefault(k, []).append(v)
print({k: (len(v), sum(v)) for k, v in totals.items()})
