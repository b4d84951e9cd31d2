"""Assume that the policy has fallen: plain Python, and attacks, in processes that are confined as workers are."""

from __future__ import annotations

import json
import logging
import os
import platform
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import RestrictedPython
from attack import InMemory, breached_executors
from command_line import wait_until

import rlm_graph
from rlm_graph import ContextStore, REPLExecutionError
from rlm_graph.cli import main as rlm_graph_command
from rlm_graph.errors import ConfigError
from rlm_graph.repl import processes
from rlm_graph.repl.confine import all_layers
from rlm_graph.repl.confine.allowed import ALL_BITS, ALLOWED, MACHINES, REFUSED_AS
from rlm_graph.repl.confine.filters import FILTERS, LIBSECCOMP
from rlm_graph.repl.confine.generate_filters import make, version
from rlm_graph.repl.confine.privileges import FIRST_WORKER_ID
from rlm_graph.repl.confine.report import doctor
from rlm_graph.repl.executor import Call, Cancel, Done
from rlm_graph.repl.process import ProcessExecutor, ProcessExecutors

if sys.platform != "linux":
    pytest.skip("the layers are those of Linux", allow_module_level=True)

HERE = Path(__file__).parent
ATTACKS = {path.stem[:3]: path for path in sorted((HERE / "attacks").glob("O*.py"))}
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")


# The attacks, as whoever runs the tests and as an unprivileged user. -----------------------------------------------


