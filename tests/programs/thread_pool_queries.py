from concurrent.futures import ThreadPoolExecutor, as_completed

paragraphs = [p for p in context.split("\n\n") if len(p) > 100]

def ask(idx_and_text):
    idx, text = idx_and_text
    return idx, llm_query(f"Summarize paragraph {idx}: {text[:500]}")

with ThreadPoolExecutor(max_workers=8) as executor:
    results = list(executor.map(ask, enumerate(paragraphs)))
print(len(results), results[:3])

results_by_id = {}
with ThreadPoolExecutor(max_workers=4) as executor:
    futures = {executor.submit(llm_query, p[:200]): i for i, p in enumerate(paragraphs[:10])}
    for future in as_completed(futures):
        i = futures[future]
        try:
            results_by_id[i] = future.result(timeout=30)
        except Exception as exc:
            results_by_id[i] = f"ERROR {exc}"
print([results_by_id[i] for i in sorted(results_by_id)])
