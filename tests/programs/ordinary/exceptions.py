class AppError(Exception):
    def __init__(self, msg, code=1): super().__init__(msg); self.code = code
def f(x):
    try:
        if x == 0: raise AppError("zero", code=7)
        return 1 / (x - 1)
    except ZeroDivisionError as e:
        raise AppError("wrapped") from e
    else: print("never")
    finally: print("finally", x)
for i in (0, 1, 2):
    try: print(f(i))
    except AppError as e: print(e, e.code, repr(e.__cause__), e.args, e.__context__ is e.__cause__)
try:
    raise ExceptionGroup("g", [ValueError("v"), TypeError("t")])
except* ValueError as eg: print("V", eg.exceptions)
except* TypeError as eg: print("T", [str(e) for e in eg.exceptions])
try: {}["k"]
except (KeyError, IndexError) as e: e.add_note("note"); print(type(e).__name__, e, e.__notes__)
try: [].nope
except AttributeError as e: print(e, e.name, e.obj)
try: undefined_name
except NameError as e: print(e)
try: int("x")
except ValueError as e: e.extra = 1; print(e.extra, e.__traceback__ is not None)
