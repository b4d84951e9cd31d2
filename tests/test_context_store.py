"""What is put into a store comes out of it the same, in every kind of store."""

from __future__ import annotations

import datetime
import gc
import math
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document as LangChainDocument

from rlm_graph.context import ContextRef, ContextStore, Document, process_store
from rlm_graph.context.materialize import load
from rlm_graph.errors import ContextEmptyError, ContextError, ContextNotFoundError, ContextTypeError
from rlm_graph.repl.snapshot_store import SnapshotStore

texts = st.text(st.characters(exclude_categories=()))  # with lone surrogates and NUL
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ContextStore:
    if request.param == "local":
        return ContextStore(tmp_path / "store", durable=False)
    return ContextStore(f"memory://{uuid.uuid4().hex}")


def back(store: ContextStore, context: object) -> Any:
    return load(store.local_manifest(store.put(context)))


@quick
@given(text=texts.filter(bool))
def test_text_round_trip(store: ContextStore, text: str) -> None:
    """Any str comes back character by character."""
    assert back(store, text) == text


@quick
@given(items=st.lists(texts, min_size=1).filter(any))
def test_list_round_trip(store: ContextStore, items: list[str]) -> None:
    """Any list of strings comes back, empty ones in their places."""
    assert back(store, items) == items


@quick
@given(value=st.dictionaries(texts, json_values, min_size=1, max_size=5))
def test_dict_round_trip(store: ContextStore, value: dict[str, Any]) -> None:
    """Any JSON-like dict comes back, NaN and surrogates too."""
    assert repr(back(store, value)) == repr(value)


