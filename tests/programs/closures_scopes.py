counter = 0
def bump(by=1):
    global counter
    counter += by
    return counter
bump(); bump(5)
print(counter)

def make_account(balance):
    history = []
    def deposit(x):
        nonlocal balance
        balance += x
        history.append(("d", x))
        return balance
    def withdraw(x):
        nonlocal balance
        if x > balance:
            raise ValueError("insufficient")
        balance -= x
        history.append(("w", x))
        return balance
    return {"deposit": deposit, "withdraw": withdraw, "history": history, "balance": lambda: balance}

acc = make_account(10)
acc["deposit"](5)
acc["withdraw"](7)
print(acc["balance"](), acc["history"])
try:
    acc["withdraw"](100)
except ValueError as e:
    print(e)

def outer():
    x = "outer"
    def inner():
        x = "inner"
        def innermost():
            nonlocal x
            x = "changed"
        innermost()
        return x
    return inner(), x
print(outer(), (lambda f: f(f, 5))(lambda self, n: 1 if n == 0 else n * self(self, n - 1)))

def append_to(item, target=[]):
    target.append(item)
    return target
print(append_to(1), append_to(2), append_to(3, []))
x = 10
def shadow():
    try:
        print(x)
    except UnboundLocalError:
        print("unbound")
    x = 5
shadow()
def compose(*fns):
    def run(v):
        for f in fns:
            v = f(v)
        return v
    return run
print(compose(str.split, len, lambda n: n * 2)("a b c"), [f() for f in [(lambda i=i: i ** 2) for i in range(4)]])
