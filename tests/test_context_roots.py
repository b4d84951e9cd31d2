"""Places that a remote caller's URIs may name: what lies below the operator's roots is read, and nothing else is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Send
from web_server import Page, WebServer

from rlm_graph import ContextStore, RLMConfig
from rlm_graph.context.gate import ContextGate
from rlm_graph.context.materialize import load
from rlm_graph.context.roots import MAX_URI_CHARS, ContextRoots, _is_public
from rlm_graph.errors import (
    ConfigError,
    ContextError,
    ContextNotFoundError,
    ContextTypeError,
    ContextUnreadableError,
)

PAGE = b"<html><body><p>" + b"A page with a sentence in it. " * 20 + b"</p></body></html>"
SECRET = "a secret of the host's"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root with files in it, beside what is nobody's business."""
    folder = tmp_path / "open"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a b.txt").write_text("text a")
    (folder / "deep" / "b.txt").write_text("text b")
    (folder / "deep" / "er" / "c.txt").write_text("text c")
    (folder / "%2e%2e").mkdir()
    (folder / "%2e%2e" / "odd.txt").write_text("an odd name")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "open-secrets").mkdir()
    (tmp_path / "open-secrets" / "d.txt").write_text(SECRET)
    (folder / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "leak").symlink_to(tmp_path)
    (folder / "inside.txt").symlink_to(folder / "a b.txt")
    os.mkfifo(folder / "pipe")
    return folder


def value(roots: ContextRoots, uri: str, store: ContextStore) -> Any:
    """What the REPL would have."""
    return load(store.local_manifest(roots.load(uri, store)))


# Local folders. -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["{0}", "{0}/", "file://{0}", "FILE://{0}/"])
def test_a_file_below_a_root_is_a_text(folder: Path, store: ContextStore, root: str) -> None:
    """However the operator writes the root; a name is decoded once."""
    roots = ContextRoots([root.format(folder)])
    assert value(roots, f"file://{folder}/a%20b.txt", store) == "text a"
    assert value(roots, f"file://{folder}/a b.txt", store) == "text a"
    assert roots.load(f"file://{folder}/deep/b.txt", store).names == ("b.txt",)


def test_a_folder_below_a_root_is_its_documents(folder: Path, store: ContextStore) -> None:
    """Links that leave it are not among them."""
    roots = ContextRoots([folder])
    assert value(roots, f"file://{folder}/deep", store) == ["text b", "text c"]
    ref = roots.load(f"file://{folder}/", store)
    assert set(ref.names) == {"%2e%2e/odd.txt", "a b.txt", "deep/b.txt", "deep/er/c.txt", "inside.txt"}
    assert SECRET not in str(load(store.local_manifest(ref)))


def test_a_root_that_is_a_link_is_the_folder_it_leads_to(folder: Path, tmp_path: Path, store: ContextStore) -> None:
    """It is the operator's own link."""
    (tmp_path / "current").symlink_to(folder)
    assert value(ContextRoots([tmp_path / "current"]), f"file://{tmp_path}/current/deep/b.txt", store) == "text b"


