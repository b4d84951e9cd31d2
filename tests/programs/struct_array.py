import struct
import array
packed = struct.pack(">IhB3s", 1, -2, 255, b"abc")
print(packed, struct.unpack(">IhB3s", packed), struct.calcsize(">IhB3s"))
for rec in struct.iter_unpack("<HH", b"\x01\x00\x02\x00\x03\x00\x04\x00"):
    print(rec)
a = array.array("i", [3, 1, 2])
a.append(5)
a[0] = 30
print(a, a.tolist(), sum(a), a.index(2), len(a.tobytes()), array.array("d", [0.5]) + array.array("d", [1.5]))
header = struct.Struct("<4sI")
print(header.unpack(header.pack(b"RIFF", 1234)), header.size)
try:
    struct.unpack("<I", b"\x00")
except struct.error as e:
    print("struct.error:", e)
v = memoryview(bytearray(b"xyz"))
v[1] = 65
print(v.tobytes(), array.array("u" if False else "b", b"ab").tolist(), struct.pack("f", 0.5), struct.unpack("!d", struct.pack("!d", 3.25))[0])
