class L(list):
    def __init__(self, *a): super().__init__(*a); self.tag = "t"
    def __getitem__(self, i):
        r = super().__getitem__(i)
        return L(r) if isinstance(i, slice) else r
l = L([1,2,3]); l.tag += "!"; print(l[1:], type(l[1:]).__name__, l.tag, l.__class__.__name__)
