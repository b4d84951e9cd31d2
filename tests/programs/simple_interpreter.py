def tokenize(s):
    return s.replace("(", " ( ").replace(")", " ) ").split()
def parse(toks):
    tok = toks.pop(0)
    if tok == "(":
        out = []
        while toks[0] != ")":
            out.append(parse(toks))
        toks.pop(0)
        return out
    try:
        return int(tok)
    except ValueError:
        return tok
class Env(dict):
    def __init__(self, names=(), args=(), outer=None):
        super().__init__(zip(names, args))
        self.outer = outer
    def find(self, n):
        return self if n in self else self.outer.find(n)
import operator as op
root = Env(["+", "-", "*", "<", "list"], [op.add, op.sub, op.mul, op.lt, lambda *a: list(a)])
def run(x, env=root):
    match x:
        case str():
            return env.find(x)[x]
        case int():
            return x
        case ["define", name, body]:
            env[name] = run(body, env)
        case ["if", test, a, b]:
            return run(a if run(test, env) else b, env)
        case ["lambda", params, body]:
            return lambda *args: run(body, Env(params, args, env))
        case [fn, *args]:
            return run(fn, env)(*(run(a, env) for a in args))
for src in ["(define fact (lambda (n) (if (< n 2) 1 (* n (fact (- n 1))))))", "(fact 20)", "((lambda (x y) (list y x)) 1 2)"]:
    print(run(parse(tokenize(src))))
