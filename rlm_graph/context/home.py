"""Where a user's things are kept: contexts and REPLs, the journal, the checkpoints."""

from __future__ import annotations

import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from rlm_graph.errors import ConfigError, ContextError

if TYPE_CHECKING:
    from rlm_graph.context.store import ContextStore

_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")


@dataclass(frozen=True)
class Home:
    """The places that a user's environment names: one folder, unless something else is said."""

    folder: Path
    """``RLM_GRAPH_HOME``, else the user's data folder."""

    store: str
    """Root of the :class:`ContextStore`: ``RLM_GRAPH_STORE``, a URL (``s3://bucket/prefix``) or a folder; else the
    home folder."""

    journal: str | Path
    """``RLM_GRAPH_DATABASE``: a ``postgresql://`` URL or, given as ``sqlite:///PATH`` or a path, a SQLite file; else
    ``journal.sqlite`` in the home folder."""

    checkpoints: str
    """The same database if it is Postgres, else the path of the SQLite file ``checkpoints.sqlite`` in the home
    folder: what the checkpointers of LangGraph take."""

    @classmethod
    def from_environment(cls, *, store: str | None = None, database: str | None = None) -> Home:
        """Read the environment's variables; nothing is made or opened.

        Args:
            store: In place of ``RLM_GRAPH_STORE``.
            database: In place of ``RLM_GRAPH_DATABASE``.

        Raises:
            ConfigError: one of them is neither a path nor a URL of the right kind.
        """
        folder = default_home()
        store_name, store = ("store", store) if store else ("RLM_GRAPH_STORE", _variable("RLM_GRAPH_STORE"))
        name, database = ("database", database) if database else ("RLM_GRAPH_DATABASE", _variable("RLM_GRAPH_DATABASE"))
        journal = _database(name, database) if database else folder / "journal.sqlite"
        return cls(
            folder=folder,
            store=_store(store_name, store) if store else str(folder),
            journal=journal,
            checkpoints=journal if isinstance(journal, str) else str(folder / "checkpoints.sqlite"),
        )

    def context_store(self) -> ContextStore:
        """Return the store, which outlives the process; if it is the home folder, that is made, for its owner only.

        Raises:
            ConfigError: the store's URL is none.
            ContextError: the home folder cannot be made.
            MissingExtraError: a package that opens the store is not installed.
        """
        from rlm_graph.context.files import reason
        from rlm_graph.context.store import ContextStore

        try:
            if self.store == str(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ContextError(
                f"the folder {self.folder} cannot be made: {reason(error)}; set RLM_GRAPH_HOME"
            ) from error
        return ContextStore(self.store)


def default_home() -> Path:
    """Return the folder where rlm-graph keeps things: ``RLM_GRAPH_HOME``, else the user's data folder."""
    home = _variable("RLM_GRAPH_HOME")
    return _path(home) if home else platformdirs.user_data_path("rlm-graph")


def home_store() -> ContextStore:
    """Return the store of the user's environment: :meth:`Home.context_store`."""
    return Home.from_environment().context_store()


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _path(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _store(name: str, value: str) -> str:
    if not _URL.match(value):
        return str(_path(value))
    _, slashes, rest = value.partition("://")
    if not slashes or not rest.strip("/"):
        raise ConfigError(f"{name}: {value!r} is not allowed: must be a folder or a URL such as s3://bucket/prefix")
    return value


def _database(name: str, value: str) -> str | Path:
    if not _URL.match(value):
        return _path(value)
    scheme, slashes, rest = value.partition("://")
    if slashes and scheme == "sqlite" and rest[:1] == "/" and rest[1:] not in ("", ":memory:") and "?" not in rest:
        return _path(rest[1:])
    if slashes and scheme in _POSTGRES and _has_host_and_port(value):
        return f"postgresql://{rest}"
    raise ConfigError(
        f"{name}: {_without_password(value)!r} is not allowed: must be a file, sqlite:///PATH or "
        f"postgresql://USER@HOST/DATABASE"
    )


def _has_host_and_port(url: str) -> bool:
    try:
        return urllib.parse.urlsplit(url).port != 0
    except ValueError:  # the port is no number
        return False


def _without_password(url: str) -> str:
    return re.sub(r"(://[^/@]*?:)[^/@]*@", r"\1***@", url)