@quick
@given(items=st.lists(st.tuples(texts, texts, st.dictionaries(texts, json_values, max_size=2)), min_size=1))
def test_documents_round_trip(store: ContextStore, items: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Documents come back with any name and JSON-like metadata."""
    documents = [Document("x" + text, name=name, metadata=metadata) for text, name, metadata in items]
    loaded = back(store, documents)
    assert loaded == documents
    assert [document.name for document in loaded] == [document.name for document in documents]
    assert repr([document.metadata for document in loaded]) == repr([document.metadata for document in documents])


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nb\rc\n\0d",
        "\ufeffwith a mark",
        "\ud83d\ude00 two lone surrogates are not one emoji",
        "é€😀" * 300_000,
        "a" * (1 << 20) + "€" + "b" * 100,
        "a" * ((1 << 20) - 1) + "\ud800" * 700_000,
        "x" * (256 << 10),
        "x" * ((256 << 10) - 1),
    ],
    ids=["line ends and NUL", "mark", "surrogate pair", "wide", "wide at a chunk's end", "surrogates", "own", "shared"],
)
def test_text_byte_for_byte(store: ContextStore, text: str) -> None:
    """No character is translated or lost, wherever the chunks are cut."""
    ref = store.put(text)
    assert load(store.local_manifest(ref)) == text
    assert (ref.kind, ref.items, ref.chars) == ("str", 1, len(text))
    assert ref.bytes == len(text.encode("utf-8", "surrogatepass"))
    assert ref.prefix == text[:500]


def test_long_and_short_texts_keep_their_order(store: ContextStore) -> None:
    """Texts with a blob of their own and texts that share one come back in the order in which they were put."""
    items = ["short", "L" * 300_000, "", "s", "M" * 300_000, "end"]
    assert back(store, items) == items


def test_many_short_texts_are_few_files(tmp_path: Path) -> None:
    """100,000 lines are a handful of files, not 100,000."""
    store = ContextStore(tmp_path, durable=False)
    items = [f"line {number} of the log" for number in range(100_000)]
    assert back(store, items) == items
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) <= 3


def test_long_strings_in_a_dict_are_kept_once(tmp_path: Path) -> None:
    """A long string inside a dict is a text of its own; equal ones and the same text elsewhere share its blob."""
    store = ContextStore(tmp_path, durable=False)
    text = "z" * 400_000
    value = {"a": [1, {"text": text}], "b": text, "huge": 7**9000, "tuple": (1, 2)}
    assert back(store, value) == value | {"tuple": [1, 2]}
    store.put(text)
    big = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.stat().st_size == len(text)]
    assert len(big) == 1


def test_the_same_content_is_the_same_context(store: ContextStore) -> None:
    """Putting a context twice gives the same reference; another content, kind or name another."""
    assert store.put(["a", "b"]) == store.put(["a", "b"])
    different = [store.put(context).sha256 for context in ("ab", ["ab"], ["a", "b"], {"a": "b"}, [Document("ab", "n")])]
    assert len(set(different)) == len(different)


def test_reference_tells_kind_and_sizes(store: ContextStore) -> None:
    """The reference has what the root model is shown."""
    assert store.put({"a": 1, "b": "two"}).kind == "dict"
    mixed = store.put([1, "two", None])
    assert (mixed.kind, mixed.items, mixed.prefix) == ("list", 3, '[1,"two",null]')
    documents = store.put([Document("é", "a"), Document("b", "b")])
    assert (documents.kind, documents.items, documents.chars, documents.bytes) == ("documents", 2, 2, 3)
    assert documents.names == ("a", "b")
    assert store.put(Document("text", "one.txt")).names == ("one.txt",)


def test_langchain_documents(store: ContextStore) -> None:
    """LangChain documents get their source as name, and dates in metadata become text."""
    day = datetime.date(2024, 5, 17)
    given_documents = [
        LangChainDocument(page_content="one", metadata={"source": "a.md", "day": day}),
        LangChainDocument(page_content="two"),
    ]
    loaded = back(store, given_documents)
    assert loaded == ["one", "two"]
    assert [document.name for document in loaded] == ["a.md", "document 1"]
    assert loaded[0].metadata == {"source": "a.md", "day": "2024-05-17"}


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (b"bytes", r"type bytes is no context: decode"),
        (None, "type NoneType"),
        ((word for word in "abc"), "make a list"),
        ({"a": [0, 0, 0, {1}]}, r"context\['a'\]\[3\]: a value of type set is no context"),
        ({"a": {1: 2}}, r"context\['a'\] has the key 1 of type int"),
        (["text", object()], r"context\[1\]: a value of type object"),
        ([LangChainDocument(page_content="x", metadata={"f": {"g": print}})], r"context\[0\].metadata\['f'\]\['g'\]"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(store: ContextStore, context: object, message: str) -> None:
    """The error says where in the context the wrong value is, and of which type."""
    with pytest.raises(ContextTypeError, match=message):
        store.put(context)


def test_a_value_that_contains_itself_is_refused(store: ContextStore) -> None:
    """A cycle is an error, not an endless loop."""
    value: dict[str, Any] = {}
    value["self"] = value
    with pytest.raises(ContextTypeError, match="contains itself"):
        store.put(value)


@pytest.mark.parametrize("context", ["", [], {}, ["", ""], [Document("", "a")]])
def test_an_empty_context_is_refused(store: ContextStore, context: object) -> None:
    """Nothing to read is an error of its own."""
    with pytest.raises(ContextEmptyError):
        store.put(context)


def test_a_str_is_never_a_path(store: ContextStore, tmp_path: Path) -> None:
    """The name of a file, put as a str, is these characters; only a Path is read."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    assert back(store, str(secret)) == str(secret)
    assert back(store, secret) == "secret"


def test_open_finds_what_was_put(store: ContextStore) -> None:
    """The manifest, not the caller, says what a context is."""
    ref = store.put(["a", "b"])
    assert store.open(ref.sha256) == ref


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "/etc/passwd", "a" * 64 + "/.."])
def test_only_a_hash_is_opened(store: ContextStore, name: str) -> None:
    """A name that is no hash never becomes a path."""
    with pytest.raises(ContextTypeError, match="64 hex digits"):
        store.open(name)


def test_an_unknown_hash_is_not_found(store: ContextStore) -> None:
    """The error names the hash and the store."""
    with pytest.raises(ContextNotFoundError, match=f"no context {'0' * 64} in the store {store.root}"):
        store.open("0" * 64)


@pytest.mark.parametrize("text", ["short text", "L" * 300_000], ids=["shared", "own"])
@pytest.mark.parametrize("damage", ["flipped", "shorter", "gone", "no UTF-8"])
def test_a_damaged_blob_is_named(tmp_path: Path, text: str, damage: str) -> None:
    """A blob that was changed, cut off or deleted is an error that names it, and putting the context again mends it."""
    store = ContextStore(tmp_path)
    context = [text, text + "!"] if len(text) < 100 else text
    ref = store.put(context)
    manifest = store.local_manifest(ref)
    [blob] = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    data = blob.read_bytes()
    blob.unlink()
    if damage != "gone":
        blob.write_bytes({"flipped": b"X" + data[1:], "shorter": data[:-1], "no UTF-8": b"\xff" + data[1:]}[damage])
    with pytest.raises(ContextError, match=blob.name):
        load(manifest)
    if damage in {"shorter", "gone"}:
        with pytest.raises(ContextError, match=blob.name):
            store.local_manifest(ref)
    store.put(context)
    assert load(manifest) == context


