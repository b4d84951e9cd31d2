buffers = []
chunk_size = len(context) // 5 + 1
query = "What is the magic number for Lisbon?"
for i in range(5):
    chunk = context[i * chunk_size:(i + 1) * chunk_size]
    if i == 4:
        prompt = f"This is the last chunk. Buffers so far: {buffers}. {query} Chunk: {chunk}"
    else:
        prompt = f"Chunk {i} of 5. Buffers: {buffers}. {query} Chunk: {chunk}"
    buffer = llm_query(prompt)
    print(f"After chunk {i}: {buffer}")
    buffers.append(buffer)
# %%
candidates = [b for b in buffers if b.isdigit()]
print(candidates)
if len(set(candidates)) == 1:
    final_answer = candidates[0]
else:
    final_answer = "unknown"
# %%
answer["content"] = final_answer
answer["ready"] = True
