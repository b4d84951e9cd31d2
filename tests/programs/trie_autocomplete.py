class Trie:
    __slots__ = ("children", "count")
    def __init__(self):
        self.children = {}
        self.count = 0
    def insert(self, word):
        node = self
        for ch in word:
            node = node.children.setdefault(ch, Trie())
        node.count += 1
    def __contains__(self, word):
        node = self._node(word)
        return node is not None and node.count > 0
    def _node(self, prefix):
        node = self
        for ch in prefix:
            if (node := node.children.get(ch)) is None:
                return None
        return node
    def items(self, prefix=""):
        node = self._node(prefix)
        if node is None:
            return
        if node.count:
            yield prefix, node.count
        for ch in sorted(node.children):
            yield from self.items(prefix + ch)
t = Trie()
def items(trie, acc=""):
    if trie.count:
        yield acc, trie.count
    for ch, child in sorted(trie.children.items()):
        yield from items(child, acc + ch)
for w in context.lower().split():
    if w.isalpha():
        t.insert(w)
print("fox" in t, "fo" in t, list(t.items("fo")), [w for w, _ in items(t)][:5], sum(n for _, n in items(t)))
