import datetime
class A:
    name = "n"; vals = [1, 2]; sub = {"k": 3}
a, x, w = A(), 3.14159, 10
print(f"{x:.2f} {x:>{w}.3f} {x!r:>8} {a.name!s:^7} {'q':-<5} {1234567:,} {0.256:.1%} {255:#x} {x = :.1f} {{}}")
print("{0} {1} {0}".format("a", "b"), "{} {}".format(1, 2), "{a.name} {a.vals[1]} {a.sub[k]}".format(a=a))
t = "{name:>{width}}|{d:%Y-%m}"
print(t.format(name="z", width=4, d=datetime.date(2024, 5, 6)), "{x}-{y}".format_map({"x": 1, "y": 2}))
print("%s %5.1f" % ("s", 2.25), "%(a)03d" % {"a": 7}, f"{'nested ' + f'{w}'}")
print(list(map("{:02d}".format, [1, 2])), format(x, ".3f"), "|".join("{}={}".format(*p) for p in {"a": 1}.items()))
from string import Template, Formatter
print(Template("$a ${b}").substitute(a=1, b=2), Formatter().format("{0.name} {k:>3}", a, k=2))
try: "{} {}".format(1)
except IndexError as e: print(e)
try: "{a".format(a=1)
except ValueError as e: print(e)