@pytest.mark.parametrize(
    "uri",
    [
        "file://{up}/secret.txt",
        "file://{root}/../secret.txt",
        "file://{root}/deep/../../secret.txt",
        "file://{root}/%2e%2e/secret.txt",
        "file://{root}/..%2fsecret.txt",
        "file://{root}/%2e%2e%2fsecret.txt",
        "file://{root}/%252e%252e/secret.txt",
        "file://{root}/%25252e%25252e%25252fsecret.txt",
        "file://{root}/..\\secret.txt",
        "file://{root}/%5c..%5csecret.txt",
        "file://{root}/./../secret.txt",
        "file://{root}//../secret.txt",
        "file://{root}-secrets/d.txt",
        "file://{root}/leak.txt",
        "file://{root}/leak/secret.txt",
        "file://{root}/leak/open/a b.txt",
        "file://{root}/inside.txt",
        "file://{root}/pipe",
        "file://{root}/a b.txt\0.pdf",
        "file://{root}/a b.txt%00",
        "file://{root}/a b.txt?x=1",
        "file://{root}/a b.txt#x",
        "file://localhost{up}/secret.txt",
        "file://localhost{root}/a b.txt",
        "file://127.0.0.1{root}/a b.txt",
        "file:///{root}/a b.txt",
        "file:////{up}/secret.txt",
        "file:{root}/a b.txt",
        "file:///etc/passwd",
        "file:///proc/self/environ",
        "file:///",
        "file://",
        "{root}/a b.txt",
        "{up}/secret.txt",
        "\\\\host\\share\\x",
        "//host/share/x",
        "smb://host{root}/a b.txt",
        "local://host{root}/a b.txt",
        "zip::file://{root}/a b.txt",
        "simplecache::file://{up}/secret.txt",
        "filecache::file://{root}/a b.txt",
        "zip://a::file://{up}/secret.zip",
        "dir::file://{up}",
        "tar://x::simplecache::file://{up}/secret.txt",
        "blockcache::http://169.254.169.254/latest",
        "memory://x",
        "s3://bucket/x",
        "data:text/plain,x",
        "data://text/plain,x",
        "reference://",
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
        "ftp://host/x",
        " file://{root}/a b.txt",
        "file://{root}/a b.txt\n",
        "fi\tle://{root}/a b.txt",
        "",
        "-",
    ],
)
def test_no_uri_leads_out_of_a_local_root(folder: Path, tmp_path: Path, store: ContextStore, uri: str) -> None:
    """Neither out of it, nor by another way into it; the error tells nothing of what is there."""
    spelt = uri.format(root=folder, up=tmp_path)
    with pytest.raises(ContextError) as refused:
        ContextRoots([folder]).load(spelt, store)
    assert SECRET not in str(refused.value)
    assert not any((Path(store.files.root) / "manifests").rglob("*"))


@pytest.mark.parametrize("uri", [None, 7, b"file:///x", ["file:///x"], {"uri": "file:///x"}, Path("/etc/passwd")])
def test_what_is_no_text_is_no_uri(folder: Path, store: ContextStore, uri: object) -> None:
    """A path of this program's is not, either: roots are for callers."""
    with pytest.raises(ContextError, match="is a text, not a value of type"):
        ContextRoots([folder]).load(uri, store)


def test_a_uri_is_no_longer_than_the_limit(folder: Path, store: ContextStore) -> None:
    """The message does not repeat it all."""
    with pytest.raises(ContextError, match="is no URI") as refused:
        ContextRoots([folder]).load(f"file://{folder}/{'a' * MAX_URI_CHARS}", store)
    assert len(str(refused.value)) < 500


def test_a_place_outside_and_one_that_is_not_there_are_told_alike(
    folder: Path, tmp_path: Path, store: ContextStore
) -> None:
    """So nobody finds out which files the host has."""

    def told(uri: str) -> str:
        with pytest.raises(ContextUnreadableError) as refused:
            ContextRoots([folder]).load(uri, store)
        return str(refused.value).replace(uri, "")

    assert told(f"file://{tmp_path}/secret.txt") == told(f"file://{tmp_path}/nothing.txt")


def test_a_missing_file_below_a_root_is_named_as_the_caller_named_it(folder: Path, store: ContextStore) -> None:
    """And not as it was opened."""
    with pytest.raises(ContextNotFoundError, match="no such file") as missing:
        ContextRoots([folder]).load(f"file://{folder}/none.txt", store)
    assert f"file://{folder}/none.txt" in str(missing.value)
    (folder / "empty").mkdir()
    with pytest.raises(ContextUnreadableError) as empty:
        ContextRoots([folder]).load(f"file://{folder}/empty", store)
    assert "/proc/" not in str(empty.value)


# Roots. -------------------------------------------------------------------------------------------------------------


def test_without_roots_no_uri_is_opened(folder: Path, store: ContextStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is the default, also of the environment."""
    monkeypatch.delenv("RLM_GRAPH_CONTEXT_ROOTS", raising=False)
    for roots in (ContextRoots(), ContextRoots.from_environment()):
        with pytest.raises(ContextUnreadableError, match="no context is read from URIs here"):
            roots.load(f"file://{folder}/a b.txt", store)


def test_the_environment_lists_roots_with_commas(
    folder: Path, tmp_path: Path, store: ContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders and URLs side by side."""
    monkeypatch.setenv("RLM_GRAPH_CONTEXT_ROOTS", f" {folder}/deep , memory://there,")
    roots = ContextRoots.from_environment()
    assert value(roots, f"file://{folder}/deep/b.txt", store) == "text b"
    with pytest.raises(ContextUnreadableError):
        roots.load(f"file://{folder}/a b.txt", store)


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("/no/such/folder", "no such folder"),
        ("/", "not the whole disk"),
        ("file:///", "not the whole disk"),
        ("", "must be a folder or a URL"),
        ("s3://", "no host or bucket"),
        ("s3://key:secret@bucket/x", "a user's name"),
        ("simplecache::s3://bucket/x", "no URI such as"),
        ("zip://x::s3://bucket/x", "no URI such as|not allowed"),
        ("nosuchscheme://x/y", "not allowed"),
        ("https://example.org/data?key=1", "query"),
        ("http://example.org:port/", "a port that is no number"),
        ("s3://bucket/../other", "'..'"),
    ],
)
def test_a_bad_root_is_refused_at_once(root: str, words: str) -> None:
    """It is the operator who reads that."""
    with pytest.raises(ConfigError, match=words):
        ContextRoots([root])


