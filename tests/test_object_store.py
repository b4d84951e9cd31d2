"""A store in S3, which several hosts share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
import s3fs
from s3 import S3Server

from rlm_graph import ContextStore, REPLExecutionError
from rlm_graph.context import load_context
from rlm_graph.context.materialize import load
from rlm_graph.context.object_files import ObjectFiles
from rlm_graph.errors import ConfigError, ContextError, ContextNotFoundError, MissingExtraError
from rlm_graph.repl.snapshot_store import SnapshotStore

CONTEXT = ["short", "L" * 300_000, "é\0\ud800", "M" * 300_000]


@pytest.fixture
def url(request: pytest.FixtureRequest, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new store; the parameter is whether the server makes conditional writes."""
    for name, value in s3_server.environment(conditional=getattr(request, "param", True)).items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.make_bucket()}/some/prefix"


@pytest.fixture
def new_clients() -> Iterator[None]:
    """The test's own: clients keep the server and the keys that they were made with."""
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()


def on_another_host(code: str, *arguments: str, folder: Path) -> str:
    """Run Python in a process that shares nothing local with this one; returns what it prints."""
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "TMPDIR": str(folder), "RLM_GRAPH_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def keys(url: str) -> list[str]:
    """The objects of a store, without its prefix."""
    fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return sorted(path.removeprefix(f"{root}/") for path in fs.find(root))


def of_blobs(method: str, requests: list[str]) -> list[str]:
    """The requests for the content of blobs."""
    return [line for line in requests if line.startswith(f"{method} ") and "/blobs/" in line.partition("?")[0]]


def test_contexts_come_back(url: str) -> None:
    """Byte for byte, also by another store object, whose files are looked for in S3."""
    ref = ContextStore(url).put(CONTEXT)
    store = ContextStore(url)
    assert load(store.local_manifest(ref)) == CONTEXT
    assert store.open(ref.sha256) == store.put(ref) == ref
    assert ref.uri == f"{url}/manifests/{ref.sha256[:2]}/{ref.sha256}"


