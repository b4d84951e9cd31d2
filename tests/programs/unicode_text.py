import unicodedata
words = ["café", "cafe\u0301", "naïve", "Straße", "ﬁne", "日本", "😀 emoji", "Ω≈ç", "\u200bzero"]
for w in words:
    nfc = unicodedata.normalize("NFC", w)
    nfkd = unicodedata.normalize("NFKD", w)
    ascii_ = nfkd.encode("ascii", "ignore").decode()
    print(f"{w!a:<24} len={len(w)} nfc={len(nfc)} ascii={ascii_!r} bytes={len(w.encode())}")
print(unicodedata.name("é"), unicodedata.category("A"), unicodedata.category("—"), unicodedata.lookup("SNOWMAN"), unicodedata.numeric("½"), unicodedata.combining("\u0301"), unicodedata.east_asian_width("日"))
strip = lambda s: "".join(c for c in unicodedata.normalize("NFD", s) if not unicodedata.combining(c))
print(strip("Crème Brûlée"), "café" == "cafe\u0301", unicodedata.normalize("NFC", "cafe\u0301") == "café", sorted(["é", "f", "e"], key=strip))
non_ascii = sorted({c for c in context if ord(c) > 127})
print([(c, hex(ord(c)), unicodedata.name(c)) for c in non_ascii])
print("😀"[0], len("👨‍👩‍👧"), "\N{GREEK SMALL LETTER ALPHA}", "\U0001F600" == "😀", "abc\u00a0def".split(), "ÀÉ".casefold(), "ı".upper(), "ŉ".upper())
naïve_var = 3
π = 3.14159
print(naïve_var, π, "日本" in {"日本": 1}, "\x41\t|".expandtabs(4), "a\u2028b".splitlines(), "x\x0cy".split("\x0c"), "٣".isdecimal(), int("٣"))
