class PipelineError(Exception):
    """Base."""
    def __init__(self, stage, *args):
        super().__init__(stage, *args)
        self.stage = stage
    def __str__(self):
        return f"[{self.stage}] " + ", ".join(map(str, self.args[1:]))

class ParseError(PipelineError):
    pass

def parse(x):
    try:
        return int(x)
    except ValueError as e:
        raise ParseError("parse", x) from e

def run(xs):
    for x in xs:
        try:
            yield parse(x)
        except ParseError as e:
            yield f"{e} <- {type(e.__cause__).__name__}"
print(list(run(["1", "two", "3"])))

def order():
    log = []
    try:
        log.append("try")
        raise KeyError("k")
    except (KeyError, IndexError) as e:
        log.append(f"except {e!r}")
        try:
            raise RuntimeError("inner")
        except RuntimeError as e2:
            log.append(type(e2.__context__).__name__)
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log
print(order())

def f():
    for i in range(3):
        try:
            if i == 1:
                continue
            if i == 2:
                return "returned"
        finally:
            print("finally", i)
print(f())
try:
    try:
        1 / 0
    except ZeroDivisionError:
        raise ValueError("hidden") from None
except ValueError as e:
    print(e.__cause__, e.__suppress_context__, e.args)
try:
    raise PipelineError("s", 1, 2)
except Exception as e:
    saved = e
print(saved, saved.stage, repr(saved), isinstance(saved, PipelineError))
try:
    [][1]
except LookupError as e:
    print(type(e).__name__, e)
try:
    {}["missing"]
except KeyError as e:
    print(e, e.args[0])
for bad in (lambda: int("x"), lambda: None + 1, lambda: "a".foo, lambda: undefined_name, lambda: [1][5], lambda: next(iter([]))):
    try:
        bad()
    except Exception as e:
        print(type(e).__name__, e)
