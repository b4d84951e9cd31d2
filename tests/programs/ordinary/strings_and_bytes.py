s = "Hello, Wörld 🌍\n"
print(s.encode(), s.encode("utf-16")[:2], b"\xff".decode("latin-1"), s.casefold(), s.title(), s.split(", "), len(s), s[::-1].strip())
import base64, hashlib, zlib, binascii, uuid, hmac
print(base64.b64encode(b"x"), hashlib.sha256(b"a").hexdigest()[:6], zlib.decompress(zlib.compress(b"z")), binascii.hexlify(b"a"), uuid.UUID(int=1))
print(hmac.new(b"k", b"m", "sha1").hexdigest()[:4], "a-b_c".replace("-", "_").split("_"), "x".join(["1", "2"]), "%d%%" % 5)
