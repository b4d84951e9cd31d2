"""Names become contexts: files, folders, globs, URIs, stdin."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from web_server import Page, WebServer

from rlm_graph.context import ContextStore, load_context
from rlm_graph.context.materialize import load
from rlm_graph.errors import (
    ContextEmptyError,
    ContextNotFoundError,
    ContextTypeError,
    ContextUnreadableError,
    MissingExtraError,
)


@pytest.fixture
def store(tmp_path: Path) -> ContextStore:
    return ContextStore(tmp_path / "store", durable=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    for name, text in {"b.txt": "bee", "a/x.log": "ex", "a/y.log": "why", "c.txt": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def value(store: ContextStore, source: Any, **options: Any) -> Any:
    return load(store.local_manifest(load_context(source, store=store, **options)))


def names(store: ContextStore, source: Any) -> list[str]:
    return [document.name for document in value(store, source)]


def test_one_file_is_a_str(store: ContextStore, folder: Path) -> None:
    """A single file is a plain str; the reference has its name."""
    ref = load_context(str(folder / "b.txt"), store=store)
    assert load(store.local_manifest(ref)) == "bee"
    assert (ref.kind, ref.names, ref.items) == ("str", ("b.txt",), 1)


def test_a_folder_is_documents_in_order(store: ContextStore, folder: Path) -> None:
    """A folder is a sorted list of documents with relative names; empty files are documents too."""
    documents = value(store, folder)
    assert [(document.name, str(document)) for document in documents] == [
        ("a/x.log", "ex"),
        ("a/y.log", "why"),
        ("b.txt", "bee"),
        ("c.txt", ""),
    ]
    assert documents[0].metadata == {"bytes": 2}


def test_the_same_folder_elsewhere_and_later_is_the_same_context(
    store: ContextStore, folder: Path, tmp_path: Path
) -> None:
    """Neither the place of a folder nor the times of its files are part of a context."""
    first = load_context(folder, store=store)
    moved = folder.rename(tmp_path / "moved")
    os.utime(moved / "b.txt", (1, 1))
    assert load_context(moved, store=store).sha256 == first.sha256


def test_gitignore_is_respected(store: ContextStore, folder: Path) -> None:
    """Nested .gitignore files, negation, anchors, ignored folders and .git itself: as git has it."""
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x")
    (folder / ".gitignore").write_text("*.log\n!keep.log\n/b.txt\nbuild/\n")
    (folder / "a" / ".gitignore").write_text("!y.log\nz.*\n")
    for name in ("a/keep.log", "a/z.md", "a/b.txt", "build/keep.log"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("text")
    assert names(store, folder) == [".gitignore", "a/.gitignore", "a/b.txt", "a/keep.log", "a/y.log", "c.txt"]


def test_a_folder_with_everything_ignored_says_so(store: ContextStore, folder: Path) -> None:
    """The error names .gitignore as the reason."""
    (folder / ".gitignore").write_text("*\n")
    with pytest.raises(ContextUnreadableError, match=r"all 4 are ignored by \.gitignore"):
        load_context(folder, store=store)


def test_links_that_leave_the_folder_are_not_followed(store: ContextStore, folder: Path, tmp_path: Path) -> None:
    """A link outside, to a folder, to nothing or to itself is named with the reason; one inside is a document."""
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.txt").symlink_to(folder / "b.txt")
    (folder / "loop").symlink_to(folder)
    (folder / "gone").symlink_to(folder / "nothing")
    (folder / "self").symlink_to(folder / "self")
    ref = load_context(folder, store=store)
    assert ref.names == ("a/x.log", "a/y.log", "b.txt", "c.txt", "in.txt")
    assert set(ref.skipped) == {
        "out.txt: a link that leaves the folder",
        "loop: a link to a folder",
        "gone: a broken link",
        "self: a broken link",
    }
    assert ref.skipped_count == 4


def test_special_files_are_skipped(store: ContextStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe or socket in a folder is named, and never waited for."""
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")  # relative: the address of a socket is short
        assert load_context(folder, store=store).skipped == ("pipe: a pipe", "sock: a socket")


def test_a_device_is_refused(store: ContextStore) -> None:
    """A device that was named is no file."""
    with pytest.raises(ContextUnreadableError, match="/dev/zero is a device"):
        load_context("/dev/zero", store=store)