def test_a_single_root_that_is_no_list_is_refused() -> None:
    """Its letters are no roots."""
    with pytest.raises(ConfigError, match="must be a list"):
        ContextRoots("/srv")


# Object stores. -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket() -> Iterator[str]:
    """A root in fsspec's memory, beside other things."""
    fs = fsspec.filesystem("memory")
    for path, text in {
        "/bucket/open/a.txt": "text a",
        "/bucket/open/deep/b.txt": "text b",
        "/bucket/open/%2e%2e/odd.txt": "an odd name",
        "/bucket/open-secrets/c.txt": SECRET,
        "/bucket/secret.txt": SECRET,
        "/other/open/d.txt": SECRET,
    }.items():
        fs.pipe_file(path, text.encode())
    yield "memory://bucket/open"
    fs.rm("/bucket", recursive=True)
    fs.rm("/other", recursive=True)


def test_an_object_below_a_root_is_a_text_and_a_prefix_documents(bucket: str, store: ContextStore) -> None:
    """With their names below what was asked for."""
    roots = ContextRoots([bucket])
    assert value(roots, f"{bucket}/a.txt", store) == "text a"
    assert value(roots, f"{bucket}/deep", store) == ["text b"]
    ref = roots.load(bucket, store)
    assert (ref.kind, set(ref.names)) == ("documents", {"%2e%2e/odd.txt", "a.txt", "deep/b.txt"})
    with pytest.raises(ContextNotFoundError, match="no file there"):
        roots.load(f"{bucket}/none", store)


@pytest.mark.parametrize(
    "uri",
    [
        "memory://bucket/secret.txt",
        "memory://bucket/open-secrets/c.txt",
        "memory://bucket/open/../secret.txt",
        "memory://bucket/open/%2e%2e/secret.txt",
        "memory://bucket/open/%252e%252e/odd.txt",
        "memory://bucket",
        "memory://other/open/d.txt",
        "memory://bucket/open/a.txt?versionId=1",
        "memory://bucket/open/a.txt#x",
        "memory://bucket/open//a.txt",
        "memory://bucket/open/memory::x",
        "memory://user@bucket/open/a.txt",
        "memory://bucket:80/open/a.txt",
        "memory://BUCKET/open/a.txt",
        "memory:///bucket/open/a.txt",
        "simplecache::memory://bucket/open/a.txt",
        "s3://bucket/open/a.txt",
        "s3://127.0.0.1:9000/bucket/open/a.txt",
        "file:///bucket/open/a.txt",
    ],
)
def test_no_uri_leads_out_of_a_bucket(bucket: str, store: ContextStore, uri: str) -> None:
    """Names are compared whole; an endpoint or a version cannot be named."""
    with pytest.raises(ContextError) as refused:
        ContextRoots([bucket]).load(uri, store)
    assert SECRET not in str(refused.value)


