# policy: deny (__builtins__)
b = globals()["__builtins__"]
print(b)