def test_a_damaged_manifest_is_an_error(tmp_path: Path) -> None:
    """A manifest whose hash differs from its name is not believed; putting the context again mends it."""
    store = ContextStore(tmp_path)
    ref = store.put("text")
    path = store.local_manifest(ref)
    data = path.read_bytes()
    assert b'"chars":4' in data
    path.write_bytes(data.replace(b'"chars":4', b'"chars":1'))
    with pytest.raises(ContextError, match="corrupt"):
        store.open(ref.sha256)
    with pytest.raises(ContextError, match="corrupt"):
        load(path)
    assert store.put("text") == ref
    assert load(path) == "text"


def test_a_reference_is_copied_from_the_store_that_made_it(store: ContextStore, tmp_path: Path) -> None:
    """A context in one store can be put into another, by reference."""
    ref = store.put(["a", "L" * 300_000, "b"])
    other = ContextStore(tmp_path / "other")
    copied = other.put(ref)
    assert copied.sha256 == ref.sha256
    assert copied.uri.startswith(other.root)
    assert load(other.local_manifest(copied)) == ["a", "L" * 300_000, "b"]
    assert other.put(ContextRef.from_state(ref.to_state())) == copied


def test_a_corrupt_blob_is_not_copied(tmp_path: Path) -> None:
    """Hashes are compared on the way from store to store."""
    first, second = ContextStore(tmp_path / "1"), ContextStore(tmp_path / "2")
    ref = first.put("some text")
    [blob] = [path for path in (tmp_path / "1" / "blobs").rglob("*") if path.is_file()]
    blob.write_bytes(b"some texT")
    with pytest.raises(ContextError, match="its hash differs"):
        second.put(ref)
    with pytest.raises(ContextNotFoundError):
        second.open(ref.sha256)