# The web. -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def web() -> Iterator[WebServer]:
    """Pages, and redirects that lead everywhere."""

    def to(place: str) -> Page:
        return Page(status=302, headers={"Location": place})

    with WebServer({}) as web:
        web.pages = {
            "/open/a.txt": Page("caf\xe9".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"}),
            "/open/caf%C3%A9": Page(b"coffee", headers={"Content-Type": "text/plain"}),
            "/open/page/": Page(PAGE, headers={"Content-Type": "text/html"}),
            "/open/page": to("/open/page/"),
            "/open/to-a": to("a.txt"),
            "/open/round": to("round"),
            "/open/up": to("../secret.txt"),
            "/open/aside": to(f"{web.address}/secret.txt"),
            "/open/cloud": to("http://169.254.169.254/latest/"),
            "/open/file": to("file:///etc/passwd"),
            "/open/query": to("a.txt?x=1"),
            "/secret.txt": Page(SECRET.encode()),
        }
        yield web


def test_a_page_below_a_root_is_a_text(web: WebServer, store: ContextStore) -> None:
    """In the server's own encoding, HTML as text; a redirect that stays below is followed."""
    roots = ContextRoots([f"http://127.0.0.1:{web.port}/open/"], private_hosts=True)
    start = f"http://127.0.0.1:{web.port}/open"
    assert value(roots, f"{start}/a.txt", store) == "caf\xe9"
    assert value(roots, f"{start}/caf%c3%a9", store) == value(roots, f"{start}/caf\xe9", store) == "coffee"
    assert value(roots, f"HTTP://127.0.0.1:{web.port}/open/to-a", store) == "caf\xe9"
    assert value(roots, f"{start}/page", store).startswith("A page with a sentence")
    with pytest.raises(ContextNotFoundError, match="404"):
        roots.load(f"{start}/none", store)


@pytest.mark.parametrize("name", ["up", "aside", "cloud", "file", "query", "round"])
def test_a_redirect_is_looked_at_like_a_uri(web: WebServer, store: ContextStore, name: str) -> None:
    """What it leads to is not asked for."""
    roots = ContextRoots([f"http://127.0.0.1:{web.port}/open"], private_hosts=True)
    with pytest.raises(ContextUnreadableError, match=r"a place that is not allowed|more than 5 redirects"):
        roots.load(f"http://127.0.0.1:{web.port}/open/{name}", store)
    assert set(web.asked) == {f"/open/{name}"}


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:{port}/secret.txt",
        "http://127.0.0.1:{port}/open/../secret.txt",
        "http://127.0.0.1:{port}/open/%2e%2e/secret.txt",
        "http://127.0.0.1:{port}/open/..%2fsecret.txt",
        "http://127.0.0.1:{port}/open/%252e%252e%252fsecret.txt",
        "http://127.0.0.1:{port}/open/a.txt?x=1",
        "http://127.0.0.1:{port}/opens",
        "http://127.0.0.1/open/a.txt",
        "http://localhost:{port}/open/a.txt",
        "http://2130706433:{port}/open/a.txt",
        "http://0x7f.1:{port}/open/a.txt",
        "http://0177.0.0.1:{port}/open/a.txt",
        "http://127.1:{port}/open/a.txt",
        "http://[::ffff:127.0.0.1]:{port}/open/a.txt",
        "http://127.0.0.1.:{port}/open/a.txt",
        "http://127.0.0.1:{port}@evil.example/open/a.txt",
        "http://evil.example@127.0.0.1:{port}/open/a.txt",
        "http://evil.example#@127.0.0.1:{port}/open/a.txt",
        "https://127.0.0.1:{port}/open/a.txt",
        "http://127.0.0.1:{port}\\@evil.example/open/a.txt",
        "http://169.254.169.254/open/a.txt",
    ],
)
def test_no_uri_leads_to_another_place_of_the_web(web: WebServer, store: ContextStore, uri: str) -> None:
    """Host, port and path are compared as they are written; nothing is asked."""
    roots = ContextRoots([f"http://127.0.0.1:{web.port}/open"], private_hosts=True)
    with pytest.raises(ContextError):
        roots.load(uri.format(port=web.port), store)
    assert web.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001"])
def test_a_host_with_a_private_address_is_not_asked(web: WebServer, store: ContextStore, host: str) -> None:
    """Not even where it is a root, unless private hosts are allowed: it may have got that address since."""
    with pytest.raises(ContextUnreadableError, match="its address is not a public one"):
        ContextRoots([f"http://{host}:{web.port}/open"]).load(f"http://{host}:{web.port}/open/a.txt", store)
    assert web.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:a00:1::1", False),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", False),
        ("nonsense", False),
    ],
)
def test_private_addresses_are_known(address: str, public: bool) -> None:
    """Also inside those that stand for others."""
    assert _is_public(address) is public


