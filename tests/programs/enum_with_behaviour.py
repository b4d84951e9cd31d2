import enum
class Planet(enum.Enum):
    EARTH = (5.97e24, 6.37e6)
    MARS = (6.4e23, 3.39e6)
    def __init__(self, mass, radius): self.mass = mass; self.radius = radius
    @property
    def g(self): return round(6.67e-11 * self.mass / self.radius ** 2, 2)
    def __str__(self): return self.name.title()
    @classmethod
    def _missing_(cls, value): return cls.EARTH
print([str(p) for p in Planet], Planet.MARS.g, Planet("zzz"), Planet.EARTH._value_, Planet.EARTH._name_, Planet._member_map_["MARS"].g)
Animal = enum.Enum("Animal", "CAT DOG"); print(list(Animal), Animal.CAT.value)
class Op(enum.Enum):
    ADD = enum.member(lambda a, b: a + b) if hasattr(enum, "member") else 1
    def _generate_next_value_(name, start, count, last): return name.lower()
    SUB = enum.auto()
print(Op.SUB.value)
class S(str, enum.Enum):
    A = "a"
print(S.A == "a", S.A.upper(), S("a").name, f"{S.A.value}", isinstance(S.A, str))
class I(enum.IntEnum):
    LOW = 1; HIGH = 10
print(I.LOW + 1, sorted([I.HIGH, I.LOW]), I(10), I["LOW"].name, {I.LOW: "x"}[1])