def test_a_named_pipe_is_read(store: ContextStore, tmp_path: Path) -> None:
    """What a shell's <(command) passes is a pipe, and its text is the context."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("from a pipe",))
    writer.start()
    assert value(store, tmp_path / "pipe") == "from a pipe"
    writer.join()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission(store: ContextStore, folder: Path) -> None:
    """In a folder such a file is skipped; alone it is an error."""
    (folder / "b.txt").chmod(0)
    assert load_context(folder, store=store).skipped == ("b.txt: Permission denied",)
    with pytest.raises(ContextUnreadableError, match="Permission denied"):
        load_context(folder / "b.txt", store=store)


def test_a_glob_is_documents(store: ContextStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern gives the files that match, named below its fixed part."""
    assert names(store, f"{folder}/a/*.log") == ["x.log", "y.log"]
    assert names(store, f"{folder}/**/*.log") == ["a/x.log", "a/y.log"]
    monkeypatch.chdir(folder)
    assert names(store, "*.txt") == ["b.txt", "c.txt"]
    assert names(store, "*/x.log") == ["a/x.log"]
    assert names(store, "[a]") == ["a/x.log", "a/y.log"]


def test_a_recursive_glob_heeds_gitignore(store: ContextStore, folder: Path) -> None:
    """`**` walks folders and leaves out what they ignore; a plain `*` takes what it matches."""
    (folder / ".gitignore").write_text("a/\n")
    assert names(store, f"{folder}/**/*.*") == ["b.txt", "c.txt"]
    assert names(store, f"{folder}/a/*.log") == ["x.log", "y.log"]


def test_a_name_with_wildcards_in_it_is_a_name_first(store: ContextStore, tmp_path: Path) -> None:
    """A file that is really called like a pattern is that file."""
    (tmp_path / "a[1].txt").write_text("text")
    assert value(store, f"{tmp_path}/a[1].txt") == "text"


def test_a_list_has_names_below_the_common_folder(store: ContextStore, folder: Path) -> None:
    """Files, folders and globs together: each file once, with names that tell them apart."""
    sources = [folder / "b.txt", folder / "a", f"{folder}/a/*.log"]
    assert names(store, sources) == ["b.txt", "a/x.log", "a/y.log"]
    assert names(store, [folder / "b.txt"]) == ["b.txt"]


def test_what_is_missing_is_named(store: ContextStore, folder: Path) -> None:
    """A missing file, with what may have been meant; a pattern without matches; a text passed as a name."""
    with pytest.raises(ContextNotFoundError, match=r"b\.text; is it b\.txt\?"):
        load_context(folder / "b.text", store=store)
    with pytest.raises(ContextNotFoundError, match=r"\*\.md: no file matches"):
        load_context(f"{folder}/*.md", store=store)
    with pytest.raises(ContextNotFoundError, match="no such file or folder: aaa"):
        load_context("a" * 100_000, store=store)
    with pytest.raises(ContextNotFoundError, match="no such file"):
        load_context("a\0b\nc", store=store)


def test_nothing_to_read_is_an_error(store: ContextStore, tmp_path: Path) -> None:
    """An empty file, an empty folder, an empty list, a folder of binaries: each says what it is."""
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(ContextEmptyError, match=r"empty\.txt is empty"):
        load_context(tmp_path / "empty.txt", store=store)
    (tmp_path / "none").mkdir()
    with pytest.raises(ContextUnreadableError, match="no files"):
        load_context(tmp_path / "none", store=store)
    with pytest.raises(ContextEmptyError):
        load_context([], store=store)
    (tmp_path / "none" / "a.bin").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(ContextUnreadableError, match=r"a\.bin: binary"):
        load_context(tmp_path / "none", store=store)
    with pytest.raises(ContextUnreadableError, match=r"a\.bin cannot be read: binary"):
        load_context(tmp_path / "none" / "a.bin", store=store)


def test_wrong_sources_are_refused(store: ContextStore) -> None:
    """A source is a name, or a list of names."""
    for source in ([1], 1, None, {"a": "b"}):
        with pytest.raises(ContextTypeError, match="a string, a path, or a list"):
            load_context(source, store=store)  # type: ignore[arg-type]


