def chunk_text(text, chunk_size=5000, overlap=200):
    """Split text into overlapping chunks."""
    chunks = []
    start = 0
    while start < len(text):
        end = min(start + chunk_size, len(text))
        chunks.append(text[start:end])
        if end == len(text):
            break
        start = end - overlap
    return chunks

chunks = chunk_text(context)
print(f"Split into {len(chunks)} chunks; sizes: {[len(c) for c in chunks]}")
assert "".join([chunks[0]] + [c[200:] for c in chunks[1:]]) == context

answers = []
for i, chunk in enumerate(chunks):
    prompt = f"Chunk {i + 1}/{len(chunks)}. Is the magic number in here?\n\n{chunk}"
    result = llm_query(prompt)
    answers.append(result)
    if not result.startswith("summary"):
        print(f"Found in chunk {i}: {result}")
print(len(answers), sum(a.startswith("summary(") for a in answers))
