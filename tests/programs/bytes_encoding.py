import base64, binascii, hashlib, zlib, hmac
data = context[:300].encode("utf-8")
print(len(data), data[:5], data[0], data[-3:], list(data[:4]), data.hex()[:12], bytes.fromhex("48 69"), bytes([65, 66]), bytes(3))
print(base64.b64encode(b"hello world"), base64.b64decode("aGVsbG8="), base64.urlsafe_b64encode(b"\xff\xfe?"), binascii.hexlify(b"ab"), base64.b32encode(b"x"))
print(hashlib.sha256(data).hexdigest()[:16], hashlib.md5(b"").hexdigest(), hashlib.sha1(b"a").hexdigest()[:8], hashlib.blake2b(b"x", digest_size=4).hexdigest(), hmac.new(b"k", b"m", "sha256").hexdigest()[:8])
z = zlib.compress(context.encode(), 9)
print(len(z) < len(context) // 3, zlib.decompress(z).decode() == context, zlib.crc32(b"abc"), hex(zlib.adler32(b"abc")))
print(b"a,b".split(b","), b"abc".upper(), b"abc".find(b"c"), b"-".join([b"x", b"y"]), b"abc"[::-1], b"\x00\xff".decode("latin-1"), b"caf\xc3\xa9".decode(), "é".encode("utf-16-le"), b"x" + b"y" * 2, b"abc".startswith(b"a"))
try:
    b"\xff\xfe".decode("utf-8")
except UnicodeDecodeError as e:
    print("UnicodeDecodeError", e.start, e.reason)
print(b"\xff\xfeok".decode("utf-8", errors="ignore"), b"\xff".decode("utf-8", "replace"), "\ud800".encode("utf-8", "surrogatepass"), "é".encode("cp1252"))
ba = bytearray(b"hello")
ba[0] = ord("J")
ba += b"!"
ba.extend([33])
del ba[1:3]
mv = memoryview(b"abcdef")
print(ba, bytes(ba), mv[2], bytes(mv[1:3]), mv.nbytes, mv[::-1].tolist()[:2], bytearray(2), int.from_bytes(b"\x01\x02", "big"), b"%b" % b"z", b"tr".translate(bytes.maketrans(b"t", b"T")))
key = {hashlib.sha256(l.encode()).hexdigest()[:10] for l in context.splitlines()}
print(len(key), len(set(context.splitlines())))
