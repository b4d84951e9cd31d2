name, n, ratio, items = "alice", 1234567, 0.98765, [1, 2]
width, prec = 12, 3
print(f"{name!r:>{width}}|{name:<{width}}|{name:^{width}}|{name:*^{width}}|")
print(f"{n:,} {n:_} {n:>12,d} {n:+d} {n:e} {n:012d} {-n:=+15,}")
print(f"{ratio:.1%} {ratio:.{prec}f} {ratio:>10.2f} {ratio:g} {ratio!s:.4}")
print(f"{name=} {n=:,} {ratio = :.2f} {len(items)=} {items[0] + 1=}")
print(f"{{literal}} {'nested ' + f'{n}'} {name.upper()} {items[-1]} {dict(a=1)['a']} {'yes' if n else 'no'}")
print(f"{[x * 2 for x in items]} {(lambda x: x + 1)(2)} {sum(x for x in items)} {', '.join(f'{x:02d}' for x in items)}")
print(f"""multi {name}
line {n:>10}
""".strip())
print(f"{'a':>5}{'b':<5}|{3.14159:<8.2f}|{True!s:>6}|{None}|{b'x'!r}|{chr(65)}|{'é'!a}")
print("{} {1}".format("x") if False else "{0} {1} {0}".format("x", "y"), "{name} {n:,}".format(name=name, n=n), "{:>8}|{:<8}|{:^8}".format(1, 2, 3))
print("{0[1]} {d[k]} {0}".format(items, d={"k": "v"}), "{:{w}.{p}f}".format(3.14159, w=10, p=2), "{!r:>8}".format("q"), "%s" % (items,))
table = [("alice", 3, 0.5), ("bob", 12, 0.25)]
for row in table:
    print("{:<8}|{:>4d}|{:>7.1%}".format(*row))
print("-" * 21, format(1234.5, ",.1f"), format("x", ">3"), format(255, "b"), "{a}-{b}".format(**{"a": 1, "b": 2}), "{}".format_map({}) if False else "{x}".format_map({"x": 9}))
print(f"{1 if n > 2 else 2:>{2 * 3}}", f"{n:>{width}}"[-5:], f"{'|'.join(sorted({'b', 'a'}))}")
