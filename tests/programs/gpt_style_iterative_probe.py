# Step 1: understand the structure
lines = context.split("\n")
print(f"Total lines: {len(lines)}")
prefixes = {}
for line in lines:
    prefix = line.split(" ")[0][:6] if line.strip() else "<blank>"
    if prefix[:1] == "{":
        prefix = "json"
    elif prefix[:4].isdigit():
        prefix = "log"
    prefixes[prefix] = prefixes.get(prefix, 0) + 1
for p, n in sorted(prefixes.items(), key=lambda x: (-x[1], x[0])):
    print(f"{p:10} {n}")
# %%
# Step 2: take one example of each kind
examples = {}
for line in lines:
    for marker in ("Date:", "Contact", "{", "##", "The "):
        if line.startswith(marker) and marker not in examples:
            examples[marker] = line[:80]
for k in sorted(examples):
    print(f"{k!r}: {examples[k]}")
# %%
# Step 3: ask about each kind
notes = {}
for k, ex in sorted(examples.items()):
    notes[k] = llm_query(f"What kind of line is this? {ex}")
print(notes)
# %%
final = "; ".join(f"{k}={v}" for k, v in notes.items())
FINAL(final)
