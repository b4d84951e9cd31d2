"""What is real in the facades: names of the standard library that were looked at and are given as they are.

Left out on purpose, beside what touches files and processes: `UserDict`, `UserList` (their `copy` sets attributes on
whatever `__new__` returns), `UserString` (its `format` is unguarded), `threading.settrace` and `excepthook` (frames),
`typing.Type` (its origin is the real `type`), `types.FunctionType` and `CodeType`, `uuid.uuid1` (starts programs),
`calendar.TextCalendar` and `difflib.HtmlDiff` (print, templates), `dataclasses.Field` (dataclasses trust its names).
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
from types import MappingProxyType
from typing import Any

from rlm_graph.repl.guards import SUBCLASSABLE

_NAMES = {
    "__future__": "annotations division print_function unicode_literals absolute_import generators "
    "nested_scopes with_statement generator_stop",
    "abc": "ABC abstractmethod",
    "array": "array typecodes",
    "ast": "literal_eval",
    "base64": "b64encode b64decode standard_b64encode standard_b64decode urlsafe_b64encode urlsafe_b64decode "
    "b32encode b32decode b16encode b16decode b85encode b85decode a85encode a85decode encodebytes decodebytes",
    "binascii": "hexlify unhexlify crc32 crc_hqx b2a_hex a2b_hex b2a_base64 a2b_base64 Error",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY day_name day_abbr "
    "month_name month_abbr monthrange isleap leapdays weekday timegm monthcalendar month calendar setfirstweekday "
    "firstweekday Calendar IllegalMonthError IllegalWeekdayError",
    "cmath": "acos acosh asin asinh atan atanh cos cosh e exp inf infj isclose isfinite isinf isnan log log10 nan "
    "nanj phase pi polar rect sin sinh sqrt tan tanh tau",
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "collections.abc": "AsyncGenerator AsyncIterable AsyncIterator Awaitable Buffer Callable Collection "
    "Container Coroutine Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping "
    "MutableSequence MutableSet Reversible Sequence Set Sized ValuesView",
    "concurrent.futures": "ThreadPoolExecutor Future Executor as_completed wait ALL_COMPLETED FIRST_COMPLETED "
    "FIRST_EXCEPTION CancelledError TimeoutError BrokenExecutor InvalidStateError",
    "contextlib": "AbstractContextManager ContextDecorator ExitStack closing contextmanager nullcontext suppress",
    "csv": "reader writer DictReader DictWriter Dialect excel excel_tab unix_dialect Sniffer Error QUOTE_ALL "
    "QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC QUOTE_NOTNULL QUOTE_STRINGS field_size_limit list_dialects "
    "get_dialect register_dialect unregister_dialect",
    "dataclasses": "field fields replace is_dataclass InitVar KW_ONLY MISSING FrozenInstanceError",
    "datetime": "date time datetime timedelta timezone tzinfo UTC MINYEAR MAXYEAR",
    "decimal": "Decimal Context getcontext setcontext localcontext BasicContext ExtendedContext DefaultContext "
    "ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP "
    "DecimalException InvalidOperation DivisionByZero Inexact Rounded Subnormal Overflow Underflow Clamped "
    "FloatOperation DecimalTuple MAX_PREC MAX_EMAX MIN_EMIN",
    "difflib": "SequenceMatcher Differ get_close_matches ndiff unified_diff context_diff restore IS_LINE_JUNK "
    "IS_CHARACTER_JUNK Match",
    "enum": "auto unique member nonmember property CONFORM EJECT KEEP STRICT FlagBoundary",
    "fnmatch": "fnmatch fnmatchcase filter translate",
    "fractions": "Fraction",
    "functools": "cache cached_property cmp_to_key lru_cache partial partialmethod reduce",
    "graphlib": "TopologicalSorter CycleError",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s shake_128 "
    "shake_256 new pbkdf2_hmac scrypt algorithms_guaranteed algorithms_available",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "hmac": "new digest compare_digest",
    "html": "escape unescape",
    "io": "StringIO BytesIO SEEK_SET SEEK_CUR SEEK_END UnsupportedOperation",
    "ipaddress": "ip_address ip_network ip_interface IPv4Address IPv4Network IPv4Interface IPv6Address IPv6Network "
    "IPv6Interface AddressValueError NetmaskValueError summarize_address_range collapse_addresses",
    "itertools": "accumulate batched chain combinations combinations_with_replacement compress count cycle dropwhile "
    "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest",
    "json": "loads dumps load dump JSONDecodeError JSONDecoder JSONEncoder",
    "json.decoder": "JSONDecodeError JSONDecoder",
    "keyword": "iskeyword issoftkeyword kwlist softkwlist",
    "math": "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp exp2 "
    "expm1 fabs factorial floor fma fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp "
    "lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt sumprod tan "
    "tanh tau trunc ulp",
    "numbers": "Number Complex Real Rational Integral",
    "operator": "abs add and_ call concat contains countOf delitem eq floordiv ge getitem gt iadd iand iconcat "
    "ifloordiv ilshift imatmul imod imul index indexOf inv invert ior ipow irshift is_ is_not isub itemgetter "
    "itruediv ixor le length_hint lshift lt matmul mod mul ne neg not_ or_ pos pow rshift setitem sub truediv truth "
    "xor",
    "pprint": "pformat isreadable isrecursive saferepr",
    "queue": "Queue LifoQueue PriorityQueue SimpleQueue Empty Full",
    "random": "betavariate choice choices expovariate gammavariate gauss getrandbits getstate "
    "lognormvariate normalvariate paretovariate randbytes randint random randrange sample setstate shuffle "
    "triangular uniform vonmisesvariate weibullvariate binomialvariate",
    "re": "compile search match fullmatch split findall finditer sub subn escape purge error PatternError Pattern "
    "Match RegexFlag A ASCII I IGNORECASE L LOCALE M MULTILINE S DOTALL U UNICODE X VERBOSE NOFLAG",
    "shlex": "split join quote",
    "statistics": "NormalDist StatisticsError correlation covariance fmean geometric_mean harmonic_mean kde "
    "kde_random linear_regression mean median median_grouped median_high median_low mode multimode pstdev pvariance "
    "quantiles stdev variance",
    "string": "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation "
    "whitespace Template",
    "struct": "pack unpack pack_into unpack_from iter_unpack calcsize Struct error",
    "textwrap": "wrap fill dedent indent shorten TextWrapper",
    "threading": "Thread Timer Lock RLock Event Condition Semaphore BoundedSemaphore Barrier BrokenBarrierError local "
    "current_thread active_count get_ident main_thread",
    "time": "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns "
    "thread_time sleep strftime strptime localtime gmtime mktime ctime asctime struct_time timezone altzone daylight "
    "tzname",
    "types": "SimpleNamespace MappingProxyType GeneratorType NoneType EllipsisType NotImplementedType MethodType "
    "BuiltinFunctionType BuiltinMethodType GenericAlias UnionType",
    "typing": "AbstractSet Any AnyStr Annotated BinaryIO Callable ChainMap ClassVar Collection Concatenate Container "
    "Counter DefaultDict Deque Dict Final FrozenSet Generator Generic Hashable IO ItemsView Iterable Iterator "
    "KeysView List Literal LiteralString Mapping MappingView Match MutableMapping MutableSequence MutableSet "
    "NamedTuple Never NewType NoReturn NotRequired Optional OrderedDict ParamSpec Pattern Protocol ReadOnly Required "
    "Reversible Self Sequence Set Sized SupportsAbs SupportsBytes SupportsComplex SupportsFloat SupportsIndex "
    "SupportsInt SupportsRound Text TextIO Tuple TypeAlias TypeAliasType TypeGuard TypeIs TypeVar TypeVarTuple "
    "TypedDict TYPE_CHECKING Union Unpack ValuesView assert_never assert_type cast final is_typeddict overload "
    "override runtime_checkable",
    "unicodedata": "bidirectional category combining decimal decomposition digit east_asian_width is_normalized lookup "
    "mirrored name normalize numeric unidata_version",
    "urllib.parse": "quote quote_plus quote_from_bytes unquote unquote_plus unquote_to_bytes urlencode urljoin "
    "urlparse urlsplit urlunparse urlunsplit urldefrag parse_qs parse_qsl ParseResult SplitResult",
    "uuid": "UUID uuid3 uuid5 NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500",
    "zlib": "compress decompress crc32 adler32 compressobj decompressobj error",
}

_NO_BASES = frozenset({"GenericAlias", "UnionType", "MethodType", "BuiltinFunctionType", "GeneratorType"})

_CODECS = "ascii latin-1 utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 cp1252 cp437 iso8859-15 idna punycode \
unicode_escape raw_unicode_escape rot13 hex base64 cp1251 koi8-r gb18030 gbk big5 shift_jis euc_jp euc_kr"


def _listed(module: str, names: str) -> MappingProxyType[str, Any]:
    """Those of the names that this version of Python has."""
    real = importlib.import_module(module)
    contents = {name: getattr(real, name) for name in names.split() if hasattr(real, name)}
    SUBCLASSABLE.update(value for name, value in contents.items() if isinstance(value, type) and name not in _NO_BASES)
    return MappingProxyType(contents)


LISTED = MappingProxyType({module: _listed(module, names) for module, names in _NAMES.items()})
"""Contents of each facade, by its module's name."""

# Imported by these functions when they are called; a confined worker cannot import any more.
for _module in ("_strptime", "_pylong", "tokenize"):
    with contextlib.suppress(ModuleNotFoundError):  # _pylong: from Python 3.12
        importlib.import_module(_module)
for _codec in _CODECS.split():
    codecs.lookup(_codec)
