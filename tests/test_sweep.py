"""What nothing refers to goes, everything else stays, whatever else happens at the time."""

from __future__ import annotations

import datetime
import fcntl
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from s3 import S3Server

from rlm_graph import ContextStore
from rlm_graph.context import ContextRef, Pile
from rlm_graph.context.local_files import LocalFiles
from rlm_graph.context.materialize import load
from rlm_graph.context.object_files import ObjectFiles
from rlm_graph.errors import ConfigError, ContextNotFoundError
from rlm_graph.repl.snapshot_store import SnapshotStore
from tests.test_snapshot_store import pack, sha

HOUR = 3600.0
LONG = "L" * 300_000
OTHER = "M" * 300_000


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new store in S3."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.make_bucket()}/store"


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ContextStore:
    if request.param == "s3":
        return ContextStore(request.getfixturevalue("s3"))
    return ContextStore(tmp_path if request.param == "local" else f"memory://{uuid.uuid4().hex}", durable=False)


@pytest.fixture
def local(tmp_path: Path) -> ContextStore:
    return ContextStore(tmp_path / "store", durable=False)


def files(store: ContextStore) -> dict[str, int]:
    """All that is in a store, with lengths, as the file system sees it."""
    found = store.files
    if isinstance(found, ObjectFiles):
        return {path.removeprefix(f"{found.root}/"): found.fs.size(path) for path in found.fs.find(found.root)}
    root = Path(found.root)
    return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def own(store: ContextStore) -> dict[str, int]:
    """What it keeps under hashes."""
    return {path: size for path, size in files(store).items() if path.partition("/")[0] not in {"key", "lock"}}


def age(store: ContextStore, seconds: float = 2 * HOUR) -> None:
    """Make everything in a store older."""
    found = store.files
    if isinstance(found, ObjectFiles):
        for path in found.fs.find(found.root):
            with suppress(KeyError):  # a sweep may be under way
                found.fs.store[path].created -= datetime.timedelta(seconds=seconds)
        return
    for path in Path(found.root).rglob("*"):
        with suppress(FileNotFoundError):
            then = path.stat().st_mtime - seconds
            os.utime(path, (then, then))


def opens(store: ContextStore, context: Any) -> bool:
    """Whether a context is there, byte for byte, in the store itself."""
    with tempfile.TemporaryDirectory() as folder:
        copy = ContextStore(folder, durable=False)
        ref = ContextStore.temporary().put(context)
        store.copy_to(copy, ref.sha256)
        return bool(load(copy.local_manifest(ref)) == context)


def test_what_is_needed_stays_and_all_else_goes(store: ContextStore) -> None:
    """A context keeps the blobs that it shares; a snapshot its packs and its context."""
    kept, of_snapshot, gone = store.put([LONG, "kept"]), store.put([OTHER, "of snapshot"]), store.put([LONG, "gone"])
    snapshots = SnapshotStore(store.files)
    shared, alone = snapshots.put_pack(pack(b"shared")), snapshots.put_pack(pack(b"alone"))
    snapshot = snapshots.put(b"root", of_snapshot.sha256, [shared])
    old = snapshots.put(b"old", gone.sha256, [shared, alone])
    before = own(store)

    swept = store.sweep({kept.sha256}, {snapshot}, older_than_s=0)

    gone_paths = before.keys() - own(store).keys()
    assert {path.rpartition("/")[2] for path in gone_paths} >= {gone.sha256, old, alone}
    assert len(gone_paths) == 4  # and the blob with the short text "gone"
    assert swept.files == 4
    assert swept.bytes == sum(before[path] for path in gone_paths)
    assert (swept.manifests.files, swept.snapshots.files, swept.blobs.files) == (1, 1, 2)
    assert (swept.leftovers, swept.notes) == (Pile(), ())
    assert opens(store, [LONG, "kept"])
    assert opens(store, [OTHER, "of snapshot"])
    assert SnapshotStore(store.files).open(snapshot).part(sha(b"shared")) == b"shared"
    assert store.put([LONG, "gone"]) == gone
    assert opens(store, [LONG, "gone"])


