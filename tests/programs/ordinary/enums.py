from enum import Enum, IntEnum, Flag, IntFlag, StrEnum, auto, unique
@unique
class Color(Enum):
    RED = 1
    GREEN = auto()
    @property
    def low(self): return self.name.lower()
    @classmethod
    def _missing_(cls, value): return cls.RED
class Kind(str, Enum):
    A = "a"; B = "b"
    def __str__(self): return self.value
class Perm(Flag): R = auto(); W = auto(); RW = R | W
class Bits(IntFlag): X = 1; Y = 2
class Level(IntEnum): LOW = 1; HIGH = 2
class S(StrEnum): ONE = auto()
Animal = Enum("Animal", "CAT DOG")
print(list(Color), Color.RED.low, Color(2), Color["GREEN"], Color(99), repr(Color.RED), Color.RED.value)
print(Kind.A, Kind("b") is Kind.B, f"{Kind.A}", Perm.R | Perm.W, Perm.RW in Perm, Perm.R in Perm.RW, Bits.X | Bits.Y)
print(Level.HIGH > Level.LOW, Level.HIGH + 1, S.ONE, Animal.DOG, len(Animal), Color.__members__["RED"].name)
print(isinstance(Color.RED, Enum), isinstance(Level.LOW, int), isinstance(Level.LOW, Enum), {Color.RED: 1})