class User:
    """Someone who runs attacks, in a folder with all that they need: a Python, this package and RestrictedPython.

    The interpreter, the checkout and the environment may be where only their owner can read.
    """

    def __init__(self, folder: Path, python: Path, manifest: Path, *, is_nobody: bool) -> None:
        self._folder = folder
        self._python = python
        self._manifest = manifest
        self.uid = NOBODY if is_nobody else os.getuid()
        self._become: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_nobody else {}

    def attack(self, zygote: str, names: Iterable[str]) -> dict[str, Any]:
        """What became of attacks, by their ids."""
        paths = [f"attacks/{ATTACKS[name].name}" for name in names]
        ran = self._run("attack.py", zygote, str(self._manifest), *paths)
        assert ran.returncode == 0, ran.stderr
        outcomes: dict[str, Any] = json.loads(ran.stdout)
        return outcomes

    def confined(self, layers: str, source: str) -> str:
        """What plain Python prints in a process with these layers only."""
        ran = self._run("confined.py", layers, source)
        if ran.stderr.startswith("not here: "):
            pytest.skip(ran.stderr)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        library = self._python.parent.parent / "lib"
        return subprocess.run(
            [self._python, *arguments],
            cwd=self._folder,
            env={"PYTHONPATH": str(self._folder), "LD_LIBRARY_PATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=100,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)),
            **self._become,
        )


@pytest.fixture(scope="module")
def readable() -> Iterator[tuple[Path, Path, Path]]:
    """A folder that everybody can read, a Python that everybody can run, and the manifest of a context."""
    folder = Path(tempfile.mkdtemp(prefix="rlm-graph-readable-"))
    for package in (Path(rlm_graph.__file__).parent, Path(RestrictedPython.__file__).parent):
        shutil.copytree(package, folder / package.name)
    for path in [*HERE.glob("*.py"), HERE / "attacks"]:
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    store = ContextStore(folder / "store")
    manifest = store.local_manifest(store.put("a context" * 1000))
    python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    if IS_ROOT and not _nobody_can_run(python):
        python = _copy_python(python, folder / "python")
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    yield folder, python, manifest
    shutil.rmtree(folder)


def _nobody_can_run(python: Path) -> bool:
    try:
        return not subprocess.run([python, "-c", "import ctypes"], user=NOBODY, group=NOBODY, stderr=-3).returncode
    except OSError:
        return False


def _copy_python(python: Path, folder: Path) -> Path:
    stdlib = Path(sysconfig.get_path("stdlib"))
    unused = shutil.ignore_patterns("test", "site-packages", "idlelib", "tkinter", "ensurepip", "config-*", "*.a")
    shutil.copytree(stdlib, folder / stdlib.relative_to(sys.base_prefix), ignore=unused)
    (folder / "bin").mkdir()
    shutil.copy(python, folder / "bin")
    library = Path(str(sysconfig.get_config_var("LIBDIR"))) / str(sysconfig.get_config_var("INSTSONAME"))
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        shutil.copy(library, folder / "lib")
    return folder / "bin" / python.name


@pytest.fixture(scope="module", params=["as the user of the tests", pytest.param("as nobody", marks=needs_root)])
def user(request: pytest.FixtureRequest, readable: tuple[Path, Path, Path]) -> User:
    """Each user that the sandbox must hold for."""
    return User(*readable, is_nobody=request.param == "as nobody")


@pytest.fixture(scope="module")
def outcomes(user: User) -> dict[str, Any]:
    """What became of all attacks on confined workers."""
    outcomes = user.attack("breached", ATTACKS)
    assert outcomes["host"]["uid"] == user.uid
    return outcomes


DENIED = "Operation not permitted"
NOTHING = ""
"""The attack ran to its end and had nothing to show."""

MET = {
    **dict.fromkeys(ATTACKS, DENIED),
    "O04": NOTHING,  # there is an environment, and nothing of ours in it
    "O06": "errno 1",
    "O07": "errno 1",
    "O27": NOTHING,
    "O28": "errno 1",
    "O30": NOTHING,
    "O31": NOTHING,
    "O32": NOTHING,
    "O33": "not allowed to raise maximum limit",  # Python's word for EPERM
    "O36": NOTHING,
    "O37": "broke the protocol",
    "O38": "broke the protocol",
    "O39": "broke the protocol",
    "O41": NOTHING,
    "O44": "signal SIGSEGV",
    "O45": "exit status 77",
}


def test_all_attacks_are_there() -> None:
    """None is left out in silence."""
    assert list(ATTACKS) == [f"O{number:02}" for number in range(1, 47)]


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_succeeds(outcomes: dict[str, Any], name: str) -> None:
    """Each meets the refusal that it should; the REPL works after it."""
    outcome = outcomes[name]
    reason = (outcome["error"] or "").rpartition("\n")[2]  # the traceback quotes the attack
    assert "PWNED" not in outcome["stdout"] + reason
    assert MET[name] in outcome["stdout"] + reason
    assert MET[name] != NOTHING or not outcome["stdout"] + reason
    assert outcome["after"] == "still here\n"


def test_the_host_does_not_notice(outcomes: dict[str, Any]) -> None:
    """Its memory has not grown by what it was sent, and its files are as they were."""
    assert outcomes["host"]["peak_kb"] < 100_000
    assert outcomes["host"]["untouched"]


def test_the_attacks_succeed_where_nothing_is_confined(user: User) -> None:
    """Otherwise they would show nothing. Those that could harm the machine are left out."""
    harmless = ["O01", "O02", "O10", "O12", "O14", "O15", "O17", "O18", "O20", "O21", "O24", "O26", "O27", "O40", "O41"]
    outcomes = user.attack("unconfined", harmless)
    assert [name for name in harmless if "PWNED" not in outcomes[name]["stdout"]] == []


# Each layer alone. -------------------------------------------------------------------------------------------------


def status_line(name: str) -> str:
    """Source that prints a line of /proc/self/status."""
    return f"print(*[line.split(':')[1] for line in open('/proc/self/status') if line.startswith('{name}')])\n"


THREADS = """
import _thread
lock, started = _thread.allocate_lock(), 0
lock.acquire()
_thread.stack_size(1 << 16)
try:
    for started in range(5000):
        _thread.start_new_thread(lock.acquire, ())
    print("all started")
except RuntimeError as error:
    print(error, 128 < started <= 256)
"""
OUTWARDS = """
import os, socket
for act in (
    lambda: open("/etc/passwd"),
    lambda: os.listdir("/"),
    lambda: os.kill(os.getppid(), 0),
    lambda: socket.create_connection(("127.0.0.1", 9), 1),
):
    try:
        act()
        print("done")
    except ConnectionRefusedError:
        print("done")
    except PermissionError:
        print("denied")
"""
CONNECT = "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)"
EFFECTS = {
    "seccomp, no new privileges": (
        "import socket\nsocket.socket()\nprint('made')",
        "made",
        f"PermissionError: [Errno 1] {DENIED}",
    ),
    "landlock, no new privileges": (OUTWARDS, "done\n" * 3 + "done", "denied\n" * 3 + "denied"),
    "namespaces": (CONNECT, "Connection refused", "Network is unreachable"),
    "namespaces, empty root": (
        "import os\nprint(os.path.exists('/etc/passwd'), os.listdir('/') == [])\nopen('/x')",
        "True False",
        "False True\nFileNotFoundError",
    ),
    "no capabilities": (
        status_line("CapEff") + status_line("CapPrm"),
        None,
        "\n".join(["\t0000000000000000\n"] * 2).strip(),
    ),
    "no new privileges": (status_line("NoNewPrivs"), "0", "1"),
    "not dumpable": ("print(libc.prctl(3, 0, 0, 0, 0))", "1", "0"),
    "ends with its parent": (
        "signal = ctypes.c_int()\nlibc.prctl(2, ctypes.byref(signal), 0, 0, 0)\nprint(signal.value)",
        "0",
        "9",
    ),
    "first to die": ("print(open('/proc/self/oom_score_adj').read())", None, "1000"),
}


@pytest.mark.parametrize("layers", EFFECTS)
def test_a_layer_has_its_effect_alone(user: User, layers: str) -> None:
    """With all others off (but what it asks for itself); and what it stops is possible where it is off too."""
    source, without, with_it = EFFECTS[layers]
    assert with_it in user.confined(layers, source)
    if without is not None:
        assert without in user.confined("", source)


def test_a_worker_of_root_is_a_user_of_its_own(user: User) -> None:
    """In all three ids, without groups; and nobody else is that user."""
    if user.uid != 0:
        pytest.skip("only root can become another user")
    source = "import json, os\nprint(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(), os.getpid()]))"
    uids, gids, groups, pid = json.loads(user.confined("own user", source))
    assert {*uids, *gids} == {FIRST_WORKER_ID + pid}
    assert groups == []


@pytest.mark.parametrize(
    ("source", "without", "with_it"),
    [
        ("print(len(bytearray(300 << 20)))", str(300 << 20), "MemoryError"),
        ("x = []\nwhile len(x) < 300: x.append(bytearray(1 << 20))\nprint('grown')", "grown", "MemoryError"),
        ("import os\nfor _ in range(4): os.dup(0)\nprint('dup')", "dup", "Too many open files"),
        ("import resource\nprint(resource.getrlimit(resource.RLIMIT_FSIZE))", None, "(0, 0)"),
        ("import resource\nprint(resource.getrlimit(resource.RLIMIT_CORE))", None, "(0, 0)"),
        ("import resource\nprint(resource.getrlimit(resource.RLIMIT_CPU)[1] > 0)", None, "True"),
    ],
    ids=["one big", "many small", "descriptors", "files", "core", "cpu"],
)
def test_limits_have_their_effect_alone(user: User, source: str, without: str | None, with_it: str) -> None:
    """As errors that code can catch."""
    assert with_it in user.confined("limits", source)
    if without is not None:
        assert without in user.confined("", source)


def test_threads_are_bounded(user: User) -> None:
    """And some can be started, although the filter refuses clone3."""
    assert user.confined("all", THREADS) == "can't start new thread True"


# System calls that no Python function makes: past Python, machine code in the worker would make them. ---------------

MADE_BY_HAND = {
    "executable memory": "libc.mmap(None, 4096, 7, 0x22, -1, 0)",
    "memory made executable": "libc.mprotect(page, 4096, 5)",
    "shared memory": "libc.mmap(None, 4096, 3, 0x21, -1, 0)",
    "huge pages": "libc.mmap(None, 2 << 20, 3, 0x40022, -1, 0)",
    "mapping a descriptor": "libc.mmap(None, 4096, 1, 2, 0, 0)",
    "poisoned memory": "libc.madvise(page, 4096, 100)",
    "a process by clone": "libc.syscall(CLONE, 17, 0, 0, 0, 0)",
    "a namespace by clone": "libc.syscall(CLONE, 0x10000011, 0, 0, 0, 0)",
    "a user namespace of a thread": "libc.syscall(CLONE, 0x103D0F00, 0, 0, 0, 0)",
    "personality": "libc.personality(0x0400000)",
    "another's CPU clock": "libc.clock_gettime(~1 << 3, page)",
    "sending elsewhere": "libc.sendto(3, b'x', 1, 0, page, 16)",
    "sendmsg": "libc.sendmsg(3, page, 0)",
    "priority inheritance": "libc.syscall(FUTEX, page, 6, 0, 0, 0, 0)",
    "another's CPUs": "libc.sched_getaffinity(1, 128, page)",
    "CPUs of its own": "libc.sched_setaffinity(0, 128, page)",
    "a signal to itself": "libc.kill(libc.getpid(), 0)",
    "a timer": "libc.setitimer(0, page, None)",
    "prctl": "libc.prctl(4, 1, 0, 0, 0)",
    "a limit": "libc.prlimit(0, 7, None, page)",
    "a file": "libc.open(b'/proc/self/mem', 2)",
    "a pipe": "libc.pipe(page)",
    "a socket pair": "libc.socketpair(1, 1, 0, page)",
    "an event descriptor": "libc.eventfd(0, 0)",
    "a memory file": "libc.memfd_create(b'x', 0)",
    "terminals": "libc.ioctl(0, 0x5412, page)",
    "locked memory": "libc.mlock(page, 4096)",
    "another filter": "libc.syscall(SECCOMP, 1, 0, page)",
    "the machine's name": "libc.uname(page)",
    "pidfd_getfd": "libc.syscall(438, 3, 0, 0)",
    "io_uring_setup": "libc.syscall(425, 1, page)",
    "openat2": "libc.syscall(437, -100, b'/', page, 24)",
}
NUMBERS = {
    "x86_64": "CLONE, FUTEX, SECCOMP = 56, 202, 317",
    "aarch64": "CLONE, FUTEX, SECCOMP = 220, 98, 277",
}


def test_system_calls_made_by_hand_are_refused(user: User) -> None:
    """Each with EPERM, and all in one process that goes on."""
    lines = [NUMBERS[platform.machine()], "buffer = ctypes.create_string_buffer(8192)"]
    lines += ["page = ctypes.c_void_p(ctypes.addressof(buffer) + 4095 & ~4095)"]
    for name, call in MADE_BY_HAND.items():
        lines += ["ctypes.set_errno(0)", f"print({name!r}, {call}, ctypes.get_errno())"]
    printed = user.confined("no new privileges, seccomp", "\n".join(lines))
    assert printed.splitlines() == [f"{name} -1 1" for name in MADE_BY_HAND]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are calls of x86_64")
@pytest.mark.parametrize("number", [0x40000000 + 39, 0x40000000 + 520], ids=["getpid", "execve"])
def test_calls_of_x32_end_the_process(user: User, number: int) -> None:
    """Those have other numbers; the filter judges none of them."""
    assert user.confined("no new privileges, seccomp", f"print(libc.syscall({number}, 0, 0, 0))") == "SIGSYS"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86_64")
def test_calls_of_32_bits_end_the_process(user: User) -> None:
    """`int 0x80` reaches the i386 table from 64-bit code; the page with it was made executable before the filter."""
    source = "print(code())"
    made = (
        "import mmap as m\npage = m.mmap(-1, 4096, m.MAP_PRIVATE | m.MAP_ANONYMOUS, 7)\n"
        "page.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov eax, 20 (getpid); int 0x80; ret
        "code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))\n"
    )
    assert user.confined("", made + source).isdigit()
    load = (
        "from rlm_graph.repl.confine.seccomp import Seccomp\nlibc.prctl(38, 1, 0, 0, 0)\n"
        "layer = Seccomp()\nlayer.prepare()\nlayer.apply()\n"
    )
    assert user.confined("", made + load + source) == "SIGSYS"


def test_abort_ends_the_worker(user: User) -> None:
    """Although it may not signal itself."""
    assert user.confined("no new privileges, seccomp", "libc.abort()") in ("SIGSEGV", "SIGABRT", "SIGILL", "SIGTRAP")


# The filters. ------------------------------------------------------------------------------------------------------

ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Numbers on x86_64 and aarch64, from the kernel's tables; None where there is no such call.
SYSCALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "poll": (7, None), "mmap": (9, 222), "mprotect": (10, 226),
    "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "nanosleep": (35, 101), "getpid": (39, 172), "sendto": (44, 206), "recvfrom": (45, 207), "clone": (56, 220),
    "exit": (60, 93), "gettimeofday": (96, 169), "sigaltstack": (131, 132), "gettid": (186, 178), "time": (201, None),
    "futex": (202, 98), "sched_getaffinity": (204, 123), "restart_syscall": (219, 128), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94), "ppoll": (271, 73),
    "set_robust_list": (273, 99), "set_tid_address": (218, 96), "getrandom": (318, 278),
    "rseq": (334, 293), "clone3": (435, 435),
}  # fmt: skip


