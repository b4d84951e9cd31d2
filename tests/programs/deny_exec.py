# policy: deny (exec)
code = "x = 1\nprint(x)"
exec(code)