def test_a_dry_sweep_tells_the_same_and_deletes_nothing(store: ContextStore) -> None:
    """The figures are those of the sweep that follows."""
    kept = store.put([LONG, "kept"])
    snapshots = SnapshotStore(store.files)
    snapshots.put(b"root", store.put([LONG, "gone"]).sha256, [snapshots.put_pack(pack(b"part"))])
    before = files(store)
    dry = store.sweep({kept.sha256}, (), older_than_s=0, dry=True)
    assert files(store) == before
    assert dry.files == 4
    assert store.sweep({kept.sha256}, (), older_than_s=0) == dry
    assert store.sweep({kept.sha256}, (), older_than_s=0).files == 0


def test_what_only_a_removed_run_needed_goes(store: ContextStore) -> None:
    """Not what others need, nor what is referred to by nobody known here; young snapshots only where no cell runs."""
    kept, gone, unknown = store.put([LONG, "kept"]), store.put([LONG, "gone"]), store.put([OTHER, "unknown"])
    snapshot = put_snapshot(store, b"root", gone, [1])
    put_snapshot(store, b"unknown", unknown, [1, 2])
    others = {"kept_contexts": {kept.sha256}, "kept_snapshots": ()}
    before = own(store)

    assert store.remove((), {snapshot}, **others, snapshots_older_than_s=HOUR).files == 0
    swept = store.remove({gone.sha256}, {snapshot}, **others, snapshots_older_than_s=0)

    assert (swept.manifests.files, swept.snapshots.files, swept.blobs.files) == (1, 1, 1)
    assert len(before.keys() - own(store).keys()) == 3
    assert opens(store, [LONG, "kept"])
    assert opens(store, [OTHER, "unknown"])


