def to_base(n, b, digits="0123456789abcdefghijklmnopqrstuvwxyz"):
    if n == 0:
        return "0"
    out = []
    neg, n = n < 0, abs(n)
    while n:
        n, r = divmod(n, b)
        out.append(digits[r])
    return ("-" if neg else "") + "".join(reversed(out))
print([to_base(255, b) for b in (2, 8, 16, 36)], to_base(-10, 2), int("zz", 36) == 35 * 37)
roman = lambda n: "".join(s * (n // v) for v, s, n in [(v, s, n % p) for (v, s), p in zip([(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")], [10 ** 9, 1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4])])
print([roman(n) for n in (4, 9, 14, 40, 1994, 2024)])
bloom = 0
for w in context.split()[:200]:
    h = sum(ord(c) * 31 ** i for i, c in enumerate(w)) % 1024
    bloom |= 1 << h
print(bin(bloom).count("1"), bool(bloom >> 5 & 1), f"{bloom & 0xFFFF:016b}")
sieve = bytearray([1]) * 100
for i in range(2, 10):
    if sieve[i]:
        sieve[i * i::i] = bytes(len(range(i * i, 100, i)))
print([i for i in range(2, 100) if sieve[i]][-5:])
gray = [i ^ (i >> 1) for i in range(8)]
print([f"{g:03b}" for g in gray], (-5) >> 1, 5 & -5, (1 << 64) - 1, 2 ** 64 == 1 << 64, hash(3) == 3, 7 .bit_length())
def crc(data):
    c = 0xFFFF
    for byte in data:
        c ^= byte << 8
        for _ in range(8):
            c = (c << 1) ^ 0x1021 if c & 0x8000 else c << 1
            c &= 0xFFFF
    return c
print(hex(crc(b"123456789")))
