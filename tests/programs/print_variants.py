import sys
print()
print("a", 1, None, True, [1, "x"], {"k": (1,)}, sep=" | ")
print("no newline", end="")
print("!", end="\n\n")
print(*range(5), sep="")
print(*[f"{i}:{c}" for i, c in enumerate("abc")], sep="\n")
print("multi\nline", "tab\there", "quote\"s", 'back\\slash', "nul\0".replace("\0", "0"))
print("x" * 3 + "-" * 3, "é" * 2, "→ ✓ “quoted” …", b"bytes", 1.0, 1e100, -0.0, float("nan"), 1 + 2j, ..., NotImplemented, int, len)
sys.stdout.write("written\n")
sys.stdout.flush()
print("to stderr", file=sys.stderr)
print("flushed", flush=True)
def show(title, *rows, width=20):
    print(f" {title} ".center(width, "="))
    for r in rows:
        print(*r, sep="\t")
    print("=" * width)
show("T", (1, 2), ("a", "b"))
for i in range(3):
    print(f"\rprogress {i + 1}/3", end="" if i < 2 else "\n")
print(print("inner"), [print(i) for i in range(2)])
print("{!s:>10}".format("right"), str(None) + "!", repr("r"), ascii("é"), f"{'✓' if True else '✗'}")
print(range(3), {1, }, frozenset(), set(), dict(), (), (1,), [[]], type(3), Exception("e"), ValueError("v", 1), slice(1, 2), enumerate)
