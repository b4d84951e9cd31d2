"""Snapshots at rest: opaque, content-addressed, and refused when they were changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rlm_graph import REPLExecutionError
from rlm_graph.context.blobs import Files
from rlm_graph.repl.snapshot_store import SnapshotStore


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    """Files on a local disk, and on a remote file system."""
    return Files(tmp_path if request.param == "local" else f"memory://{tmp_path.name}", durable=False)


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


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"y" + d[1:], lambda d: b""])
def test_a_changed_snapshot_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Root or pack."""
    store = SnapshotStore(Files(tmp_path, durable=False))
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
    store = SnapshotStore(Files(tmp_path, durable=False))
    store.put(b"root", CONTEXT)
    forged = Files(tmp_path, durable=False).write("snapshots", b"t" * 32 + b"forged root")
    with pytest.raises(REPLExecutionError, match="key"):
        store.open(forged)


def test_a_snapshot_of_another_store_is_refused(tmp_path: Path) -> None:
    """Each store has a key of its own."""
    first, second = (SnapshotStore(Files(tmp_path / name, durable=False)) for name in ("a", "b"))
    second.put(b"other", CONTEXT)
    data = (tmp_path / "a/snapshots" / (name := first.put(b"root", CONTEXT))[:2] / name).read_bytes()
    moved = Files(tmp_path / "b", durable=False).write("snapshots", data)
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
    stores = [SnapshotStore(Files(tmp_path, durable=False)) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda store: store.put(b"root", CONTEXT), stores))) == 1
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("key")] == ["key"]
