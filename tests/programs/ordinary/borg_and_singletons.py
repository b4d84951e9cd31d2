class Borg:
    _shared = {}
    def __init__(self): self.__dict__ = self._shared
a, b = Borg(), Borg(); a.x = 1
class One:
    _instance = None
    def __new__(cls, *a):
        if cls._instance is None: cls._instance = super().__new__(cls)
        return cls._instance
print(b.x, One() is One())
def counter():
    counter.n = getattr(counter, "n", 0) + 1
    return counter.n
counter(); print(counter(), counter.__dict__)