POOL = ["a" * 260_000, "b" * 260_000, "c" * 260_000, "d", "e", "f"]
made_contexts = st.lists(st.lists(st.sampled_from(POOL), min_size=1, max_size=4), min_size=1, max_size=5)
made_snapshots = st.lists(
    st.tuples(st.integers(0, 99), st.sets(st.integers(0, 4), max_size=3), st.binary(max_size=3)), max_size=5
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contexts=made_contexts, snapshots=made_snapshots, choose=st.randoms(use_true_random=False))
@pytest.mark.parametrize("how", ["sweep", "remove"])
def test_any_subset_is_kept_whole_and_nothing_else(
    tmp_path: Path, how: str, contexts: list[list[str]], snapshots: list[Any], choose: random.Random
) -> None:
    """After it, the files are those of a new store into which only what stays was put."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        store, fresh = (ContextStore(Path(folder, name), durable=False) for name in ("swept", "fresh"))
        put_snapshot(store, b"makes the key", contexts[0], [])
        store.sweep((), (), older_than_s=0)
        shutil.copytree(Path(folder, "swept"), Path(folder, "fresh"))
        described = [(root, contexts[index % len(contexts)], numbers) for index, numbers, root in snapshots]
        refs, ids = [store.put(context) for context in contexts], [put_snapshot(store, *one) for one in described]
        kept_refs = [index for index in range(len(refs)) if choose.random() < 0.4]
        kept_ids = [index for index in range(len(ids)) if choose.random() < 0.5]
        kept = {refs[index].sha256 for index in kept_refs}, {ids[index] for index in kept_ids}

        size = store.size(*kept)
        if how == "sweep":
            store.sweep(*kept, older_than_s=0)
        else:  # what is neither removed nor kept stays: here it shares texts and variables with all others
            for one in (store, fresh):
                one.put([*POOL, "of another"])
                put_snapshot(one, b"of another", [POOL[0], "of another"], [0, 1])
            gone = {ref.sha256 for ref in refs} - kept[0], set(ids) - kept[1]
            store.remove(*gone, kept_contexts=kept[0], kept_snapshots=kept[1], snapshots_older_than_s=0)

        for index in kept_refs:
            assert load(store.local_manifest(refs[index])) == contexts[index]
            fresh.put(contexts[index])
        for index in kept_ids:
            root, _, numbers = described[index]
            opened = SnapshotStore(store.files).open(ids[index])
            assert opened.root == root
            assert [opened.part(sha(part(number))) for number in numbers] == [part(number) for number in numbers]
            put_snapshot(fresh, *described[index])
        assert own(store) == own(fresh)
        if how == "sweep":
            assert size == sum(own(fresh).values())


def part(number: int) -> bytes:
    """A variable, as a worker encoded it."""
    return b"part %d" % number * 100


def put_snapshot(store: ContextStore, root: bytes, context: Any, numbers: Iterable[int]) -> str:
    """A snapshot of a REPL over a context, with some variables, each in a pack of its own."""
    snapshots = SnapshotStore(store.files)
    packs = [snapshots.put_pack(pack(part(number))) for number in sorted(numbers)]
    return snapshots.put(root, store.put(context).sha256, packs)


@pytest.mark.parametrize("store", ["local", "memory"], indirect=True)
def test_what_is_young_stays_with_what_it_needs(store: ContextStore) -> None:
    """A context or a snapshot that nothing refers to yet, and older things that it needs."""
    old, young = [LONG, "old"], [LONG, "young"]
    of_snapshot = store.put([OTHER, "of snapshot"])
    snapshots = SnapshotStore(store.files)
    packs = [snapshots.put_pack(pack(b"part"))]
    store.put(old)
    age(store)
    store.put(young)
    snapshot = snapshots.put(b"root", of_snapshot.sha256, packs)
    swept = store.sweep((), (), older_than_s=HOUR)
    assert (swept.manifests.files, swept.blobs.files) == (1, 1)
    assert opens(store, young)
    assert opens(store, [OTHER, "of snapshot"])
    assert snapshots.open(snapshot).part(sha(b"part")) == b"part"
    age(store)
    store.sweep((), (), older_than_s=HOUR)
    assert own(store) == {}


@pytest.mark.parametrize("store", ["local", "memory"], indirect=True)
@pytest.mark.parametrize("again", ["put", "put the reference", "renew"])
def test_what_is_used_again_is_young(store: ContextStore, again: str) -> None:
    """An old context that is put again, or renewed, stays; a pack and a snapshot likewise."""
    context = [LONG, OTHER, "text"]
    ref = store.put(context)
    snapshots = SnapshotStore(store.files)
    age(store)
    if again == "put":
        store.put(context)
    elif again == "put the reference":
        store.put(ref)
    else:
        store.renew(ref.sha256)
    assert store.sweep((), (), older_than_s=HOUR).files == 0
    packs = [snapshots.put_pack(pack(b"part"))]
    snapshot = snapshots.put(b"root", ref.sha256, packs)
    age(store)
    assert snapshots.put(b"root", ref.sha256, [snapshots.put_pack(pack(b"part"))]) == snapshot
    assert store.sweep((), (), older_than_s=HOUR).files == 0
    assert opens(store, context)


def test_a_context_that_is_gone_cannot_be_renewed(store: ContextStore) -> None:
    """In whole or in part: what it is made of is needed to put it again."""
    ref = store.put([LONG, "text"])
    [blob] = (path for path, size in files(store).items() if size == len(LONG))
    remove(store, blob)
    with pytest.raises(ContextNotFoundError, match="no blob"):
        store.renew(ref.sha256)
    store.sweep((), (), older_than_s=0)
    with pytest.raises(ContextNotFoundError, match="no context"):
        store.renew(ref.sha256)


def remove(store: ContextStore, path: str) -> None:
    """Delete a file by hand."""
    if isinstance(store.files, ObjectFiles):
        store.files.fs.rm_file(f"{store.files.root}/{path}")
    else:
        Path(store.files.root, path).unlink()


def write(store: ContextStore, path: str, data: bytes) -> None:
    """Write a file by hand."""
    if isinstance(store.files, ObjectFiles):
        store.files.fs.pipe_file(f"{store.files.root}/{path}", data)
    else:
        target = Path(store.files.root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def test_files_of_others_are_left_alone(store: ContextStore) -> None:
    """Databases in the same root, the key, other names, also below the store's own folders."""
    put_snapshot(store, b"root", store.put("text"), [1])
    name = "ab" * 32
    others = [
        "journal.sqlite",
        "checkpoints.sqlite",
        "blobs/README",
        "blobs/ab/notes",
        f"blobs/{name}",
        f"blobs/cd/{name}",
        f"blobs/ab/{name}.bak",
        f"blobs/AB/{name.upper()}",
        f"blobs/ab/deep/{name}",
        f"blobs/deep/ab/{name}",
        f"blobs/old-ab/{name}",
        f"incoming/{name}.part",
        f"sweeping/{name}.part",
        f"other/ab/{name}",
        name,
    ]
    for path in others:
        write(store, path, b"not ours")
    store.sweep((), (), older_than_s=0)
    assert files(store).keys() - {"lock"} == {*others, "key"}