def test_many_skipped_files_are_counted(store: ContextStore, tmp_path: Path) -> None:
    """The reference names the first twenty and counts all."""
    for number in range(30):
        (tmp_path / f"{number:02}.bin").write_bytes(b"\0\1\2\3" * 100)
    (tmp_path / "z.txt").write_text("text")
    ref = load_context(tmp_path, store=store)
    assert (len(ref.skipped), ref.skipped_count, ref.items) == (20, 30, 1)


def test_a_file_name_that_is_no_utf8(store: ContextStore, tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and control characters, are shown as escapes, for a name must be printable."""
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("text")
    (tmp_path / "line\nend.txt").write_text("text")
    assert load_context(f"{tmp_path}/*.txt", store=store).names == ("caf\\xe9.txt", "line\\nend.txt")


def test_stdin(tmp_path: Path) -> None:
    """`-` is the text on standard input, byte for byte."""
    code = (
        "from rlm_graph.context import load_context, process_store; from rlm_graph.context.materialize import load;"
        "ref = load_context('-'); text = load(process_store().local_manifest(ref));"
        "print(ref.kind, ref.names, repr(text))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"a\r\n\xc3\xa9\0", capture_output=True, check=True)
    assert done.stdout.decode().strip() == "str ('stdin',) 'a\\r\\né\\x00'"


def test_uris(store: ContextStore, folder: Path) -> None:
    """A URI is a file, a folder or a pattern wherever fsspec finds it; file:// is the local disk."""
    root = uuid.uuid4().hex
    fs = fsspec.filesystem("memory")
    for name in ("a.txt", "sub/b.txt"):
        fs.pipe_file(f"/{root}/{name}", b"text of " + name.encode())
    ref = load_context(f"memory://{root}/a.txt", store=store)
    assert (ref.kind, ref.names, ref.prefix) == ("str", ("a.txt",), "text of a.txt")
    assert names(store, f"memory://{root}") == ["a.txt", "sub/b.txt"]
    assert names(store, f"memory://{root}/sub/*.txt") == ["b.txt"]
    assert names(store, (folder / "a").as_uri()) == ["x.log", "y.log"]
    assert names(store, [f"memory://{root}/a.txt", folder / "b.txt"]) == ["memory/a.txt", "b.txt"]


def test_bad_uris(store: ContextStore) -> None:
    """No file there, no such protocol, a protocol whose package is missing: each is one clear error."""
    with pytest.raises(ContextNotFoundError, match="no file there"):
        load_context(f"memory://{uuid.uuid4().hex}/nothing.txt", store=store)
    with pytest.raises(ContextNotFoundError, match="nonsense"):
        load_context("nonsense://x", store=store)
    with pytest.raises(MissingExtraError, match="gcsfs"):
        load_context("gs://bucket/key", store=store)


def test_a_web_address(store: ContextStore) -> None:
    """A page is read with the server's charset; a missing one and a server that is not there are errors."""
    notes = Page("café".encode("latin-1"), headers={"Content-Type": "text/plain; charset=iso-8859-1"})
    with WebServer({"/docs/notes.txt": notes}) as web:
        ref = load_context(f"{web.address}/docs/notes.txt", store=store)
        assert (ref.kind, ref.names, ref.prefix) == ("str", ("notes.txt",), "café")
        with pytest.raises(ContextNotFoundError, match="404"):
            load_context(f"{web.address}/nothing", store=store)
    with pytest.raises(ContextUnreadableError, match="cannot be read"):
        load_context("http://127.0.0.1:9/x", store=store)


def test_an_encoding_that_was_asked_for(store: ContextStore, tmp_path: Path) -> None:
    """With `encoding` a file is read so or not at all."""
    path = tmp_path / "a.txt"
    path.write_bytes("Ωμέγα".encode("iso-8859-7"))
    assert value(store, path, encoding="iso-8859-7") == "Ωμέγα"
    with pytest.raises(ContextUnreadableError, match="not utf-8"):
        load_context(path, store=store, encoding="utf-8")
    for none in ("klingon", "zlib", "rot13", "punycode"):  # not all that Python decodes is an encoding of texts
        with pytest.raises(ContextUnreadableError, match=f"no such encoding: {none}"):
            load_context(path, store=store, encoding=none)


def test_a_password_in_a_uri_is_not_shown(store: ContextStore) -> None:
    """Errors show where, not with which password."""
    with pytest.raises(ContextNotFoundError) as error:
        load_context("nonsense://user:hunter2@host/x", store=store)
    assert "hunter2" not in str(error.value)