def test_a_large_text_is_fetched_in_pieces(url: str, tmp_path: Path) -> None:
    """More than one request reads at a time."""
    text = "0123456789abcde\n" * ((17 << 20) // 16)
    store, copy = ContextStore(url), ContextStore(tmp_path, durable=False)
    ref = store.put(text)
    store.copy_to(copy, ref.sha256)
    assert load(copy.local_manifest(ref)) == text


def test_another_host_goes_on_with_context_and_repl(url: str, tmp_path: Path) -> None:
    """From the object store alone: the context byte for byte, and variables that refer to it."""
    code = """if True:
        import asyncio, sys
        from rlm_graph import ContextStore, ProcessExecutors
        from rlm_graph.repl.snapshot_store import SnapshotStore

        async def main(url, sha256, snapshot, cell):
            store, executors = ContextStore(url), ProcessExecutors(sandbox="degraded")
            executor = executors(store.local_manifest(store.open(sha256)), SnapshotStore(store.files))
            if snapshot:
                await executor.restore(snapshot)
            done = await executor.run_cell(cell, timeout_s=60)
            print(done.snapshot, done.stdout.strip())
            await executor.close()
            executors.close()

        asyncio.run(main(*sys.argv[1:]))
    """
    ref = ContextStore(url).put(CONTEXT)
    cell = "big = context[1] + '!'; near = [context[3]]"
    snapshot = on_another_host(code, url, ref.sha256, "", cell, folder=tmp_path / "one").split()[0]
    cell = "print(ascii(context[2]), len(big), near[0] is context[3])"
    said = on_another_host(code, url, ref.sha256, snapshot, cell, folder=tmp_path / "two")
    assert said.split()[1:] == [ascii(CONTEXT[2]), "300001", "True"]


def test_what_is_there_is_not_sent_again(s3_server: S3Server, url: str, tmp_path: Path) -> None:
    """Neither a context that is put again, nor a blob that it shares; and what was put is not fetched to be loaded."""
    store = ContextStore(url)
    with s3_server.requests() as seen:
        ref = store.put(CONTEXT)
        store.local_manifest(ref)
    assert len(of_blobs("PUT", seen)) == 4
    assert not of_blobs("GET", seen)
    with s3_server.requests() as seen:
        assert ContextStore(url).put(CONTEXT) == ref
        store.put(["other", CONTEXT[1]])
    assert len(of_blobs("PUT", seen)) == 1  # "other"


def test_documents_of_a_bucket_are_a_context(url: str) -> None:
    """Read from S3 and kept in S3, and read anew when the bucket has changed."""
    fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    source = f"{url.rpartition('/')[0]}/logs"
    path = f"{root.rpartition('/')[0]}/logs"
    fs.pipe_file(f"{path}/a.log", b"one")
    store = ContextStore(url)
    assert load(store.local_manifest(load_context(source, store=store))) == ["one"]
    fs.pipe_file(f"{path}/b.log", b"two")
    ref = load_context(source, store=store)
    assert (load(store.local_manifest(ref)), ref.names) == (["one", "two"], ("a.log", "b.log"))


def test_references_are_copied_between_stores(url: str, tmp_path: Path) -> None:
    """From a folder into S3, from there to another prefix, and back."""
    there, further, back = ContextStore(url), ContextStore(f"{url}/further"), ContextStore(tmp_path / "back")
    ref = ContextStore(tmp_path / "here").put(CONTEXT)
    copied = back.put(further.put(there.put(ref)))
    assert copied.sha256 == ref.sha256
    assert load(back.local_manifest(copied)) == CONTEXT


def test_what_is_damaged_is_not_sent(url: str, tmp_path: Path) -> None:
    """A hash is compared before an upload, and after a download."""
    here, there = ContextStore(tmp_path / "here"), ContextStore(url)
    ref = here.put("some text")
    [blob] = (path for path in (tmp_path / "here/blobs").rglob("*") if path.is_file())
    blob.write_bytes(b"some texT")
    with pytest.raises(ContextError, match=f"{blob.name} is corrupt: its hash differs"):
        there.put(ref)
    assert keys(url) == []

    ref = there.put("other text")
    fs, root = fsspec.core.url_to_fs(url)
    [path] = fs.find(f"{root}/blobs")
    fs.pipe_file(path, b"other texT")
    with pytest.raises(ContextError, match="corrupt: its hash differs"):
        there.copy_to(ContextStore(tmp_path / "copy"), ref.sha256)
    fs.rm_file(path)
    with pytest.raises(ContextNotFoundError, match="no blob"):
        there.copy_to(ContextStore(tmp_path / "copy"), ref.sha256)
    assert not any(path.is_file() for path in (tmp_path / "copy").rglob("[0-9a-f]*"))
    there.put("other text")
    there.copy_to(ContextStore(tmp_path / "copy"), ref.sha256)


@pytest.mark.usefixtures("new_clients")
@pytest.mark.parametrize("url", [True, False], indirect=True)
def test_hosts_that_make_the_key_at_once_have_one_key(url: str) -> None:
    """By a conditional write, or where the store refuses that, by reading back what was written."""
    store = ContextStore(url)
    begin = threading.Barrier(8)

    def put(_: int) -> str:
        begin.wait()
        return SnapshotStore(store.files).put(b"root", "ab" * 32)

    with ThreadPoolExecutor(8) as pool:
        [snapshot] = set(pool.map(put, range(8)))
    assert SnapshotStore(store.files).belongs(snapshot, "ab" * 32)


@pytest.mark.usefixtures("url")
def test_a_bucket_that_is_not_there_says_so() -> None:
    """It is not made: a name may be mistyped."""
    store = ContextStore(f"s3://no-such-bucket-{uuid.uuid4().hex}/x")
    with pytest.raises(ContextError, match=r"s3://no-such-bucket-\w+/x cannot be written: .*bucket does not exist"):
        store.put("text")
    with pytest.raises(REPLExecutionError, match=r"s3://no-such-bucket-\w+/x cannot be written: .*bucket does not"):
        SnapshotStore(store.files).put(b"root", "ab" * 32)


@pytest.mark.usefixtures("new_clients")
def test_no_credentials_and_no_server_say_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client's library raises becomes an error that names the store."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ContextError, match=f"the store {url} cannot be read: EIO NoCredentialsError"):
        ContextStore(url).open("0" * 64)
    with pytest.raises(ContextError, match=f"the store {url} cannot be written: EIO NoCredentialsError"):
        ContextStore(url).put("text")
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(REPLExecutionError, match="EndpointConnectionError"):
        SnapshotStore(ContextStore(url).files).has("0" * 64)


def test_a_missing_driver_is_named() -> None:
    """With the extra that has it; another's by fsspec's own words."""
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from rlm_graph.context import ContextStore, load_context\n"
        "for make in (lambda: ContextStore('s3://b/c'), lambda: load_context('s3://b/c')):\n"
        "    try: make()\n"
        "    except Exception as error: print(type(error).__name__, error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for line in ran.stdout.splitlines():
        assert line.startswith("MissingExtraError")
        assert "s3://b/c" in line
        assert "pip install 'rlm-graph[s3]'" in line
    assert len(ran.stdout.splitlines()) == 2
    with pytest.raises(MissingExtraError, match="gcsfs"):
        ContextStore("gs://bucket/x")


@pytest.mark.parametrize("root", ["nonsense://x", "s3://", "s3://bucket/a*", "memory://"])
def test_a_url_that_is_no_store_is_refused(root: str) -> None:
    """At once, with the value."""
    with pytest.raises(ConfigError, match=r"store: '.*' is not allowed"):
        ContextStore(root)


def test_old_objects_are_renewed_when_they_are_used_again(s3_server: S3Server, url: str) -> None:
    """By a copy inside the store, not by an upload; so a sweep of old ones takes only those that nobody used."""
    store = ContextStore(url)
    ref = store.put(CONTEXT)
    gone = store.put(["gone", CONTEXT[1]])
    files = store.files
    assert isinstance(files, ObjectFiles)
    files.renew_after_s = 1.0
    time.sleep(2.1)  # S3 tells time in seconds
    before = {file.path: file.time for file in files.stored("blobs")}
    with s3_server.requests() as seen:
        store.put(CONTEXT)
    assert len(of_blobs("COPY", seen)) == 4
    assert of_blobs("PUT", seen) == []
    assert sum(file.time > before[file.path] for file in files.stored("blobs")) == 4

    assert store.sweep((), (), older_than_s=2).files == 2
    with pytest.raises(ContextNotFoundError):
        store.open(gone.sha256)
    store.copy_to(ContextStore.temporary(), ref.sha256)


def test_who_uses_an_old_object_waits_for_a_sweep(url: str) -> None:
    """The notice of one that was killed is waited for once, and taken away."""
    store = ContextStore(url)
    store.put(CONTEXT)
    files = store.files
    assert isinstance(files, ObjectFiles)
    files.renew_after_s = 0.0  # everything is old
    notice = f"{files.root}/sweeping/{'a' * 64}"
    files.fs.pipe_file(notice, b"")
    ended = threading.Event()
    putting = threading.Thread(target=lambda: (store.put(CONTEXT), ended.set()))
    putting.start()
    assert not ended.wait(0.5)
    [blob, *_] = files.stored("blobs")
    files.fs.rm([blob.path])  # what the sweep had decided on before it could see the new time
    files.fs.rm_file(notice)
    assert ended.wait(30)
    putting.join()
    assert files.find(blob.path) is not None

    files.notice_believed_s = 0.5
    files.fs.pipe_file(notice, b"")
    store.put(CONTEXT)
    assert files.find(notice) is None
