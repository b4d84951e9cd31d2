"""What Python reads from the disk only when it is used, read before: a confined worker can open nothing.

The modules that cells import are loaded by their facades (`facades/listed.py`), with their codecs. Here is what the
interpreter, and those modules from inside their functions, would go for by themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import time

_ON_DEMAND = (
    "_colorize",  # tracebacks, from Python 3.13
    "_md5",  # hashlib, for what OpenSSL does not have
    "_pylong",  # huge integers from and to text, from Python 3.12
    "_sha1",
    "_sha2",  # random.seed, too
    "_sha256",  # before Python 3.12
    "_sha3",
    "_strptime",  # datetime.strptime
    "_suggestions",  # "Did you mean", from Python 3.13
    "ast",  # the marks under a traceback's line
    "concurrent.futures.thread",
    "encodings.idna",
    "linecache",
    "locale",
    "stringprep",
    "tokenize",
    "traceback",
    "tracemalloc",  # warnings ask it where something was allocated
    "unicodedata",  # names of characters in literals
    "warnings",
)


def preload() -> None:
    """Load it; in the zygote."""
    for module in _ON_DEMAND:
        with contextlib.suppress(ModuleNotFoundError):  # another version of Python
            importlib.import_module(module)
    time.tzset()  # the time zone
    time.mktime(time.localtime(0))
    for name in hashlib.algorithms_available:
        with contextlib.suppress(ValueError):  # OpenSSL names some that it then refuses
            hashlib.new(name, usedforsecurity=False)
