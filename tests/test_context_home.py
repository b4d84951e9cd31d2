"""Where a user's things are, as the environment says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rlm_graph.context import Home, default_home, home_store
from rlm_graph.errors import ConfigError, ContextError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLM_GRAPH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_one_folder_has_everything(home: Path) -> None:
    """It is what RLM_GRAPH_HOME says; nothing is made before it is used, and then for its owner only."""
    found = Home.from_environment()
    assert default_home() == found.folder == Path(found.store) == home
    assert found.journal == home / "journal.sqlite"
    assert found.checkpoints == str(home / "checkpoints.sqlite")
    assert not home.exists()
    ref = home_store().put("text")
    assert home_store().open(ref.sha256) == ref
    assert home.stat().st_mode & 0o777 == 0o700


def test_without_variables_it_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the platform has it; an empty variable is none."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("RLM_GRAPH_HOME", " ")
    assert default_home().name == "rlm-graph"
    assert default_home().is_absolute()


@pytest.mark.parametrize(
    ("value", "store"),
    [
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("memory://here", "memory://here"),
        ("/some/folder", "/some/folder"),
        ("~/folder", str(Path.home() / "folder")),
        ("folder", str(Path.cwd() / "folder")),
    ],
)
def test_the_store_is_elsewhere(monkeypatch: pytest.MonkeyPatch, home: Path, value: str, store: str) -> None:
    """A URL as it is, a folder by its full path."""
    monkeypatch.setenv("RLM_GRAPH_STORE", value)
    found = Home.from_environment()
    assert found.store == store
    assert found.journal == home / "journal.sqlite"
    monkeypatch.setenv("RLM_GRAPH_STORE", "/not/this/one")
    assert Home.from_environment(store=value) == found


@pytest.mark.parametrize(
    ("value", "journal"),
    [
        ("postgresql://me:pw@host:5432/db?sslmode=require", "postgresql://me:pw@host:5432/db?sslmode=require"),
        ("postgres://host/db", "postgresql://host/db"),
        ("postgresql+psycopg://host/db", "postgresql://host/db"),
        ("sqlite:////var/lib/journal.db", Path("/var/lib/journal.db")),
        ("sqlite:///journal.db", Path.cwd() / "journal.db"),
        ("/var/lib/journal.db", Path("/var/lib/journal.db")),
    ],
)
def test_the_database_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, home: Path, value: str, journal: str | Path
) -> None:
    """Postgres keeps journal and checkpoints; a SQLite file keeps the journal only."""
    monkeypatch.setenv("RLM_GRAPH_DATABASE", value)
    found = Home.from_environment()
    assert found.journal == journal
    assert found.checkpoints == (journal if isinstance(journal, str) else str(home / "checkpoints.sqlite"))
    monkeypatch.setenv("RLM_GRAPH_DATABASE", "/not/this/one")
    assert Home.from_environment(database=value) == found


@pytest.mark.parametrize("value", ["s3:/bucket", "s3:bucket", "s3://", "https:///"])
def test_a_store_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """With the variable and its value."""
    monkeypatch.setenv("RLM_GRAPH_STORE", value)
    with pytest.raises(ConfigError, match=rf"RLM_GRAPH_STORE: '{value}' is not allowed: .*s3://bucket/prefix"):
        Home.from_environment()
    with pytest.raises(ConfigError, match=f"^store: '{value}' is not allowed"):
        Home.from_environment(store=value)


def test_a_protocol_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store is opened."""
    monkeypatch.setenv("RLM_GRAPH_STORE", "nonsense://bucket/prefix")
    with pytest.raises(ConfigError, match="nonsense://bucket/prefix"):
        home_store()


@pytest.mark.parametrize(
    "value",
    ["mysql://host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///x?mode=ro", "postgresql:host/db"],
)
def test_a_database_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """One that cannot be used, or that would not outlive the process."""
    monkeypatch.setenv("RLM_GRAPH_DATABASE", value)
    with pytest.raises(
        ConfigError, match=r"RLM_GRAPH_DATABASE: '.*' is not allowed: .*sqlite:///PATH or postgresql://"
    ):
        Home.from_environment()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors end up in logs."""
    monkeypatch.setenv("RLM_GRAPH_DATABASE", "postgresql://me:secret@host:port/db")
    with pytest.raises(ConfigError, match=r"'postgresql://me:\*\*\*@host:port/db'"):
        Home.from_environment()


def test_a_home_that_cannot_be_made_says_so(home: Path) -> None:
    """With the folder, the reason, and the variable that names another."""
    home.write_text("a file")
    with pytest.raises(ContextError, match=f"{home} cannot be made: EEXIST File exists; set RLM_GRAPH_HOME"):
        home_store()
    assert Home.from_environment(store="memory://x").context_store().put("text")  # it is not needed for that


def test_asking_where_things_are_imports_little() -> None:
    """The command line asks before it does anything."""
    code = (
        "import sys; from rlm_graph.context import Home; Home.from_environment()\n"
        "print([name for name in sys.modules if name.startswith(('fsspec', 'lang', 'sqlalchemy', 'pydantic'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
