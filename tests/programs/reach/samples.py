# Objects of all kinds that a cell can make, from which the crawl of test_policy.py starts.
import abc, array, collections, concurrent.futures, contextlib, csv, dataclasses, datetime, decimal, difflib, enum
import fractions, functools, io, ipaddress, itertools, json, logging, operator, os, pathlib, queue, random, re, string
import pydantic, struct, sys, threading, traceback, types, typing, uuid, zlib, urllib.parse, statistics, graphlib

class Base:
    "A class with all kinds of members."
    attribute = 1
    def method(self): return self
    @classmethod
    def of_class(cls): return cls
    @staticmethod
    def of_nothing(): return 1
    @property
    def computed(self): return 1
    @functools.cached_property
    def cached(self): return 1
    @functools.singledispatchmethod
    def dispatched(self, x): return 1
class Derived(Base): __slots__ = ("slot",)
class Failure(Exception): pass
class Color(enum.Enum): RED = 1
class Bits(enum.IntFlag): A = 1
class Row(typing.NamedTuple):
    name: str
class Movie(typing.TypedDict):
    title: str
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Stack(typing.Generic[typing.TypeVar("T")]): pass
class Likes(typing.Protocol):
    def like(self): ...
@dataclasses.dataclass
class Data:
    x: int = 0
    y: list = dataclasses.field(default_factory=list)
class Model(pydantic.BaseModel):
    "A model with all kinds of members."
    model_config = pydantic.ConfigDict(extra="allow")
    name: str = pydantic.Field("x", description="what", min_length=1, examples=["a"])
    rows: list[Data] = []
    @pydantic.field_validator("name")
    @classmethod
    def _checked(cls, value): return value
    @pydantic.model_validator(mode="after")
    def _whole(self): return self
try: Model(name="")
except pydantic.ValidationError as caught: misfit = caught
def closure(n):
    def inner(): return n
    return inner
def generator():
    yield 1
@functools.lru_cache
def cached(n): return n
@functools.wraps(closure)
def wrapped(*a): return a
@functools.singledispatch
def dispatched(x): return x
@contextlib.contextmanager
def manager(): yield 1
running = generator(); next(running)
try:
    try: json.loads("{")
    except ValueError as inner: raise Failure("x") from inner
except Failure as caught: failure, about = caught, sys.exc_info()
try: None.missing
except AttributeError as caught: missing = caught
pool = concurrent.futures.ThreadPoolExecutor(1)
future = pool.submit(int, "3"); future.result(); pool.shutdown()
chain = collections.ChainMap({}, {})
samples = [
    1, 1.5, 1j, "s", b"b", bytearray(b"b"), memoryview(b"b"), [1], (1,), {1: 2}, {1}, frozenset([1]), range(3), slice(1),
    None, ..., NotImplemented, iter([1]), iter({}), iter(""), {}.items(), {}.keys(), {}.values(), enumerate("a"), zip(),
    map(int, []), filter(None, []), reversed([1]), (x for x in ()), running, closure(1), generator, lambda: 0, len, [].append,
    Base, Base(), Base().method, Base.of_class, Base().cached, Derived(), Derived.slot, Base.computed, super(Derived, Derived()),
    Failure, failure, about, missing, failure.__cause__, Color, Color.RED, Bits.A | Bits(4), Row, Row("x"), Movie, Movie(title="x"), Shape, Stack,
    Stack[int], Stack[int](), Likes, Data, Data(), dataclasses.fields(Data), dataclasses.field(), cached, cached.cache_info(),
    wrapped, dispatched, manager, manager(), types.SimpleNamespace(a=1), types.MappingProxyType({}), property(len), staticmethod(len),
    classmethod(len), object(), type(1), type(Base), list[int], dict[str, int] | None, typing.List, typing.List[int], typing.Optional[int],
    typing.Callable[[int], str], typing.Literal[1], typing.TypeVar("T"), typing.NewType("N", int), typing.List["x"].__args__,
    collections.Counter("a"), collections.deque([1]), collections.OrderedDict(), collections.defaultdict(list), chain,
    collections.namedtuple("T", "a b")(1, 2), re.compile("a"), re.match("a", "a"), re.finditer("a", "a"), re.I, datetime.datetime(2024, 1, 1),
    datetime.timedelta(1), datetime.timezone.utc, datetime.date(2024, 1, 1).isocalendar(), decimal.Decimal(1), decimal.getcontext(),
    decimal.localcontext(), fractions.Fraction(1), uuid.UUID(int=1), io.StringIO("x"), io.BytesIO(b"x"), csv.reader([]), csv.writer(io.StringIO()),
    csv.DictReader(io.StringIO("a\n1")), csv.DictWriter(io.StringIO(), ["a"]), csv.excel(), json.JSONEncoder(), json.JSONDecoder(),
    string.Template("$a"), string.Formatter(), random.Random(1), random.choice, difflib.SequenceMatcher(None, "a", "b"), difflib.Differ(),
    functools.partial(int), functools.partialmethod(int), functools.cmp_to_key(len), functools.cached_property(len), operator.itemgetter(1),
    operator.attrgetter("real"), operator.methodcaller("x"), itertools.count(), itertools.groupby(""), itertools.chain([]), itertools.tee([]),
    struct.Struct("i"), array.array("i"), zlib.compressobj(), threading.Thread(target=len), threading.Lock(), threading.RLock(),
    threading.Event(), threading.Condition(), threading.local(), threading.current_thread(), threading.Timer(1, len), threading.Barrier(1),
    Model, Model(rows=[{"x": 1}], more=2), Model().model_dump, Model.model_validate, Model.model_fields, Model._checked, Model()._whole,
    Model.__dict__["_checked"], pydantic.Field(), pydantic.field_validator("a"), misfit, misfit.errors(), random.Random(), uuid.uuid4(),
    queue.Queue(), queue.SimpleQueue(), pool, future, concurrent.futures.wait([future]), contextlib.ExitStack(), contextlib.nullcontext(),
    contextlib.suppress(), contextlib.closing(io.StringIO()), contextlib.redirect_stdout(io.StringIO()), pathlib.Path("a/b"),
    ipaddress.ip_network("10.0.0.0/30"), ipaddress.ip_address("::1"), urllib.parse.urlparse("http://a/b"), statistics.NormalDist(),
    graphlib.TopologicalSorter({}), logging.getLogger("x"), logging.StreamHandler(), sys.stdout, sys.version_info, sys.float_info,
    traceback.extract_tb(failure.__traceback__), ExceptionGroup("g", [ValueError()]), StopIteration(1), UnicodeDecodeError("u", b"", 0, 1, ""),
]