def judged(code: bytes, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What a filter says to a system call: the instructions of classic BPF that libseccomp uses, carried out."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    position, value = 0, 0
    while True:
        operation, if_true, if_false, constant = struct.unpack_from("<HBBI", code, 8 * position)
        position += 1
        match operation:
            case 0x20:  # load a word of the data
                value = struct.unpack_from("<I", data, constant)[0]
            case 0x54:  # and
                value &= constant
            case 0x05:  # jump
                position += constant
            case 0x15 | 0x25 | 0x35:  # jump if equal, greater, greater or equal
                holds = {0x15: value == constant, 0x25: value > constant, 0x35: value >= constant}[operation]
                position += if_true if holds else if_false
            case 0x06:  # return
                return int(constant)
            case _:
                raise AssertionError(f"an instruction {operation:#x}")


@pytest.mark.parametrize("machine", MACHINES)
def test_a_filter_allows_what_the_list_allows(machine: str) -> None:
    """For every number that a system call has or may get, with arguments that the list allows and that it does not."""
    names = {numbers[MACHINES.index(machine)]: name for name, numbers in SYSCALLS.items()}
    assert set(SYSCALLS) == {*ALLOWED, *REFUSED_AS}
    code, architecture = FILTERS[machine], AUDIT_ARCH[machine]
    for number in range(1024):
        name = names.get(number, "")
        if name not in ALLOWED:
            assert judged(code, architecture, number) == ERRNO | REFUSED_AS.get(name, 1), number
        for way in ALLOWED.get(name, ()):
            right = [0] * 6
            for condition in way:
                right[condition.argument] = condition.value | ~condition.mask & ALL_BITS
            assert judged(code, architecture, number, tuple(right)) == ALLOW, (name, way)
            for condition in way:
                for bit in range(64):
                    if condition.mask >> bit & 1:
                        wrong = list(right)
                        wrong[condition.argument] ^= 1 << bit
                        assert judged(code, architecture, number, tuple(wrong)) == ERRNO | 1 or any(
                            all(wrong[c.argument] & c.mask == c.value for c in other) for other in ALLOWED[name]
                        ), (name, way, bit)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_filter_ends_calls_of_other_architectures(machine: str) -> None:
    """i386, 32-bit arm, and x32, whose numbers are x86_64's with a bit."""
    others = [0x40000003, 0x40000028, *(number for name, number in AUDIT_ARCH.items() if name != machine)]
    for architecture in others:
        assert judged(FILTERS[machine], architecture, 0) == KILL_PROCESS
    if machine == "x86_64":
        assert judged(FILTERS[machine], AUDIT_ARCH[machine], 0x40000000) == KILL_PROCESS


def test_the_filters_are_what_the_generator_makes() -> None:
    """Byte for byte, with the version of libseccomp that made them; another one may arrange them otherwise."""
    try:
        installed = version()
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"{error}: pip install pyseccomp, and apt-get install libseccomp2")
    if installed != LIBSECCOMP:
        pytest.skip(f"the filters were made with libseccomp {LIBSECCOMP}, here is {installed}")
    for machine in MACHINES:
        assert make(machine) == FILTERS[machine]


