"""What contexts and snapshots need of a store: how many bytes that is, and deleting all the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rlm_graph.context.files import T, reason
from rlm_graph.context.materialize import read_manifest
from rlm_graph.context.ref import is_sha256
from rlm_graph.errors import ConfigError, ContextError, REPLExecutionError
from rlm_graph.repl.snapshot_store import Needs, needs

if TYPE_CHECKING:
    from rlm_graph.context.files import Files, Folder, Stored

SAFE_AGE_S: Final = 3600.0
"""Seconds from which on a sweep may delete beside runs that begin: see :meth:`ContextStore.sweep`."""

_SHOWN = 5


@dataclass(frozen=True)
class Pile:
    """Files of one sort."""

    files: int = 0

    bytes: int = 0
    """What they take together."""


@dataclass(frozen=True)
class Swept:
    """What a sweep has deleted, or a dry one would."""

    manifests: Pile
    """Contexts."""

    blobs: Pile
    """Texts of contexts, and variables of snapshots."""

    snapshots: Pile

    leftovers: Pile
    """Files that killed processes had not finished."""

    notes: tuple[str, ...] = ()
    """Sentences on what is missing or damaged, and was to be kept."""

    @property
    def files(self) -> int:
        """How many files it is in all."""
        return sum(pile.files for pile in self._piles)

    @property
    def bytes(self) -> int:
        """What they take together."""
        return sum(pile.bytes for pile in self._piles)

    @property
    def _piles(self) -> tuple[Pile, ...]:
        return self.manifests, self.blobs, self.snapshots, self.leftovers


def sweep(
    files: Files, contexts: Collection[str], snapshots: Collection[str], *, older_than_s: float, dry: bool
) -> Swept:
    """Delete what these, and what is young, do not need: see :meth:`ContextStore.sweep`."""
    if not 0 <= older_than_s < math.inf:
        raise ConfigError(f"older_than_s: {older_than_s!r} is not allowed: must be a number of seconds, 0 or more")
    until = time.time() - older_than_s
    with files.clear_errors("read"):
        return _sweep(files, contexts, snapshots, until, dry=dry)


def snapshots_over(files: Files, contexts: Mapping[str, float], besides: Collection[str]) -> set[str]:
    """Return the snapshots over some contexts that are not too old: see :meth:`ContextStore.snapshots_over`."""

    def context_of(file: Stored) -> tuple[Stored, str]:
        try:
            return file, needs(files.read(file.path), file.name).context
        except (OSError, REPLExecutionError):  # it is gone, or could not be opened
            return file, ""

    since = {context: time - SAFE_AGE_S for context, time in contexts.items()}
    if not since:
        return set()
    first = min(since.values())
    with files.clear_errors("read"):
        found = (file for file in files.stored("snapshots") if file.time >= first and file.name not in besides)
        return {file.name for file, over in files.each(context_of, found) if file.time >= since.get(over, math.inf)}


def remove(
    files: Files,
    contexts: Collection[str],
    snapshots: Collection[str],
    *,
    kept_contexts: Collection[str],
    kept_snapshots: Collection[str],
    contexts_older_than_s: float,
    snapshots_older_than_s: float,
) -> Swept:
    """Delete what these need, and nothing else that is in the store: see :meth:`ContextStore.remove`."""
    now = time.time()
    until = now - contexts_older_than_s, now - snapshots_older_than_s
    with files.clear_errors("read"):
        return _remove(files, contexts, snapshots, kept_contexts, kept_snapshots, *until)


def size(files: Files, contexts: Collection[str], snapshots: Collection[str]) -> int:
    """Return how many bytes these take: see :meth:`ContextStore.size`."""
    needed = _Needed(files)
    needed.add_snapshots(snapshots)
    needed.add_contexts(contexts)
    with files.clear_errors("read"):
        return sum(found.bytes for found in files.each(files.find, needed.paths()) if found is not None)


def _sweep(files: Files, contexts: Collection[str], snapshots: Collection[str], until: float, *, dry: bool) -> Swept:
    def delete(found: Iterable[Stored]) -> Pile:
        unneeded = (file for file in found if file.time <= until)
        return _pile(unneeded if dry else files.delete(unneeded, until=until))

    needed = _Needed(files)
    needed.add_contexts(contexts)
    needed.add_snapshots(snapshots)
    needed.add_snapshots(file.name for file in files.stored("snapshots") if file.time > until)
    gone_snapshots = delete(file for file in files.stored("snapshots") if file.name not in needed.snapshots)

    needed.add_contexts(file.name for file in files.stored("manifests") if file.time > until)
    unneeded = (file for file in files.stored("manifests") if file.name not in needed.contexts)
    gone_manifests = delete(unneeded if needed.known else ())

    if not dry:  # what was put, or put again, since the folders were looked through: all that is left is needed
        needed.add_snapshots(file.name for file in files.stored("snapshots"))
        needed.add_contexts(file.name for file in files.stored("manifests"))
    unneeded = (file for file in files.stored("blobs") if file.name not in needed.blobs)
    gone_blobs = delete(unneeded if needed.known else ())
    return Swept(gone_manifests, gone_blobs, gone_snapshots, delete(files.leftovers()), tuple(needed.notes()))


def _remove(
    files: Files,
    contexts: Collection[str],
    snapshots: Collection[str],
    kept_contexts: Collection[str],
    kept_snapshots: Collection[str],
    texts_until: float,
    snapshots_until: float,
) -> Swept:
    def delete(folder: Folder, names: Iterable[str], until: float) -> Pile:
        found = files.each(files.find, [files.path(folder, name) for name in sorted(names)])
        return _pile(files.delete((file for file in found if file is not None and file.time <= until), until=until))

    own, of_contexts, kept = _Needed(files), _Needed(files), _Needed(files)
    own.add_snapshots(snapshots)
    own.add_contexts(contexts)
    of_contexts.add_contexts(own.contexts)
    kept.add_snapshots(kept_snapshots)
    kept.add_contexts(kept_contexts)
    gone_snapshots = delete("snapshots", own.snapshots - kept.snapshots, snapshots_until)
    kept.add_snapshots(file.name for file in files.stored("snapshots"))  # it is not known here who needs those
    gone_manifests = delete("manifests", own.contexts - kept.contexts if kept.known else (), texts_until)
    kept.add_contexts(file.name for file in files.stored("manifests"))
    texts = of_contexts.blobs - kept.blobs if kept.known else set()
    packs = own.blobs - of_contexts.blobs - kept.blobs if kept.known else set()
    blobs = [delete("blobs", texts, texts_until), delete("blobs", packs, snapshots_until)]
    gone_blobs = Pile(sum(pile.files for pile in blobs), sum(pile.bytes for pile in blobs))
    return Swept(gone_manifests, gone_blobs, gone_snapshots, Pile(), tuple(kept.notes()))


class _Needed:
    """Snapshots and contexts, and what they need."""

    def __init__(self, files: Files) -> None:
        self.snapshots: set[str] = set()
        self.contexts: set[str] = set()
        self.blobs: set[str] = set()
        self._files = files
        self._missing: dict[str, list[str]] = {"snapshot": [], "context": []}
        self._damaged: list[str] = []

    @property
    def known(self) -> bool:
        """Whether it is known of all of them what they need."""
        return not self._damaged

    def add_snapshots(self, ids: Iterable[str]) -> None:
        """Add snapshots, with their packs and contexts. Ids of states that were never kept are passed over."""
        new = [sha256 for sha256 in dict.fromkeys(ids) if is_sha256(sha256) and sha256 not in self.snapshots]
        self.snapshots.update(new)
        contexts = []
        for found in self._files.each(self._read_snapshot, new):
            if found is not None:
                contexts.append(found.context)
                self.blobs.update(found.packs)
        self.add_contexts(contexts)

    def add_contexts(self, ids: Iterable[str]) -> None:
        """Add contexts, with their blobs."""
        new = [sha256 for sha256 in dict.fromkeys(ids) if is_sha256(sha256) and sha256 not in self.contexts]
        self.contexts.update(new)
        for found in self._files.each(self._read_manifest, new):
            if found is not None:
                self.blobs.update(sha256 for sha256, _ in found["blobs"])

    def paths(self) -> Iterator[str]:
        """Yield the paths of all of it."""
        folders: dict[Folder, set[str]] = {
            "snapshots": self.snapshots,
            "manifests": self.contexts,
            "blobs": self.blobs,
        }
        return (self._files.path(folder, sha256) for folder, names in folders.items() for sha256 in names)

    def notes(self) -> Iterator[str]:
        """Say what is missing, and what is damaged."""
        for kind, missing in self._missing.items():
            if missing:
                more = ", ..." if len(missing) > _SHOWN else ""
                names = ", ".join(sorted(missing)[:_SHOWN])
                yield f"not in the store, and to be kept: {len(missing):,} of kind {kind}: {names}{more}"
        for why in self._damaged[:_SHOWN]:
            yield f"{why}; what it needs is unknown, so that no context and no blob was deleted"

    def _read_snapshot(self, sha256: str) -> Needs | None:
        return self._read("snapshot", "snapshots", sha256, needs)

    def _read_manifest(self, sha256: str) -> dict[str, Any] | None:
        return self._read("context", "manifests", sha256, read_manifest)

    def _read(self, kind: str, folder: Folder, sha256: str, parse: Callable[[bytes, str], T]) -> T | None:
        try:
            return parse(self._files.read(self._files.path(folder, sha256)), sha256)
        except FileNotFoundError:
            self._missing[kind].append(sha256)
        except OSError as error:
            self._damaged.append(f"the {kind} {sha256} cannot be read: {reason(error)}")
        except (ContextError, REPLExecutionError) as error:
            self._damaged.append(str(error))
        return None


def _pile(files: Iterable[Stored]) -> Pile:
    count = total = 0
    for file in files:
        count += 1
        total += file.bytes
    return Pile(count, total)