def test_threads_put_the_same_content(store: ContextStore) -> None:
    """Eight threads that put the same context at once end with one context, whole."""
    context = ["short", "L" * 2_000_000]
    refs: list[ContextRef] = []
    threads = [threading.Thread(target=lambda: refs.append(store.put(context))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refs) == 8
    assert len(set(refs)) == 1
    assert load(store.local_manifest(refs[0])) == context


def test_processes_put_the_same_content(tmp_path: Path) -> None:
    """Two processes that put the same context at once agree, and leave nothing unfinished."""
    code = (
        "import sys; from rlm_graph.context import ContextStore;"
        "print(ContextStore(sys.argv[1]).put(['L' * 3_000_000, 'short']).sha256)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    hashes = {process.communicate()[0].strip() for process in running}
    assert len(hashes) == 1
    store = ContextStore(tmp_path)
    assert load(store.local_manifest(store.open(hashes.pop()))) == ["L" * 3_000_000, "short"]
    assert not list((tmp_path / "incoming").iterdir())


def test_a_blob_is_written_once(tmp_path: Path) -> None:
    """Putting the same content again does not touch its file."""
    store = ContextStore(tmp_path)
    store.put("text")
    [blob] = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    inode = blob.stat().st_ino
    store.put("text")
    assert blob.stat().st_ino == inode


def test_a_refused_context_leaves_no_manifest(tmp_path: Path) -> None:
    """When a value late in a context is refused, no context appears and nothing is left unfinished."""
    store = ContextStore(tmp_path)
    with pytest.raises(ContextTypeError):
        store.put(["x" * 500_000, {"y": ["z" * 600_000, print]}])
    assert not (tmp_path / "manifests").exists()
    assert not any((tmp_path / "incoming").glob("*"))


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A root that is a file is one clear line."""
    root = tmp_path / "file"
    root.write_text("x")
    with pytest.raises(
        ContextError, match=r"the store file://.*/file cannot be written: E\w+ .*; a part of its path is a file"
    ):
        ContextStore(root).put("text")


def in_a_child(code: str, *arguments: str) -> str:
    """Run Python in a process of its own, which may be limited; returns what it prints."""
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_disk_without_room_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    """Here it is a limit on the size of files that ends a write in its middle."""
    store = ContextStore(tmp_path)
    before = store.put(["before", "L" * 300_000])
    kept = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    code = """if True:
        import resource, sys
        from rlm_graph import ContextStore, RLMError
        from rlm_graph.repl.snapshot_store import SnapshotStore
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        store = ContextStore(sys.argv[1])
        for put in (
            lambda: store.put(["before", "L" * 300_000]),
            lambda: store.put("M" * 3_000_000),
            lambda: store.put(["short " * 100 + str(number) for number in range(10_000)]),
            lambda: SnapshotStore(store.files).put(b"s" * 2_000_000, "0" * 64),
        ):
            try:
                print("put", put().sha256)
            except RLMError as error:
                print(type(error).__name__, error)
    """
    same, *errors = in_a_child(code, str(tmp_path)).splitlines()
    assert same == f"put {before.sha256}"
    wanted = f"the store {store.root} cannot be written: EFBIG File too large; raise the limit on the size of files"
    assert [error.partition(" ")[0] for error in errors] == ["ContextError", "ContextError", "REPLExecutionError"]
    assert all(wanted in error for error in errors)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.name != "key") == kept
    assert load(store.local_manifest(before)) == ["before", "L" * 300_000]


def test_a_store_that_may_only_be_read_is_read() -> None:
    """What is in it can be used; what would be written is an error that says what to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "store")
        store = ContextStore(root)
        ref = store.put(["text", "L" * 300_000])
        snapshot = SnapshotStore(store.files).put(b"root", ref.sha256)
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        code = """if True:
            import os, sys
            from rlm_graph import ContextStore, RLMError
            from rlm_graph.context.materialize import load
            from rlm_graph.repl.snapshot_store import SnapshotStore
            if os.getuid() == 0:  # who may write everywhere
                os.setgid(65534)
                os.setuid(65534)
            store = ContextStore(sys.argv[1])
            print(load(store.local_manifest(store.open(sys.argv[2])))[0])
            print(SnapshotStore(store.files).open(sys.argv[3]).root)
            for write in (
                lambda: store.put("new"),
                lambda: store.put(store.open(sys.argv[2])),
                lambda: SnapshotStore(store.files).put(b"new", "0" * 64),
                lambda: store.sweep((), (), older_than_s=0),
            ):
                try:
                    print("no error", write())
                except RLMError as error:
                    print(type(error).__name__, error)
        """
        said = in_a_child(code, str(root), ref.sha256, snapshot).splitlines()
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755)
    assert said[:2] == ["text", "b'root'"]
    why = f"the store file://{root} cannot be written: EACCES Permission denied; choose another store"
    assert [line.partition(" ")[0] for line in said[2:]] == [
        "ContextError",
        "ContextError",
        "REPLExecutionError",
        "ContextError",
    ]
    assert all(why in line for line in said[2:])


def test_a_temporary_store_goes_with_its_last_reference() -> None:
    """Its folder is deleted when it is collected; a reference to a context in it does not keep it."""
    store = ContextStore.temporary()
    folder = store.local_manifest(store.put("text")).parents[2]
    assert folder.is_dir()
    del store
    gc.collect()
    assert not folder.exists()


def test_the_process_store_goes_with_the_process_but_not_with_a_fork() -> None:
    """One temporary store per process; a child that exits leaves its parent's store alone."""
    code = (
        "import os, sys; from rlm_graph.context import process_store;"
        "store = process_store(); assert store is process_store(); ref = store.put('text');"
        "path = store.local_manifest(ref); pid = os.fork();\n"
        "if pid == 0: sys.exit(0)\n"
        "os.waitpid(pid, 0); assert path.exists(); print(path)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not Path(done.stdout.strip()).exists()
    assert process_store() is process_store()


def test_nan_and_infinities_come_back(store: ContextStore) -> None:
    """Floats that JSON has not are floats again."""
    value = back(store, {"v": [math.nan, math.inf, -math.inf, -0.0, 1e300, 2**70, True]})["v"]
    assert repr(value) == repr([math.nan, math.inf, -math.inf, -0.0, 1e300, 2**70, True])
