class Animal:
    kinds = []
    count = 0
    def __init__(self, name, *, legs=4):
        self.name = name; self._legs = legs; self.__secret = name[::-1]
        Animal.count += 1
        type(self).kinds.append(type(self).__name__)
    @property
    def legs(self): return self._legs
    @legs.setter
    def legs(self, value):
        if value < 0: raise ValueError("legs")
        self._legs = value
    @classmethod
    def make(cls, *args): cls.last = args; return cls(*args)
    @staticmethod
    def helper(node): node["seen"] = True; return node
    def secret(self): return self.__secret
    def __repr__(self): return f"{self.__class__.__name__}({self.name!r})"
    def __eq__(self, other): return isinstance(other, Animal) and self.name == other.name
    def __hash__(self): return hash(self.name)
    def __lt__(self, other): return self.name < other.name
class Dog(Animal):
    def __init__(self, name): super().__init__(name, legs=4); self.tricks = []
    def secret(self): return "dog " + super().secret()
a, d = Animal("ant", legs=6), Dog.make("rex")
a.legs = 8
try: a.legs = -1
except ValueError as e: print("ValueError", e, e.args, type(e).__name__, e.__class__.__name__)
print(a, d, a.legs, d.secret(), Animal.kinds, Animal.count, Dog.last, sorted([d, a]), {a: 1}[Animal("ant")])
print(a._legs, a._Animal__secret, Animal.helper({}), issubclass(Dog, Animal), isinstance(d, Animal))
print(sorted(vars(d)), d.__dict__["name"], [c.__name__ for c in Dog.__mro__], Dog.__bases__ == (Animal,))
print([c.__name__ for c in Animal.__subclasses__()], Dog.__name__, Dog.__qualname__, Dog.__module__)