def test_what_is_too_long_is_not_fetched(web: WebServer, store: ContextStore) -> None:
    """At the limit of bytes the connection ends."""
    start = f"http://127.0.0.1:{web.port}/open"
    with pytest.raises(ContextUnreadableError, match="longer than 3 bytes"):
        ContextRoots([start], private_hosts=True, max_web_bytes=3).load(f"{start}/a.txt", store)


def test_no_proxy_of_the_environment_is_asked(
    web: WebServer, store: ContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses are looked at here, so the connection is made here."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{web.port}")
    with pytest.raises(ContextUnreadableError):
        ContextRoots(["http://nosuch.invalid/open"]).load("http://nosuch.invalid/open/a.txt", store)
    assert web.asked == []


# A graph for remote callers. ----------------------------------------------------------------------------------------

THREAD: Any = {"configurable": {"thread_id": "mine"}}
FINAL = "```repl\nFINAL(str(context))\n```"


def test_a_graph_for_remote_callers_takes_only_what_is_theirs(make_rlm: Any, store: ContextStore, folder: Path) -> None:
    """Called from sync code: data, URIs below roots, handles, and the references that their own thread holds."""
    rlm = make_rlm([FINAL] * 9, checkpointer=InMemorySaver(), context_roots=ContextRoots([folder]))
    secret = store.put(SECRET)

    def ask(context: Any, thread: Any = THREAD) -> Any:
        return rlm.invoke({"query": "What is it?", "context": context}, thread)["answer"]

    assert ask({"uri": f"file://{folder}/deep/b.txt"}) == "text b"
    assert ask({"handle": rlm.gate.handle(secret)}) == SECRET
    assert ask({"handle": "x", "more": 1}) == "{'handle': 'x', 'more': 1}"
    own = rlm.get_state(THREAD).values["context"]
    assert ask(own) == "{'handle': 'x', 'more': 1}"
    rlm.update_state(THREAD, {"context": own}, as_node="init_repl")
    pairs: Any = {"configurable": {"thread_id": "pairs"}}
    rlm.invoke(Command(update=[("context", "in pairs"), ("query", "What?")], goto="init_repl"), pairs)
    assert rlm.get_state(pairs).values["context"]["context_ref"]["prefix"] == "in pairs"
    forged = secret.to_state()
    for refused in (
        lambda: ask(forged),
        lambda: ask(own, {"configurable": {"thread_id": "another"}}),
        lambda: rlm.update_state(THREAD, {"context": forged}, as_node="init_repl"),
        lambda: rlm.update_state(THREAD, {"history": secret.sha256}, as_node="init_repl"),
        lambda: rlm.invoke(Command(update={"context": forged}, goto="init_repl"), THREAD),
        lambda: rlm.invoke(Command(goto=Send("init_repl", {"query": "?", "context": forged})), THREAD),
    ):
        with pytest.raises(ContextUnreadableError, match="not one of this thread's"):
            refused()
    with pytest.raises(ContextTypeError, match="was not given out"):
        ask({"handle": f"rlm-{secret.sha256}-{'0' * 64}"})


def test_the_handles_of_one_store_are_none_of_another(tmp_path: Path, store: ContextStore) -> None:
    """Each has a key, for its owner's eyes only; processes that share a store share it."""
    gates = [ContextGate(ContextStore(store.root), ContextRoots()) for _ in range(2)]
    other = ContextGate(ContextStore(tmp_path / "other"), ContextRoots())
    ref = store.put("a text")
    assert other.store.put("a text").sha256 == ref.sha256
    handle = gates[0].handle(ref)
    assert gates[1].open(handle) == ref
    with pytest.raises(ContextTypeError):
        other.open(handle)
    assert stat.S_IMODE((tmp_path / "store" / "handles.key").stat().st_mode) == 0o600


def test_a_program_of_ones_own_may_pass_references_on(make_rlm: Any, store: ContextStore) -> None:
    """Without `context_roots`, whoever calls is trusted; but what code in the REPL hands to a child is data."""
    ref = store.put(SECRET).to_state()
    child = f"```repl\nFINAL(rlm_query('What is it?', context={ref!r}))\n```"
    rlm = make_rlm([FINAL, child], sub=FINAL)
    assert rlm.invoke({"query": "What is it?", "context": ref})["answer"] == SECRET
    # The graph's own settings have no children; a run's may.
    deeper = rlm.invoke({"query": "And the parts?", "context": "abc"}, context=RLMConfig(max_recursion_depth=2))
    assert deeper["answer"].startswith("{'context_ref'")
