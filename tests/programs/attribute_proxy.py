class A:
    def __init__(self): self._items = {}
    def __getattr__(self, name):
        if name in self._items: return self._items[name]
        raise AttributeError(f"no {name}")
    def __setattr__(self, name, value):
        if name.startswith("_"): object.__setattr__(self, name, value)
        else: self._items[name] = value
    def __delattr__(self, name): del self._items[name]
a = A(); a.x = 1; a.x += 4; print(a.x, a._items, hasattr(a, "y")); del a.x; print(a._items)
