def clean(s):
    return s.strip().lower()

def tokens(s):
    return clean(s).split()
# %%
def bigrams(s):
    t = tokens(s)
    return list(zip(t, t[1:]))
print(bigrams("  The quick Brown fox "))
# %%
STOP = {"the", "over"}
def tokens(s):  # helper replaced: bigrams() of the earlier cell must use the new one
    return [w for w in clean(s).split() if w not in STOP]
print(bigrams("The quick brown fox jumps over the lazy dog"))
# %%
counts = {}
for para in context.split("\n")[:60]:
    for bg in bigrams(para):
        counts[bg] = counts.get(bg, 0) + 1
top = sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))[:4]
print(top)
# %%
def tokens(s, _orig=tokens):
    return [w for w in _orig(s) if w.isalpha()]
print([b for b in bigrams("a 1 b 2 c")], sum(map(len, (tokens(x) for x in ["q w", "e"]))))