# The whole. --------------------------------------------------------------------------------------------------------


@pytest.fixture
def manifest(store: ContextStore) -> Path:
    """A context to start REPLs over."""
    return store.local_manifest(store.put("a context"))


def test_every_layer_is_in_the_table() -> None:
    """A layer that vanishes from the code is missed here; one that this machine lacks is told with the reason."""
    statuses = doctor()
    names = "first to die, namespaces, empty root, own user, no capabilities, no new privileges, not dumpable"
    names += ", ends with its parent, landlock, limits, thread limit, seccomp"
    assert [status.name for status in statuses] == names.split(", ")
    assert [s.name for s in statuses if s.required and s.state != "on"] == []
    assert all(bool(status.why) == (status.state != "on") for status in statuses)


def test_the_command_shows_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, with exit code 0 where the REPL can be confined; as JSON too."""
    assert rlm_graph_command(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(all_layers())
    assert lines[-1].startswith("on") and "seccomp" in lines[-1]  # noqa: PT018 - one line of the table
    assert rlm_graph_command(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_confined"]
    assert told["layers"][-1]["name"] == "seccomp"


async def test_a_worker_has_all_layers(manifest: Path) -> None:
    """Those of its process, as the kernel tells them; and the host has none of them."""
    own = Path("/proc/self/status").read_text()
    executors = ProcessExecutors()
    executor = executors(manifest, InMemory())
    await executor.run_cell("", timeout_s=20)
    folder = Path(f"/proc/{pid_of(executor)}")
    status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert (folder / "oom_score_adj").read_text() == "1000\n"
    limits = (folder / "limits").read_text()
    assert "unlimited" not in "".join(line for line in limits.splitlines() if "address space" in line)
    if IS_ROOT:
        assert status["CapBnd"] == "0" * 16
        assert int(status["Uid"].split()[0]) > FIRST_WORKER_ID
        assert (folder / "ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        assert "(deleted)" in str((folder / "root").readlink())
    await executor.close()
    executors.close()
    kept = ("Seccomp", "NoNewPrivs", "Cap", "Uid", "Gid")
    assert [line for line in own.splitlines() if line.startswith(kept)] == [
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kept)
    ]


def pid_of(executor: ProcessExecutor) -> int:
    """The worker's pid, which is nobody's business but a test's."""
    assert executor._worker is not None
    return executor._worker._pid


