chunks = [context[i:i + 8000] for i in range(0, len(context), 8000)]
one = rlm_query("What is the magic number?", context=chunks[0])
many = rlm_query_batched([f"What is in part {i}?" for i in range(len(chunks))], chunks)
shared = rlm_query_batched(["Who is named?", "The magic number for x is 77"], {"text": chunks[0], "n": [1, None, 2.5]})
print(one, len(many) == len(chunks), many[:2], shared)
# %%
best = max(many, key=len)
FINAL_VAR("best")
