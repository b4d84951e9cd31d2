x = [1,2,3]
match x:
    case [a, *rest] if a == 1: print(rest)
class Pt:
    __match_args__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
match Pt(1, 2):
    case Pt(0, _): print("no")
    case Pt(1, y=yy): print("yes", yy)
import enum
class Col(enum.Enum): R = 1
match Col.R:
    case Col.R: print("red")
match {"a": {"b": [1, {"c": 2}]}}:
    case {"a": {"b": [_, {"c": c}]}}: print(c)
match ("go", 5):
    case ("go" | "walk" as verb, int() as n) if n > 3: print(verb, n)
match 5:
    case 1 | 2: print("x")
    case int(n) if n % 5 == 0: print("five", n)
match "x":
    case str(): print("s")
match -1:
    case -1: print("neg")
match 1+2j:
    case 1+2j: print("cpx")
