class Lazy:
    def __get__(self, o, t): 
        if o is None: return self
        v = o.__dict__["lazy"] = 42
        return v
class Z: lazy = Lazy()
z = Z(); print(z.lazy, z.__dict__, z.__dict__.get("lazy")); z.__dict__["q"] = 1; print(z.q); z.__dict__.update(w=2); print(z.w, vars(z))
