"""Ways out of the policy, for `test_policy.py`: each must fail."""

from __future__ import annotations

_CLASS_WITH = "class C:\n    {}\n"

ESCAPES = {
    # attribute tricks
    "dunder_globals": "(lambda: 0).__globals__",
    "dunder_code": "(lambda: 0).__code__",
    "dunder_closure": "(lambda: 0).__closure__",
    "dunder_builtins_name": "__builtins__",
    "dunder_builtins_of_function": "(lambda: 0).__builtins__",
    "subclasses_of_object": "object.__subclasses__()",
    "subclasses_by_class": "().__class__.__base__.__subclasses__()",
    "mro_method": "str.mro()",
    "init_globals": "import collections\ncollections.Counter.__init__.__globals__",
    "self_of_builtin": "len.__self__",
    "func_of_method": "import random\nrandom.choice.__func__",
    "reduce": "object().__reduce_ex__(4)",
    "getattribute": "object.__getattribute__(len, '__self__')",
    "module_loader": "import json\njson.__loader__",
    "module_spec": "import json\njson.__spec__",
    "getattr_by_name": "getattr(lambda: 0, '__globals__')",
    "getattr_by_subclass": (
        "class S(str):\n    def startswith(self, *a): return False\n    def __eq__(self, o): return False\n"
        "    __hash__ = str.__hash__\ngetattr(lambda: 0, S('__globals__'))"
    ),
    "getattr_mapped": "list(map(getattr, [lambda: 0], ['__globals__']))",
    "getattr_reduced": "import functools\nfunctools.reduce(getattr, [lambda: 0, '__globals__'])",
    "getattr_partial": "import functools\nfunctools.partial(getattr, lambda: 0)('__code__')",
    "attrgetter": "import operator\noperator.attrgetter('__globals__')(lambda: 0)",
    "attrgetter_dotted": "import operator\noperator.attrgetter('__class__.__subclasses__')(1)()",
    "attrgetter_by_type": "import operator\ntype(operator.attrgetter('real'))('__globals__')(lambda: 0)",
    "methodcaller": "import operator\noperator.methodcaller('__subclasses__')(object)",
    "methodcaller_format": "import operator\noperator.methodcaller('format', lambda: 0)('{0.__globals__}')",
    "nfkc_attribute": "(lambda: 0).__\uff47lobals__",
    "nfkc_name": "__\uff42uiltins__",
    "fstring": "f'{(lambda: 0).__globals__}'",
    "del_attribute": "import collections\ndel collections.Counter.update",
    "mangled_private": "import random\nclass random_:\n    pass\nrandom.choice.__self._x",
    # formats
    "format": "'{0.__globals__}'.format(lambda: 0)",
    "format_variable": "f = '{0.__globals__}'\nf.format(lambda: 0)",
    "format_nested": "f = '{0:{1.__globals__}}'\nf.format(1, lambda: 0)",
    "format_index_then_attribute": "f = '{0[0].__globals__}'\nf.format([lambda: 0])",
    "format_private": "import sys\nf = '{0._write}'\nf.format(sys.stdout)",
    "format_map": "f = '{f.__globals__}'\nf.format_map({'f': lambda: 0})",
    "format_unbound": "str.format('{0.__globals__}', lambda: 0)",
    "format_map_unbound": "g = str.format_map\ng('{f.__code__}', {'f': lambda: 0})",
    "format_mapped": "list(map(str.format, ['{0.__globals__}'], [lambda: 0]))",
    "format_getattr": "getattr('{0.__globals__}', 'format')(lambda: 0)",
    "format_subclass": "class S(str): pass\nS('{0.__globals__}').format(lambda: 0)",
    "format_super": (
        "class S(str):\n    def go(self, *a): return super().format(*a)\nS('{0.__globals__}').go(lambda: 0)"
    ),
    "format_class_attribute": "class S(str):\n    go = str.format\nS('{0.__globals__}').go(lambda: 0)",
    "format_formatter": "import string\nstring.Formatter().format('{0.__globals__}', lambda: 0)",
    "format_formatter_get_field": "import string\nstring.Formatter().get_field('0.__globals__', [lambda: 0], {})",
    "format_formatter_subclass": (
        "import string\nclass F(string.Formatter): pass\nsuper(F, F()).vformat('{0.__globals__}', [lambda: 0], {})"
    ),
    "format_in_place": (
        "class S(str): pass\nclass T:\n    def __radd__(self, o): return o\n"
        "s = S('{0.__globals__}')\ns.format += T()\ns.format(lambda: 0)"
    ),
    "format_alias": (
        "import typing\nT = typing.TypeVar('T')\nclass S(str, typing.Generic[T]): pass\n"
        "S[int].format('{0.__globals__}', lambda: 0)"
    ),
    "format_generic_alias": "import types\ntypes.GenericAlias(str, (int,)).format('{0.__globals__}', lambda: 0)",
    "format_user_string": "from collections import UserString\nUserString('{0.__globals__}').format(lambda: 0)",
    "format_match": "match '{0.__globals__}':\n    case str(format=f): f(lambda: 0)",
    "format_match_args": (
        "from dataclasses import dataclass\nfrom abc import ABC\n@dataclass\nclass C(ABC):\n    format: str\n"
        "C.register(str)\nmatch '{0.__globals__}':\n    case C(f): f(lambda: 0)"
    ),
    "format_logging": "import logging\nlogging.warning('{0.__globals__}', lambda: 0)",
    # frames
    "generator_frame": "(x for x in ()).gi_frame",
    "generator_code": "(x for x in ()).gi_code",
    "generator_getattr": "getattr((x for x in ()), 'gi_frame')",
    "traceback_frame": "try: 1/0\nexcept Exception as e: e.__traceback__.tb_frame",
    "traceback_next": "import sys\ntry: 1/0\nexcept Exception: sys.exc_info()[2].tb_next",
    "traceback_private": "try: 1/0\nexcept Exception as e: e.__traceback__._real",
    "traceback_faked": "try: 1/0\nexcept Exception as e:\n    type(e.__traceback__)(len).tb_frame",
    "frame_of_sys": "import sys\nsys._getframe()",
    "frame_globals": "x = 1\nx.f_globals",
    "coroutine": "async def f(): pass\nf().cr_frame",
    "coroutine_send": "async def f(): pass\nf().send(None)",
    "trace_function": "import sys\nsys.settrace(print)",
    "thread_trace": "import threading\nthreading.settrace(print)",
    "attribute_error_object": "try: [].x\nexcept AttributeError as e: e.obj.__class__.__subclasses__()",
    # types
    "type_with_three_arguments": "type('X', (), {})",
    "type_by_class": "int.__class__('X', (), {})",
    "type_of_type": "type(type)('X', (), {})",
    "type_of_class": "class C: pass\ntype(C)('X', (), {})",
    "type_of_abstract": "from abc import ABC\ntype(ABC)('X', (), {})",
    "type_of_enum": "from enum import Enum\ntype(Enum)('X', (), {})",
    "type_call": "type.__call__('X', (), {})",
    "type_new": "type.__new__(type, 'X', (), {})",
    "type_from_typing": "import typing\ntyping.get_origin(typing.Type[int])('X', (), {})",
    "type_from_origin": "import typing\ntyping.Type[int].__origin__('X', (), {})",
    "type_as_base": "class M(type): pass",
    "type_alias_as_base": "import typing\nclass M(typing.Type[int]): pass",
    "type_by_mro_entries": "class B:\n    def __mro_entries__(self, bases): return (type,)\nclass M(B()): pass",
    "metaclass_function": "class C(metaclass=lambda *a: 1): pass",
    "metaclass_class": "class M:\n    def __new__(cls, *a): return 1\nclass C(metaclass=M): pass",
    "metaclass_by_keywords": "class C(**{'metaclass': print}): pass",
    "metaclass_abstract_made": "from abc import ABCMeta\nABCMeta('X', (), {})",
    "metaclass_abstract_base": "from abc import ABCMeta\nclass M(ABCMeta): pass",
    "function_type": "import types\ntypes.FunctionType((lambda: 0), {})",
    "function_type_by_type": "type(lambda: 0)(1, {})",
    "code_type": "import types\ntypes.CodeType",
    "build_class": "__build_class__(lambda: 0, 'X')",
    "enum_functional": "from enum import Enum\nEnum('X', [('__match_args__', ('__globals__',)), ('A', 1)])",
    "enum_base": "from enum import Enum\nEnum.__base__",
    "make_dataclass_namespace": "import dataclasses as d\nd.make_dataclass('X', [], namespace={'__del__': 1})",
    "make_dataclass_name": "from dataclasses import make_dataclass\nmake_dataclass('X', [('a=print(1)', int)])",
    "make_dataclass_subclass_name": (
        "from dataclasses import make_dataclass\nclass S(str):\n    def isidentifier(self): return True\n"
        "make_dataclass('X', [(S('a: int = print(1)'), int)])"
    ),
    "base_private_class": "import typing\nclass X(type(typing.List[int])): pass\nX(1)._y",
    "base_facade": "import json\nclass X(type(json)): pass",
    "base_field": "import dataclasses\nclass F(type(dataclasses.field())): pass",
    # class bodies
    "annotations_in_class": _CLASS_WITH.format("__annotations__['x: int = print(1)'] = int"),
    "annotations_by_dict": ("class C:\n    x: int\nC.__dict__['__annotations__']['y: int = print(1)'] = int"),
    "define_class": _CLASS_WITH.format("__class__ = property(lambda self: int)"),
    "define_getattribute": _CLASS_WITH.format("def __getattribute__(self, n): return 1"),
    "define_del": _CLASS_WITH.format("def __del__(self): pass"),
    "define_reduce": _CLASS_WITH.format("def __reduce__(self): return print, ()"),
    "define_subclasshook": _CLASS_WITH.format("def __subclasshook__(cls, o): return True"),
    "define_match_args": _CLASS_WITH.format("__match_args__ = ('__globals__',)"),
    "define_match_args_computed": _CLASS_WITH.format("__match_args__ = tuple(['x'])"),
    "define_match_args_by_loop": _CLASS_WITH.format("for __match_args__ in [('__globals__',)]: pass"),
    "define_match_args_by_setattr": _CLASS_WITH.format("pass") + "setattr(C, '__match_args__', ('x',))",
    "define_module": _CLASS_WITH.format("__module__ = 'os'"),
    "define_dataclass_fields": _CLASS_WITH.format("__dataclass_fields__ = {}"),
    "define_instancecheck": _CLASS_WITH.format("def __instancecheck__(self, o): return True"),
    "register_host_class": "from abc import ABC\nclass C(ABC): pass\nC.register(type(lambda: 0))",
    "match_dunder": "match (lambda: 0):\n    case object(__globals__=g): print(g)",
    "match_private": "import sys\nmatch sys.stdout:\n    case object(_write=w): w('x')",
    "match_value": "match 1:\n    case str.__subclasses__: pass",
    # names that shadow the guards
    **{
        f"shadow_{form}": code
        for form, code in {
            "assign": "__builtins__ = {}",
            "parameter": "def f(__builtins__): pass",
            "keyword_parameter": "def f(*, __builtins__=1): pass",
            "lambda": "lambda __builtins__: 0",
            "star": "def f(*__builtins__): pass",
            "double_star": "lambda **__builtins__: 0",
            "import_as": "import json as __builtins__",
            "from_import_as": "from json import loads as __builtins__",
            "walrus": "(__builtins__ := {})",
            "walrus_in_comprehension": "[(__builtins__ := x) for x in [{}]]",
            "global": "def f():\n    global __builtins__\n    x = 1",
            "nonlocal": "def f():\n    x = 1\n    def g():\n        nonlocal __builtins__",
            "class": "class __builtins__: pass",
            "function": "def __builtins__(): pass",
            "for": "for __builtins__ in [1]: pass",
            "with": "import contextlib\nwith contextlib.nullcontext() as __builtins__: pass",
            "except": "try: 1/0\nexcept Exception as __builtins__: pass",
            "match_capture": "match 1:\n    case __builtins__: pass",
            "match_star": "match [1]:\n    case [*__builtins__]: pass",
            "match_rest": "match {}:\n    case {**__builtins__}: pass",
            "match_as": "match 1:\n    case int() as __builtins__: pass",
            "comprehension": "[0 for __builtins__ in [1]]",
            "starred": "a, *__builtins__ = [1, 2]",
            "delete": "del __builtins__",
            "annotation": "__builtins__: dict = {}",
            "in_place": "__builtins__ |= {}",
            "build_class": "__build_class__ = print",
            "import_function": "__import__ = print",
            "name": "__name__ = 'os'",
        }.items()
    },
    "shadow_by_star_import": ("import json\njson.__all__.append('__builtins__')\nfrom json import *"),
    # modules
    "import_os_system": "import os\nos.system('true')",
    "import_os_environ": "from os import environ",
    "import_private": "from random import _os",
    "import_private_as": "import random._os as o",
    "import_dunder": "from json import __class__",
    "import_leak_random": "import random\nrandom._os",
    "import_leak_statistics": "import statistics\nstatistics.sys",
    "import_leak_json": "import json\njson.codecs",
    "import_leak_re": "import re\nre.enum.sys",
    "import_leak_futures": "import concurrent.futures\nconcurrent.futures.thread.os",
    "import_leak_path": "import pathlib\npathlib.PurePosixPath('x').parser.os",
    "import_relative": "from . import x",
    "import_by_subclass": "class S(str): pass\n__import__(S('os'))",
    "import_importlib": "import importlib\nimportlib.import_module('os')",
    "import_builtins": "import builtins\nbuiltins.__dict__['eval']('1')",
    "import_builtins_open": "import builtins\nbuiltins.open('/etc/passwd')",
    "import_ctypes": "import ctypes",
    "import_gc": "import gc",
    "import_inspect": "import inspect",
    "import_pickle": "import pickle",
    "import_sys_modules": "import sys\nsys.modules['os']",
    "run_eval": "eval('1')",
    "run_exec": "exec('x = 1')",
    "run_compile": "compile('1', 'x', 'eval')",
    "run_open": "open('/etc/passwd')",
    "run_path_open": "import pathlib\npathlib.Path('/etc/passwd').read_text()",
    "run_io_open": "import io\nio.open('/etc/passwd')",
    "run_breakpoint": "breakpoint()",
    # annotations that are evaluated
    "hints_evaluated": (
        "import typing\nclass C:\n    x: '().__class__.__base__.__subclasses__()'\n"
        "assert type(typing.get_type_hints(C)['x']) is not str"
    ),
    "hints_real_builtin": "import typing\ndef f(x: 'eval'): pass\ntyping.get_type_hints(f)['x']('1')",
    "hints_real_import": "import typing\nclass C:\n    x: '__import__'\ntyping.get_type_hints(C)['x']('os').system",
    "hints_real_type": "import typing\nclass C:\n    x: 'type'\ntyping.get_type_hints(C)['x']('X', (), {})",
    "copy_state_of_host_object": (
        "import copy, threading\nclass Spy:\n    def __deepcopy__(self, memo): raise ValueError(list(memo))\n"
        "t = threading.Thread(target=len, args=(Spy(),))\n"
        "try: copy.deepcopy([t])\nexcept ValueError: pass\n"
    ),
    "copy_state_of_stream": "import copy, sys\nmemo = {}\ncopy.deepcopy(sys.stdout, memo)",
    "hints_singledispatch": (
        "import functools\n@functools.singledispatch\ndef f(x): pass\n"
        "@f.register\ndef g(x: '().__class__.__base__.__subclasses__()[0]'): pass"
    ),
    "hints_singledispatchmethod": (
        "import functools\nclass C:\n    @functools.singledispatchmethod\n    def f(self, x): pass\n"
        "    @f.register\n    def g(self, x: 'print(1)'): pass"
    ),
    "forward_reference": "import typing\ntyping.List['print(1)'].__args__[0]._evaluate({}, {}, frozenset())",
    "forward_code": "import typing\ntyping.List['print(1)'].__args__[0].__forward_code__",
    # writes to what the host made
    "write_class": "import collections\ncollections.Counter.update = print",
    "write_class_setattr": "import collections\nsetattr(collections.Counter, 'update', print)",
    "write_class_object_setattr": "import json\nobject.__setattr__(json, 'loads', print)",
    "write_class_type_setattr": "import collections\ntype.__setattr__(collections.Counter, 'x', 1)",
    "write_class_for": "import collections\nfor collections.Counter.update in [print]: pass",
    "write_class_with": (
        "import collections, contextlib\nwith contextlib.nullcontext(1) as collections.Counter.update: pass"
    ),
    "write_class_comprehension": "import collections\n[0 for collections.Counter.update in [print]]",
    "write_class_unpacked": "import collections\na, collections.Counter.update = 1, print",
    "write_class_starred": "import collections\n*collections.Counter.update, a = 1, 2",
    "write_class_in_place": "import collections\ncollections.Counter.x += 1",
    "write_class_as_self": (
        "import collections\nclass C:\n    def f(self): self.update = print\nC.f(collections.Counter)"
    ),
    "write_class_as_self_later": (
        "import collections\nclass C:\n    def f(self):\n        def g(): self.update = print\n        return g\n"
        "C.f(collections.Counter)()"
    ),
    "write_class_as_rebound_self": (
        "import collections\nclass C:\n    def f(self):\n        self = collections.Counter\n        self.x = 1\n"
        "C().f()"
    ),
    "write_class_as_nested_self": (
        "import collections\nclass C:\n    def f(self):\n        def g(self): self.x = 1\n"
        "        g(collections.Counter)\nC().f()"
    ),
    "write_class_as_lambda_self": (
        "import random\nclass C:\n    def f(self): return (lambda self: self._x)(random.choice)\nC().f()"
    ),
    "write_class_static_self": (
        "import collections\nclass C:\n    @staticmethod\n    def f(self): self.x = 1\nC.f(collections.Counter)"
    ),
    "write_class_by_wraps": (
        "import functools, collections\n"
        "def f(): pass\nf.update = print\nfunctools.update_wrapper(collections.Counter, f, ('update',))"
    ),
    "read_by_wraps": (
        "import functools\ndef f(): pass\ndef g(): pass\n"
        "functools.update_wrapper(f, g, ('__globals__',))\nf.__globals__"
    ),
    "read_dict_by_wraps": (
        "import functools, sys\ndef f(): pass\nfunctools.update_wrapper(f, sys, (), ('__dict__',))\nf._why"
    ),
    "write_class_by_copy": (
        "import copy, collections\nclass C:\n    made = False\n    def __new__(cls):\n"
        "        return collections.Counter if cls.made else object.__new__(cls)\n"
        "    def __getstate__(self): return None, {'update': print}\nc = C()\nC.made = True\ncopy.copy(c)"
    ),
    "write_class_by_asdict": (
        "import collections, dataclasses\nclass C:\n    made = False\n    def __new__(cls):\n"
        "        return collections.Counter if cls.made else object.__new__(cls)\n"
        "    def __getstate__(self): return None, {'update': print}\nc = C()\nC.made = True\n"
        "@dataclasses.dataclass\nclass D:\n    c: object\ndataclasses.asdict(D(c))"
    ),
    "write_class_by_dataclass": "import dataclasses, collections\ndataclasses.dataclass(collections.Counter)",
    "write_class_by_total_ordering": "import functools, threading\nfunctools.total_ordering(threading.Thread)",
    "write_class_dict": "import collections\nvars(collections.Counter)['update'] = print",
    "write_facade": "import json\njson.loads = print",
    "write_facade_dict": "import json\njson.__dict__['loads'] = print\nassert json.loads is print",
    "write_facade_setattr": "import json\nsetattr(json, 'loads', print)",
    "write_stdout": "import sys\nsys.stdout = None",
    "write_function": "import json\njson.dumps.x = 1",
    "write_function_defaults": "import json\njson.dumps.__defaults__ = ()",
    "write_own_code": "def f(): pass\ndef g(): pass\nf.__code__ = g.__code__",
    "write_own_class": "class C: pass\nC().__class__ = int",
    "write_guard": "getattr.x = 1",
    "write_field_name": "import dataclasses\nf = dataclasses.field()\nf.name = 'x=print(1)'",
    "write_descriptor": "import dataclasses\nf = dataclasses.field()\ntype(f).name.__set__(f, 'x=print(1)')",
    "write_private_of_thread": "import threading\nthreading.Thread()._target = print",
    # private parts of the host's objects
    "private_of_host": "import concurrent.futures as c\nc.ThreadPoolExecutor(1)._work_queue",
    "private_of_path": "import pathlib\npathlib.PurePath('x')._real()",
    "private_of_stream": "import sys\nsys.stdout._write",
    "private_by_getattr": "import sys\ngetattr(sys.stdout, '_write')",
    "private_by_super": "import sys\nsuper(type(sys.stdout), sys.stdout)._write",
    "private_in_function": "import sys\ndef f(s): return s._write\nf(sys.stdout)",
    "private_in_comprehension": "import sys\n[s._write for s in [sys.stdout]]",
    "private_by_vars": "import sys\nvars(sys)['_why']",
    "alias_getattr": "import typing\ntyping.List.__getattr__('_name')",
    "mapping_proxy_dict": "import collections\ncollections.Counter.__dict__",
    # nesting
    "nested_parentheses": "(" * 5000 + ")" * 5000,
    "nested_operators": "x = " + "-" * 200_000 + "1",
    "nested_attributes": "x" + ".a" * 100_000,
    "nested_calls": "f" + "()" * 100_000,
    "nested_lambdas": "lambda: " * 20_000 + "1",
    "null_character": "x = '\0'",
    "lone_surrogate": "x = '\ud800'",
}
