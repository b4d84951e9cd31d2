x = 5
del x
try:
    x
except NameError:
    print("x gone")
data = {"a": 1, "b": [1, 2, 3]}
del data["a"], data["b"][0]
print(data)
assert data["b"] == [2, 3], "unexpected"
try:
    assert not data, f"data is not empty: {data}"
except AssertionError as e:
    print("assertion:", e)
try:
    assert isinstance(1, str)
except AssertionError as e:
    print("bare", repr(e), e.args)
class A: pass
o = A()
o.v = 1
del o.v
print(hasattr(o, "v"))
a = b = c = 0
a += 1; b -= 1; c = a if a > b else b
print(a, b, c, a < b < c, a > b < c, not a == b, a is not None, None is None, (a, b) == (1, -1))
def g():
    global created
    created = "yes"
    def h():
        global created
        created += "!"
    h()
g()
print(created)
i = 7
[i for i in range(3)]
print(i)
if True: pass
y = (1,
     2)
z = 1 + \
    2
print(y, z); print(0 or "a", "" and "b", 1 and 2, not 0, 5 if z else 6)
