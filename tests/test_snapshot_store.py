"""Snapshots at rest: opaque, content-addressed, and refused when they were changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rlm_graph import ContextStore, REPLExecutionError
from rlm_graph.context.files import Files
from rlm_graph.repl.snapshot_store import SnapshotStore, needs


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """Files on a local disk, and on a remote file system."""
    return files_at(tmp_path if request.param == "local" else f"memory://{tmp_path.name}")


def files_at(root: Path | str) -> Files:
    """The files of a store."""
    return ContextStore(root, durable=False).files


CONTEXT = "ab" * 32
"""The hash of the context of a REPL."""


def sha(data: bytes) -> str:
    """The hash of a blob."""
    return hashlib.sha256(data).hexdigest()


def pack(*datas: bytes) -> dict[str, bytes]:
    """Parts under their hashes."""
    return {sha(data): data for data in datas}


def test_what_is_put_comes_back(files: Files) -> None:
    """Also through another store object over the same root, which finds the same key."""
    store = SnapshotStore(files)
    packs = [store.put_pack(pack(b"one", b"")), store.put_pack(pack(b"three" * 1000))]
    snapshot = store.put(b"root \x00\xff", CONTEXT, packs)
    other = SnapshotStore(files)
    opened = other.open(snapshot)
    assert (opened.root, opened.packs) == (b"root \x00\xff", packs)
    assert [opened.part(sha(data)) for data in (b"three" * 1000, b"one", b"")] == [b"three" * 1000, b"one", b""]
    assert other.put(b"root \x00\xff", CONTEXT, packs) == snapshot


def test_a_snapshot_belongs_to_its_context(files: Files) -> None:
    """Its variables may refer to pieces of it."""
    store = SnapshotStore(files)
    snapshot = store.put(b"root", CONTEXT)
    assert store.belongs(snapshot, CONTEXT)
    assert not store.belongs(snapshot, "cd" * 32)
    assert not store.belongs("0" * 64, CONTEXT)
    assert not store.belongs("blank-1", CONTEXT)


@pytest.mark.parametrize(
    "change", [lambda d: d[:-1], lambda d: d + b"x", lambda d: bytes([d[0] ^ 1]) + d[1:], lambda d: b""]
)
def test_a_changed_snapshot_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Root or pack."""
    store = SnapshotStore(files_at(tmp_path))
    parts = store.put_pack(pack(b"part"))
    snapshot = store.put(b"root", CONTEXT, [parts])
    path = tmp_path / "blobs" / parts[:2] / parts
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(REPLExecutionError, match="was changed"):
        store.open(snapshot).part(sha(b"part"))
    path = tmp_path / "snapshots" / snapshot[:2] / snapshot
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(REPLExecutionError, match="was changed"):
        store.open(snapshot)


def test_a_snapshot_without_the_key_is_refused(tmp_path: Path) -> None:
    """Somebody who can write files, and names them by their hashes, still cannot make one."""
    store = SnapshotStore(files_at(tmp_path))
    store.put(b"root", CONTEXT)
    forged = files_at(tmp_path).write("snapshots", b"t" * 32 + b"forged root")
    with pytest.raises(REPLExecutionError, match="key"):
        store.open(forged)


def test_a_snapshot_of_another_store_is_refused(tmp_path: Path) -> None:
    """Each store has a key of its own."""
    first, second = (SnapshotStore(files_at(tmp_path / name)) for name in ("a", "b"))
    second.put(b"other", CONTEXT)
    data = (tmp_path / "a/snapshots" / (name := first.put(b"root", CONTEXT))[:2] / name).read_bytes()
    moved = files_at(tmp_path / "b").write("snapshots", data)
    with pytest.raises(REPLExecutionError, match="key"):
        second.open(moved)


def test_missing_parts_and_false_names_are_told(files: Files) -> None:
    """A worker's word for a hash is not taken."""
    store = SnapshotStore(files)
    assert not store.has("0" * 64)
    assert not store.has("../../etc/passwd")
    with pytest.raises(REPLExecutionError, match="gone"):
        store.open("0" * 64)
    with pytest.raises(REPLExecutionError, match="missing"):
        store.open(store.put(b"root", CONTEXT, [store.put_pack(pack(b"one"))])).part(sha(b"other"))
    with pytest.raises(REPLExecutionError, match="wrongly"):
        store.put_pack({sha(b"other"): b"part"})


def test_the_key_is_the_owners(tmp_path: Path) -> None:
    """Nobody else may read it, and two who make it at once agree."""
    stores = [SnapshotStore(files_at(tmp_path)) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda store: store.put(b"root", CONTEXT), stores))) == 1
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("key")] == ["key"]


def test_a_key_that_is_damaged_or_gone_is_told(tmp_path: Path) -> None:
    """No other one is made to read with; and one that is put back opens what it has made."""
    snapshot = SnapshotStore(files_at(tmp_path)).put(b"root", CONTEXT)
    key = (tmp_path / "key").read_bytes()
    (tmp_path / "key").write_bytes(key[:-1])
    for use in (lambda store: store.open(snapshot), lambda store: store.put(b"other", CONTEXT)):
        with pytest.raises(
            REPLExecutionError, match=f"key is damaged: {tmp_path}/key has 31 bytes, not 32; put it back"
        ):
            use(SnapshotStore(files_at(tmp_path)))
    (tmp_path / "key").unlink()
    with pytest.raises(REPLExecutionError, match=f"key is gone: there is no {tmp_path}/key, .* put it back"):
        SnapshotStore(files_at(tmp_path)).belongs(snapshot, CONTEXT)
    assert not (tmp_path / "key").exists()
    (tmp_path / "key").write_bytes(key)
    assert SnapshotStore(files_at(tmp_path)).open(snapshot).root == b"root"


def test_what_a_snapshot_needs_is_known_without_the_key(files: Files) -> None:
    """A sweep asks that; what was changed is not believed, and what was forged needs nothing."""
    store = SnapshotStore(files)
    packs = [store.put_pack(pack(b"one")), store.put_pack(pack(b"two"))]
    snapshot = store.put(b"root", CONTEXT, packs)
    data = files.read(files.path("snapshots", snapshot))
    assert needs(data, snapshot) == (CONTEXT, packs)
    with pytest.raises(REPLExecutionError, match=f"{snapshot} was changed"):
        needs(data + b"x", snapshot)
    for forged in (b"", data[:80], data[:64] + b"\xff" * 60):
        assert needs(forged, sha(forged)) == ("", [])
