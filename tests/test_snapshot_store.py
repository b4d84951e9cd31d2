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


def sha(data: bytes) -> str:
    """The hash of a blob."""
    return hashlib.sha256(data).hexdigest()


def test_what_is_put_comes_back(files: Files) -> None:
    """Also through another store object over the same root, which finds the same key."""
    store = SnapshotStore(files)
    store.put_blob(sha(b"part"), b"part")
    snapshot = store.put(b"root \x00\xff")
    other = SnapshotStore(files)
    assert other.has(snapshot)
    assert (other.root(snapshot), other.blob(sha(b"part"))) == (b"root \x00\xff", b"part")
    assert other.put(b"root \x00\xff") == snapshot


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"y" + d[1:], lambda d: b""])
def test_a_changed_snapshot_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Root or part."""
    store = SnapshotStore(Files(tmp_path, durable=False))
    store.put_blob(sha(b"part"), b"part")
    snapshot = store.put(b"root")
    for folder, name, read in (("snapshots", snapshot, store.root), ("blobs", sha(b"part"), store.blob)):
        path = tmp_path / folder / name[:2] / name
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(REPLExecutionError, match="was changed"):
            read(name)


def test_a_snapshot_without_the_key_is_refused(tmp_path: Path) -> None:
    """Somebody who can write files, and names them by their hashes, still cannot make one."""
    store = SnapshotStore(Files(tmp_path, durable=False))
    store.put(b"root")
    forged = Files(tmp_path, durable=False).write("snapshots", b"t" * 32 + b"forged root")
    with pytest.raises(REPLExecutionError, match="key"):
        store.root(forged)


def test_a_snapshot_of_another_store_is_refused(tmp_path: Path) -> None:
    """Each store has a key of its own."""
    first, second = (SnapshotStore(Files(tmp_path / name, durable=False)) for name in ("a", "b"))
    second.put(b"other")
    data = (tmp_path / "a/snapshots" / (name := first.put(b"root"))[:2] / name).read_bytes()
    moved = Files(tmp_path / "b", durable=False).write("snapshots", data)
    with pytest.raises(REPLExecutionError, match="key"):
        second.root(moved)


def test_missing_parts_and_false_names_are_told(files: Files) -> None:
    """A worker's word for a hash is not taken."""
    store = SnapshotStore(files)
    assert not store.has("0" * 64)
    assert not store.has("../../etc/passwd")
    with pytest.raises(REPLExecutionError, match="gone"):
        store.root("0" * 64)
    with pytest.raises(REPLExecutionError, match="wrongly"):
        store.put_blob(sha(b"other"), b"part")


def test_the_key_is_the_owners(tmp_path: Path) -> None:
    """Nobody else may read it, and two who make it at once agree."""
    stores = [SnapshotStore(Files(tmp_path, durable=False)) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda store: store.put(b"root"), stores))) == 1
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("key")] == ["key"]
