"""What `rlm-graph rm` and `rlm-graph gc` do: runs are removed, and what no run refers to any more."""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Sequence

from rlm_graph.blocking import run_blocking
from rlm_graph.cli.ending import INTERRUPTED
from rlm_graph.cli.person import is_there
from rlm_graph.cli.run_names import shown_status, unknown_run
from rlm_graph.cli.screen import Screen, counted, size, write_json
from rlm_graph.cli.storage import Storage
from rlm_graph.context.sweep import SAFE_AGE_S, Swept
from rlm_graph.errors import ConfigError
from rlm_graph.journal.journal import Journal, Referred

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def rm(names: Sequence[str], *, yes: bool, store: str | None, database: str | None, as_json: bool) -> int:
    """Remove runs, and return the exit code.

    Among the names there may be patterns, such as `questions.*`.

    Raises:
        RunNotFoundError: there is no run of one of these names; none is removed.
        RunBusyError: somebody carries one of them out; none is removed.
    """
    screen = Screen()
    with Storage(store, database) as storage:
        names = _matching(names, storage)
        found = [storage.find(name) for name in names]
        for name in names:
            storage.refuse_busy(name)
        if not yes and is_there(screen):
            for run in found:
                screen.say(f"{run.name}: {shown_status(run)}")
            what = "it" if len(names) == 1 else f"these {len(names)} runs"
            if screen.console.input(f"remove {what}? (y/N) ").strip().lower() not in ("y", "yes"):
                screen.say("nothing was removed")
                return INTERRUPTED
        freed = remove_runs(storage, names)
    _warn(freed, screen)
    if as_json:
        write_json({"removed": names, "files": freed.files, "bytes": freed.bytes})
    else:
        screen.say(f"removed {counted(len(names), 'run')}, {counted(freed.files, 'file')}, {size(freed.bytes)}")
    return 0


def gc(*, older_than: str, dry_run: bool, store: str | None, database: str | None, as_json: bool) -> int:
    """Delete what no run refers to, and return the exit code.

    Raises:
        ConfigError: `older_than` is no length of time.
    """
    screen, older_than_s = Screen(), seconds(older_than)
    with Storage(store, database) as storage:
        contexts, snapshots = storage.journal.references("context"), _kept_snapshots(storage)
        freed = storage.contexts.sweep(contexts, snapshots, older_than_s=older_than_s, dry=dry_run)
    _warn(freed, screen)
    if as_json:
        write_json({"dry_run": dry_run, "files": freed.files, "bytes": freed.bytes})
    else:
        screen.say(f"{'would delete' if dry_run else 'deleted'} {counted(freed.files, 'file')}, {size(freed.bytes)}")
    return 0


def remove_runs(storage: Storage, names: Sequence[str]) -> Swept:
    """Remove runs that nobody carries out: checkpoints, journal, and what only they referred to.

    In an order in which a run that was removed half-way is still listed, and can be removed again. What may be in use
    by somebody who has not said so yet is left for `gc`: what is young in an object store, and young snapshots while
    other runs go on.
    """
    journal = storage.journal
    contexts, snapshots = _referred(journal, names, "context"), _referred(journal, names, "snapshot")
    snapshots |= storage.contexts.snapshots_over(journal.unsettled(names), besides=snapshots)
    with storage.clear_errors():
        for name in names:
            run_blocking(storage.checkpoints.adelete_thread(name))
    for name in names:
        journal.remove_run(name)
    is_local = storage.contexts.files.local
    someone_runs_cells = any(run.alive for run in journal.runs())
    return storage.contexts.remove(
        contexts,
        snapshots,
        kept_contexts=journal.references("context"),
        kept_snapshots=_kept_snapshots(storage),
        contexts_older_than_s=0 if is_local else SAFE_AGE_S,
        snapshots_older_than_s=0 if is_local and not someone_runs_cells else SAFE_AGE_S,
    )


def _kept_snapshots(storage: Storage) -> set[str]:
    """What runs refer to, and what those may have put last that go on, or were killed."""
    snapshots = storage.journal.references("snapshot")
    return snapshots | storage.contexts.snapshots_over(storage.journal.unsettled(), besides=snapshots)


def _matching(names: Sequence[str], storage: Storage) -> list[str]:
    """The names, with those of runs in the place of patterns; no name has `*`, `?` or `[` in it.

    Raises:
        RunNotFoundError: nothing matches a pattern.
    """
    found: dict[str, None] = {}
    known = [run.name for run in storage.journal.runs()] if any(map(glob.has_magic, names)) else []
    for name in names:
        matching = fnmatch.filter(known, name) if glob.has_magic(name) else [name]
        if not matching:
            raise unknown_run(name, known, storage.journal.name)
        found |= dict.fromkeys(matching)
    return list(found)


def _warn(freed: Swept, screen: Screen) -> None:
    for note in freed.notes:
        screen.problem("warning", note)


def _referred(journal: Journal, names: Sequence[str], kind: Referred) -> set[str]:
    return {one for name in names for one in journal.references_of(name, kind)}


def seconds(text: str) -> float:
    """The seconds in `1d`, `12h`, `30m`, `90s`, `2w` or `0`.

    Raises:
        ConfigError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])|0", text.strip())
    if found is None:
        raise ConfigError(f"--older-than: {text!r} is not allowed: must be like 90s, 30m, 12h, 1d or 2w, or 0")
    return float(found[1]) * _UNITS[found[2]] if found[1] else 0.0