async def test_a_strict_sandbox_does_not_start_without_the_filter(manifest: Path) -> None:
    """It says which layer is missing, why, and what can be done."""
    executors = breached_executors("without_filter")
    with pytest.raises(REPLExecutionError, match=r"seccomp: there is no filter for .*degraded"):
        await executors(manifest, InMemory()).start()
    executors.close()


async def test_a_degraded_sandbox_starts_and_says_what_is_missing(
    manifest: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By name, once in a process; the other layers are there."""
    processes._said.clear()
    for _ in range(2):
        executors = breached_executors("without_filter", sandbox="degraded")
        executor = executors(manifest, InMemory())
        with caplog.at_level(logging.WARNING, "rlm_graph"):
            done: Any = await executor.run_cell("import os\nprint(os.getppid() > 0)\nopen('/etc/passwd')", timeout_s=5)
        assert done.stdout == "True\n"  # a call that the filter refuses
        assert "Error" in done.error
        await executor.close()
        executors.close()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "without: seccomp (there is no filter for" in told[0]


def test_without_the_filter_the_other_layers_still_stop_most_attacks(user: User) -> None:
    """All on files, programs, privileges, other processes and TCP. So no layer is the only one for those."""
    names = [name for name in ATTACKS if name not in ("O13", "O46")]  # one leaves a process, one stops itself
    outcomes = user.attack("without_filter", names)
    through = {name for name in outcomes if "PWNED" in outcomes[name].get("stdout", "")}
    # Signalling everything "succeeds" and reaches nobody; processes, IPC and kernel interfaces of its own are possible.
    assert through <= {"O09", "O10", "O27", "O31"}


@pytest.mark.parametrize("options", [{"sandbox": "loose"}, {"memory_bytes": 1000}, {"memory_bytes": 1e9}])
def test_bad_settings_are_refused(options: dict[str, Any]) -> None:
    """Naming the field and the value."""
    with pytest.raises(ConfigError, match=f"{next(iter(options))}: .* is not allowed"):
        ProcessExecutors(**options)


async def test_memory_is_bounded_beyond_the_context(manifest: Path) -> None:
    """What is too much is a MemoryError, which ends the cell and not the REPL."""
    executors = ProcessExecutors(memory_bytes=200 << 20)
    executor = executors(manifest, InMemory())
    growing = "xs = []\nwhile True:\n    xs.append('x' * 10**6 + str(len(xs)))"
    for code in ("x = 'a' * 10**10", "b = bytes(3 << 28)", growing):
        done: Any = await executor.run_cell(code, timeout_s=20)
        assert "MemoryError" in done.error
        assert not done.undone
        await executor.run_cell("xs = None", timeout_s=20)
    done = await executor.run_cell("print(len('y' * (100 << 20)))", timeout_s=20)
    assert done.stdout == f"{100 << 20}\n"
    await executor.close()
    executors.close()


STALL = """
while True:
    try: time.sleep(60)
    except BaseException: pass
"""


def _raw(header: str, body: str = "") -> str:
    """Source that writes a frame past the worker's own code."""
    return f"h, b = {header.encode()!r}, {body!r}.encode()\nos.write(3, struct.pack('!IQ', len(h), len(b)) + h + b)\n"


def _frame(header: str, body: str = "") -> str:
    """Source that writes a frame, and then nothing more."""
    return _raw(header, body) + STALL


def _call(number: int, options: str = "", **more: Any) -> str:
    """Source that writes a call."""
    parts = [1, len(options)] if options else [1]
    header = {"kind": "call", "id": number, "function": "llm_query", "ahead": False, "parts": parts, **more}
    return _raw(json.dumps(header), "x" + options)


PIPE = {
    "garbage": "os.write(3, os.urandom(5000))" + STALL,
    "half a frame": "os.write(3, struct.pack('!IQ', 20, 0) + b'{')" + STALL,
    "a frame that is too large": "os.write(3, struct.pack('!IQ', 2, 2**62))" + STALL,
    "no kind": _frame("{}"),
    "another kind": _frame('{"kind": "forked"}'),
    "saved, with nothing said before": _frame('{"kind": "saved", "parts": [1]}', "x"),
    "a call of another function": _call(1, function="eval") + STALL,
    "a call with the options of another": _call(1, '{"context": 5}') + STALL,
    "a call with options that are none": _call(1, "[1]") + STALL,
    "a call with endless options": _call(1, '{"schema": {"a": "' + "x" * (1 << 20) + '"}}') + STALL,
    "a call ahead of the code where none may be": _call(1, ahead=True) + STALL,
    "a second call of the same number": _call(90) + _call(90) + STALL,
    "a cancellation of what is no call": _frame('{"kind": "cancel", "ids": ["1"]}'),
    "a cancellation with a body": _frame('{"kind": "cancel", "ids": [1], "parts": [1]}', "x"),
    "an endless flood": "while True: os.write(3, b'\\0' * 65536)",
    "silence": "os.close(3)" + STALL,
}


@pytest.mark.parametrize("name", PIPE)
async def test_what_a_worker_does_to_the_pipe_costs_its_cell_and_nothing_else(manifest: Path, name: str) -> None:
    """Garbage, floods, stalls, frames of another place: the cell ends in time, and the REPL is as it was before it."""
    executors = breached_executors("breached")
    executor = executors(manifest, InMemory())
    before: Any = await executor.run_cell("kept = [7]", timeout_s=5)
    peak, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    done: Any = await executor.run_cell(f"kept.append(8)\nimport os, struct, time\n{PIPE[name]}", timeout_s=1)
    if isinstance(done, Call):
        done = await executor.next_step()
    assert time.monotonic() - started < 1 + 1.5 + 3
    assert done.error
    assert (done.undone, done.killed) == (True, False)
    assert done.snapshot == before.snapshot
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000  # kilobytes
    after: Any = await executor.run_cell("print(kept)", timeout_s=5)
    assert after.stdout == "[7]\n"
    await executor.close()
    executors.close()


async def test_a_worker_cancels_no_calls_but_those_that_wait_and_were_asked_ahead(manifest: Path) -> None:
    """Others are not named to the host, or answers would go astray; nor is a worker's count of them believed."""
    executors = breached_executors("breached")
    executor = executors(manifest, InMemory())
    lie = "import gc\nhost = [o for o in gc.get_objects() if type(o).__name__ == 'Host'][0]\nhost.ran_ahead = 99\n"
    cancel = _raw('{"kind": "cancel", "ids": [300, 302, 77, 301, 301, -1]}') + _raw('{"kind": "cancel", "ids": [5]}')
    calls = _call(300) + "".join(_call(number, ahead=True) for number in (301, 302, 303))
    source = f"import os, struct\n{lie}{calls}{cancel}llm_query('the last')"
    steps: list[Any] = [await executor.run_cell(source, timeout_s=5, ahead=3)]
    while not isinstance(steps[-1], Done):
        if isinstance(steps[-1], Call) and steps[-1].text == "the last":
            await executor.reply(302, "cancelled")  # is not sent
            await executor.reply(steps[-1].id, "answer")
        steps.append(await executor.next_step())
    *asked, cancelled, last, done = steps
    assert [(call.id, call.ahead) for call in asked] == [(300, False), (301, True), (302, True), (303, True)]
    assert cancelled == Cancel((302, 301))
    assert last.text == "the last"
    assert (done.error, done.ran_ahead) == (None, 1)
    await executor.close()
    executors.close()


async def test_a_worker_that_crashes_was_not_killed(manifest: Path) -> None:
    """It was the cell's own doing: running it again would be in vain."""
    executors = breached_executors("breached")
    executor = executors(manifest, InMemory())
    for crash in ("import ctypes\nctypes.string_at(0)", "import os\nos.abort()", "import os\nos._exit(9)"):
        done: Any = await executor.run_cell(crash, timeout_s=5)
        assert (done.undone, done.killed) == (True, False)
    await executor.close()
    executors.close()


async def test_workers_end_with_their_zygote(manifest: Path) -> None:
    """Also one that is in the middle of a cell, when the zygote is killed."""
    executors = breached_executors("breached")
    executor = executors(manifest, InMemory())
    await executor.start()
    pid = pid_of(executor)
    os.kill(executors.zygote(manifest)._process.pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    await executor.close()
    executors.close()


ON_DEMAND = {
    "datetime.strptime('2024-02-03', '%Y-%m-%d').strftime('%d %B')": "03 February",
    "time.localtime(0).tm_year in (1969, 1970), time.mktime(time.localtime(5)) == 5": "(True, True)",
    "'é'.encode('cp1252'), b'\\xe9'.decode('latin-1'), 'ü'.encode('idna')": "(b'\\xe9', 'é', b'xn--tda')",
    "'\\N{GRINNING FACE}'.isprintable(), unicodedata.name('é')": "(True, 'LATIN SMALL LETTER E WITH ACUTE')",
    "[len(hashlib.new(n).digest()) for n in ('md5', 'sha1', 'sha256', 'sha3_256', 'blake2b')]": "[16, 20, 32, 32, 64]",
    "len(str(3 ** 5000)), int('9' * 4000) % 7 >= 0": "(2386, True)",
    "random.Random('seed').random() < 1, len(uuid.uuid4().hex), random.randint(1, 1)": "(True, 32, 1)",
    "sum(ThreadPoolExecutor().map(len, ['a', 'bb']))": "3",
    "zlib.decompress(zlib.compress(b'x' * 100000)) == b'x' * 100000": "True",
    "re.sub(r'(?i)\\bERROR\\b', 'e', 'Error error')": "e e",
    "round(statistics.quantiles(range(100))[1], 1), Decimal(1) / 3 > 0, str(Fraction('1/3'))": "(49.5, True, '1/3')",
    "time.sleep(0.01), time.perf_counter() > 0, time.process_time() >= 0": "(None, True, True)",
    "list(csv.reader(io.StringIO('a,b'))), json.loads('[1]'), textwrap.fill('a b', 1)": "([['a', 'b']], [1], 'a\\nb')",
}
IMPORTS = """
import csv, hashlib, io, json, random, re, statistics, textwrap, time, unicodedata, uuid, zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
"""


async def test_what_python_loads_on_demand_is_there(manifest: Path) -> None:
    """Time zones, codecs, hashes, threads: nothing that a cell may use is opened only then."""
    executors = ProcessExecutors()
    executor = executors(manifest, InMemory())
    done: Any = await executor.run_cell(IMPORTS, timeout_s=20)
    assert done.error is None
    for expression, expected in ON_DEMAND.items():
        done = await executor.run_cell(f"value = ({expression})\nprint(value)", timeout_s=20)
        assert (done.error, done.stdout) == (None, f"{expected}\n"), expression
    done = await executor.run_cell("import math\nmath.sqroot(4)", timeout_s=20)
    assert "AttributeError" in done.error
    await executor.close()
    executors.close()