def test_links_are_left_alone(local: ContextStore, tmp_path: Path) -> None:
    """A link under a hash is somebody's own arrangement, and so is where it leads."""
    target = tmp_path / "precious"
    target.write_text("x")
    link = Path(local.files.path("blobs", "ab" * 32))
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    local.sweep((), (), older_than_s=0)
    assert link.is_symlink()
    assert target.exists()


def test_leftovers_of_killed_processes_go_when_they_are_old(local: ContextStore) -> None:
    """A file that a writer had not finished; one that is being written is young."""
    code = (
        "import sys, signal; from rlm_graph.context import ContextStore\n"
        "item = ContextStore(sys.argv[1]).writer().item(); item.write(b'x' * 400_000, 400_000)\n"
        "signal.raise_signal(signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, local.files.root], check=False)
    [left] = own(local)
    assert left.startswith("incoming/")
    assert local.sweep((), (), older_than_s=HOUR).files == 0
    age(local)
    with local.writer().item() as item:
        item.write(b"y" * 400_000, 400_000)
        swept = local.sweep((), (), older_than_s=HOUR)
        assert swept.leftovers == Pile(1, 400_000)
        assert left not in own(local)
    local.sweep((), (), older_than_s=0)
    assert own(local) == {}


@pytest.mark.parametrize("store", ["memory"], indirect=True)
def test_the_notice_of_a_killed_sweep_goes_when_it_is_old(store: ContextStore) -> None:
    """As other leftovers do."""
    write(store, f"sweeping/{'a' * 64}", b"")
    assert store.sweep((), (), older_than_s=HOUR).files == 0
    age(store)
    assert store.sweep((), (), older_than_s=HOUR).leftovers == Pile(1, 0)
    assert own(store) == {}


@pytest.mark.parametrize("damaged", ["snapshot", "context"])
def test_nothing_is_deleted_that_something_damaged_may_need(store: ContextStore, damaged: str) -> None:
    """When it is unknown what something needs, no context and no blob goes; the rest does, and a note says why."""
    ref = store.put([LONG, "text"])
    store.put([OTHER, "other"])
    kept, other = put_snapshot(store, b"root", ref, [1, 2]), put_snapshot(store, b"other", ref, [3])
    path = f"snapshots/{kept[:2]}/{kept}" if damaged == "snapshot" else f"manifests/{ref.sha256[:2]}/{ref.sha256}"
    write(store, path, b"something else")
    before = own(store)
    swept = store.sweep({ref.sha256}, {kept}, older_than_s=0)
    assert before.keys() - own(store).keys() == {f"snapshots/{other[:2]}/{other}"}
    [note] = swept.notes
    assert (kept if damaged == "snapshot" else ref.sha256) in note
    assert "no context and no blob was deleted" in note
    assert store.sweep((), (), older_than_s=0).notes == ()  # nobody needs it any more
    assert own(store) == {}


def test_what_is_missing_is_told(store: ContextStore) -> None:
    """It needs nothing more; ids that were never stored are passed over."""
    ref = store.put("text")
    swept = store.sweep({ref.sha256, "0" * 64}, {"1" * 64, "blank-123", "../../etc/passwd"}, older_than_s=0)
    assert [note.partition(": ")[2] for note in swept.notes] == [
        f"1 of kind snapshot: {'1' * 64}",
        f"1 of kind context: {'0' * 64}",
    ]
    assert opens(store, "text")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """There is nothing to delete, and nothing to count."""
    store = ContextStore(tmp_path / "none")
    assert store.sweep({"0" * 64}, (), older_than_s=0).files == 0
    assert store.size({"0" * 64}, {"1" * 64}) == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("older_than_s", [-1, float("nan"), float("inf")])
def test_an_age_that_is_none_is_refused(local: ContextStore, older_than_s: float) -> None:
    """With its value."""
    with pytest.raises(ConfigError, match=f"older_than_s: {older_than_s} is not allowed"):
        local.sweep((), (), older_than_s=older_than_s)


def test_the_size_counts_each_file_once(store: ContextStore) -> None:
    """What is shared, also between contexts and snapshots; what is missing takes nothing."""
    one, two = store.put([LONG, "one"]), store.put([LONG, "two"])
    snapshot = put_snapshot(store, b"root", one, [1, 2])
    store_bytes = sum(size for path, size in own(store).items())
    assert store.size({one.sha256, two.sha256}, {snapshot, "0" * 64}) == store_bytes
    alone = ContextStore.temporary()
    alone.put([LONG, "two"])
    assert store.size({two.sha256}, ()) == sum(own(alone).values())


def test_a_put_that_lasts_longer_than_sweeps_spare_fails_at_its_end(local: ContextStore) -> None:
    """It never leaves a context that lacks a part."""
    writer = local.writer()
    writer.add_text(LONG)
    age(local)
    local.sweep((), (), older_than_s=HOUR)
    writer.add_text("more")
    with pytest.raises(ContextNotFoundError, match="deleted while it was put"):
        writer.finish("list[str]")
    assert not [path for path in own(local) if path.startswith("manifests/")]


def test_snapshots_that_may_have_been_put_last_are_found(store: ContextStore) -> None:
    """Those over a context that are not older than an hour before a time; not those that are known, nor the damaged."""
    ref, other = store.put([LONG, "text"]), store.put([OTHER, "other"])
    snapshot, known, damaged = (put_snapshot(store, root, ref, [1]) for root in (b"one", b"known", b"damaged"))
    put_snapshot(store, b"of another", other, [1])
    write(store, f"snapshots/{damaged[:2]}/{damaged}", b"something else")
    now = time.time()
    assert store.snapshots_over({ref.sha256: now}) == {snapshot, known}
    assert store.snapshots_over({ref.sha256: now + HOUR / 2}, besides={known}) == {snapshot}
    assert store.snapshots_over({ref.sha256: now + HOUR + 60, "0" * 64: 0.0}) == set()
    assert store.snapshots_over({}) == set()


def test_a_sweep_that_is_killed_leaves_a_store_that_works(local: ContextStore) -> None:
    """At whatever instant: what is kept opens, nothing refers to what is gone, and the next sweep does the rest."""
    code = (
        "import sys; from rlm_graph.context import ContextStore\n"
        "store = ContextStore(sys.argv[1]); print('go', flush=True)\n"
        "store.sweep({sys.argv[2]}, {sys.argv[3]}, older_than_s=0)"
    )
    kept = local.put([LONG, *map(str, range(1000))])
    snapshot = put_snapshot(local, b"root", kept, range(5))
    for number in range(500):
        put_snapshot(local, b"%d" % number, local.put([LONG, f"context {number}"]), [number % 5, 10 + number])
    seed = random.randrange(1 << 30)
    choose, kills = random.Random(seed), 0
    for tries in itertools.count(1):
        command = [sys.executable, "-c", code, local.files.root, kept.sha256, snapshot]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as sweeping:
            assert sweeping.stdout is not None
            sweeping.stdout.readline()
            if tries < 6:
                time.sleep(choose.random() * 0.03)
                sweeping.send_signal(signal.SIGKILL)
        kills += sweeping.returncode == -signal.SIGKILL
        assert opens(local, [LONG, *map(str, range(1000))]), seed
        assert len(SnapshotStore(local.files).open(snapshot).packs) == 5, seed
        for stored in local.files.stored("manifests"):
            local.local_manifest(ContextRef("", stored.name, "list[str]", 1, 1, 1, ""))  # it has all its blobs
        if sweeping.returncode == 0:
            break
    assert kills >= 2
    alone = ContextStore.temporary()
    alone.put([LONG, *map(str, range(1000))])
    assert len(own(local)) == len(own(alone)) + 6


@pytest.mark.parametrize("store", ["local", "memory"], indirect=True)
def test_a_file_is_looked_at_again_before_it_is_deleted(store: ContextStore) -> None:
    """It may have been renewed since its folder was listed."""
    ref, context = store.put("text"), store.put(["other"])
    age(store)
    listed = list(store.files.stored("blobs"))
    store.renew(ref.sha256)
    [deleted] = store.files.delete(listed, until=time.time() - HOUR)
    assert deleted in listed
    assert opens(store, "text")
    assert not list(store.files.delete([deleted], until=time.time()))  # by another sweep
    with pytest.raises(ContextNotFoundError):
        store.renew(context.sha256)


def test_a_sweep_waits_for_who_decides_to_use_a_file(local: ContextStore) -> None:
    """What was renewed in the meantime stays; and who wants to use a file waits for the sweep."""
    ref = local.put("text")
    age(local)
    files = local.files
    assert isinstance(files, LocalFiles)
    with ThreadPoolExecutor(1) as pool:
        with files.lock(fcntl.LOCK_SH):
            swept = pool.submit(local.sweep, (), (), older_than_s=HOUR)
            with pytest.raises(TimeoutError):
                swept.result(timeout=0.3)
            for path in (path for folder in ("blobs", "manifests") for path in files.stored(folder)):
                assert files.renewed(path.path, path.bytes)
        assert swept.result().files == 0
        with files.lock(fcntl.LOCK_EX):
            renewed = pool.submit(local.renew, ref.sha256)
            with pytest.raises(TimeoutError):
                renewed.result(timeout=0.3)
        renewed.result()


@contextmanager
def sweeping(store: ContextStore) -> Iterator[list[int]]:
    """Sweep again and again in a thread; gives how many files that deletes."""
    deleted, ended, failures = [0], threading.Event(), list[BaseException]()

    def sweep() -> None:
        try:
            while not ended.is_set():
                deleted[0] += store.sweep((), (), older_than_s=HOUR).files
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield deleted
    finally:
        ended.set()
        thread.join()
    assert failures == []


@pytest.mark.parametrize("store", ["local", "memory"], indirect=True)
def test_what_is_put_again_beside_a_sweep_is_there(store: ContextStore) -> None:
    """Old content that is about to be deleted, and is used again at that instant, is whole when `put` returns."""
    contexts = [["x" * 260_000 + str(number), f"short {number}"] for number in range(4)]
    other = ContextStore(store.root, durable=False)
    until = time.monotonic() + 2
    rounds = 0
    with sweeping(other) as deleted:
        while time.monotonic() < until or rounds < 3:
            rounds += 1
            for context in contexts:
                store.put(context)
                age(store)
                store.put(context)
                assert opens(store, context)
    assert deleted[0] > 0  # it was a race
