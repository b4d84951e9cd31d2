print(int("ff", 16), int("0b101", 2), int("0o17", 0), int("  42 "), int("1_000"), int(3.99), int("-7"), int(True))
print(bin(10), hex(255), oct(8), f"{10:08b}", f"{255:#x}", f"{255:X}", f"{1e6:,.0f}", 0xFF, 0b11, 1_000_000, 1e3)
print(float("1e-3"), float("inf"), float("-inf") < 0, float(" 2.50 "), 1 / 3, 1e16, 1e-7, 123456789.123, 5e-324)
for s in ["12", "1.5", "1,234", "abc", "", "0x10", "1e5", "٣"]:
    try:
        value = int(s)
    except ValueError:
        try:
            value = float(s.replace(",", ""))
        except ValueError as e:
            value = f"not a number: {s!r}"
    print(repr(s), "->", value)
print((5).bit_length(), (255).to_bytes(2, "big"), int.from_bytes(b"\x01\x00", "little"), (0.75).as_integer_ratio(), (3.0).is_integer(), float.fromhex("0x1.8p1"), (2.5).hex())
print(7 & 3, 7 | 8, 5 ^ 1, ~5, 1 << 10, 1024 >> 3, bin(0b1011).count("1"), (10).bit_count(), 2 ** 100, -2 ** 2, 2 ** -1, pow(3, 200, 13))
print(complex(1, 2) * 3j, abs(3 + 4j), (1 + 2j).conjugate(), (1 + 2j).real, 1 < 2 <= 2 != 3, 0.1 + 0.2, 10 ** 20 // 3, True + True, max(1, 2.0, key=float), sum([0.5, 1]), abs(-3), 3 == 3.0)
flags = 0
for i, name in enumerate(["a", "b", "c"]):
    flags |= (name != "b") << i
flags ^= 0b1
flags <<= 2
flags &= ~0b1000
print(flags, bool(flags & 0b10000))
