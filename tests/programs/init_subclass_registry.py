class Base:
    _registry = {}
    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw); cls._registry[cls.__name__] = cls
class X(Base): pass
class Y(Base): pass
print(sorted(Base._registry), Base.__subclasses__() == [X, Y])
