"""Each kind of file is read as its text, and what cannot be read is refused with the reason."""

from __future__ import annotations

import codecs
import importlib.util
import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pypdf
import pytest

from rlm_graph.context import ContextRef, ContextStore, load_context
from rlm_graph.context.materialize import load
from rlm_graph.errors import ContextUnreadableError, MissingExtraError


@pytest.fixture
def store(tmp_path: Path) -> ContextStore:
    return ContextStore(tmp_path / "store", durable=False)


def read(store: ContextStore, tmp_path: Path, name: str, data: bytes) -> Any:
    """Return the file as the only document of a folder."""
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    documents: Any = load(store.local_manifest(load_context(folder, store=store)))
    return documents[0]


def refusal(store: ContextStore, tmp_path: Path, name: str, data: bytes) -> str:
    """Return why the file is skipped."""
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    (folder / "zz.txt").write_text("text")
    ref: ContextRef = load_context(folder, store=store)
    [skipped] = ref.skipped
    return skipped


@pytest.mark.parametrize(
    ("data", "text", "encoding"),
    [
        (b"plain\r\nlines\rand more\n", "plain\r\nlines\rand more\n", None),
        ("naïve €😀".encode(), "naïve €😀", None),
        (codecs.BOM_UTF8 + "é\r\n".encode(), "é\r\n", "utf-8-sig"),
        ("é\r\n".encode("utf-16"), "é\r\n", "utf-16"),
        (codecs.BOM_UTF16_BE + "é\n".encode("utf-16-be"), "é\n", "utf-16"),
        (codecs.BOM_UTF32_LE + "é😀".encode("utf-32-le"), "é😀", "utf-32"),
        ("Größe „5 €“".encode("cp1252"), "Größe „5 €“", "cp1252"),
        (b"caf\xe9 \x81", "café \x81", "cp1252"),
        (
            b"a log line\n" * 50 + b"\0\0\0" + b"\x1b[31mred\x1b[0m\n",
            "a log line\n" * 50 + "\0\0\0\x1b[31mred\x1b[0m\n",
            None,
        ),
        ("één twee drie één".encode() + b"\xc3 broken", "één twee drie één\ufffd broken", "utf-8 with broken bytes"),
    ],
)
def test_text_encodings(store: ContextStore, tmp_path: Path, data: bytes, text: str, encoding: str | None) -> None:
    """Encodings are found out, line ends stay, and what is not plain UTF-8 says so."""
    document = read(store, tmp_path, "a.txt", data)
    assert document == text
    assert document.metadata == {"bytes": len(data)} | ({"encoding": encoding} if encoding else {})


@pytest.mark.parametrize("tail", [b"\xe9 end\n", "é end\n".encode(), "€".encode()[:2]])
def test_a_surprise_late_in_a_large_file(store: ContextStore, tmp_path: Path, tail: bytes) -> None:
    """A byte that is not UTF-8 after 2 MB turns the whole file to another encoding, and nothing is read twice over."""
    document = read(store, tmp_path, "a.log", b"line of ASCII\n" * 150_000 + tail)
    assert document == "line of ASCII\n" * 150_000 + (tail.decode() if tail[0] == 0xC3 else tail.decode("cp1252"))


def test_characters_across_chunks(store: ContextStore, tmp_path: Path) -> None:
    """A character that lies across two chunks of a file is one character."""
    text = "a" + "€" * 900_000
    assert read(store, tmp_path, "a.txt", text.encode()) == text


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 20,
        zlib.compress(b"text" * 50_000, 0)[:10] + zlib.compress(bytes(range(256)) * 9)[:300] + b"\0\1\2" * 50,
        b"\x7fELF\2\1\1" + b"\0" * 200 + b"some text",
        codecs.BOM_UTF16_LE + b"\x00\xd8" * 50,
        b"\0" * 5000,
    ],
)
def test_binary_files_are_skipped(store: ContextStore, tmp_path: Path, data: bytes) -> None:
    """A binary file is named and is not fatal."""
    assert refusal(store, tmp_path, "a.bin", data) == "a.bin: binary"


def pdf(*pages: str, password: str = "") -> bytes:
    """Make a PDF by hand: one line of text per page."""
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", font]
    kids = []
    for page in pages:
        stream = f"BT /F1 12 Tf 72 700 Td ({page}) Tj ET" if page else ""
        objects.append(f"<</Length {len(stream)}>>stream\n{stream}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {len(objects)} 0 R"
            f"/Resources<</Font<</F1 3 0 R>>>>>>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(kids)}]>>"
    out = "%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj{body}endobj\n"
    xref = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{at:010} 00000 n \n" for at in offsets)
    out += f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF"
    if not password:
        return out.encode()
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(out.encode()))
    writer.encrypt(password, algorithm="RC4-128")
    encrypted = io.BytesIO()
    writer.write(encrypted)
    return encrypted.getvalue()


def test_pdf(store: ContextStore, tmp_path: Path) -> None:
    """A PDF's pages are joined by form feeds, whatever the file is called."""
    for name in ("a.pdf", "download"):
        document = read(store, tmp_path, name, pdf("Termination clause", "Second page"))
        assert document.split("\f") == ["Termination clause", "Second page"]
        assert (document.metadata["extracted"], document.metadata["pages"]) == ("pdf", 2)


def test_pdfs_that_have_no_text(store: ContextStore, tmp_path: Path) -> None:
    """Scanned, encrypted and broken PDFs are skipped, each with its reason."""
    assert refusal(store, tmp_path, "scan.pdf", pdf("", "")) == "scan.pdf: no text in it (scanned pages?)"
    (tmp_path / "folder" / "scan.pdf").unlink()
    assert refusal(store, tmp_path, "locked.pdf", pdf("secret", password="x")) == "locked.pdf: encrypted"
    (tmp_path / "folder" / "locked.pdf").unlink()
    assert refusal(store, tmp_path, "broken.pdf", pdf("text")[:60]).startswith("broken.pdf: broken pdf: ")


def test_a_broken_pdf_alone_is_an_error(store: ContextStore, tmp_path: Path) -> None:
    """Named alone, there is nothing to go on with."""
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(ContextUnreadableError, match=r"broken\.pdf cannot be read: broken pdf"):
        load_context(tmp_path / "broken.pdf", store=store)


PAGE = b"""<!doctype html><html><head><title>T</title><script>var x = 1;</script></head><body><nav>Menu</nav>
<article><h1>Climate report</h1><p>Caf\xc3\xa9s closed early because of the heat wave, the report of the city says.</p>
<p>The second paragraph is here so that the page has enough text to be taken for an article.</p></article></body>
</html>"""


def importable(package: str) -> bool:
    """Tell whether an extra is installed so that it can be imported; half an installation counts as none."""
    if importlib.util.find_spec(package) is None:
        return False
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def test_html(store: ContextStore, tmp_path: Path) -> None:
    """With the extra a page is its text; without it, it is its markup in a folder and an error alone."""
    document = read(store, tmp_path, "page.html", PAGE)
    if importable("trafilatura"):
        assert "Cafés closed early" in document
        assert "<p>" not in document
        assert document.metadata["extracted"] == "html"
    else:
        assert document == PAGE.decode()
        assert document.metadata["markup"] == "html"
        with pytest.raises(MissingExtraError, match=r"pip install 'rlm-graph\[html\]'"):
            load_context(tmp_path / "folder" / "page.html", store=store)


def test_html_without_text_is_its_markup(store: ContextStore, tmp_path: Path) -> None:
    """A page of scripts has no text to extract; its markup is what there is."""
    document = read(store, tmp_path, "app.htm", b"<html><script>let a = 1</script></html>")
    assert "let a = 1" in document
    assert document.metadata["markup"] == "html"


def test_xlsx(store: ContextStore, tmp_path: Path) -> None:
    """A workbook's sheets are Markdown tables."""
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("markitdown")
    workbook = openpyxl.Workbook()
    workbook.active.append(["city", "people"])
    workbook.active.append(["Zürich", 434_335])
    workbook.save(tmp_path / "book.xlsx")
    document = read(store, tmp_path, "book.xlsx", (tmp_path / "book.xlsx").read_bytes())
    assert "Zürich | 434335" in document
    assert document.metadata["extracted"] == "xlsx"


def test_pptx(store: ContextStore, tmp_path: Path) -> None:
    """A presentation's slides are text."""
    pptx = pytest.importorskip("pptx")
    pytest.importorskip("markitdown")
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[0])
    slide.shapes.title.text = "Quarterly numbers"
    presentation.save(str(tmp_path / "deck.pptx"))
    assert "Quarterly numbers" in read(store, tmp_path, "deck.pptx", (tmp_path / "deck.pptx").read_bytes())


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("a.xlsx", "markitdown", "office"), ("a.html", "trafilatura", "html")]
)
def test_a_missing_extra(tmp_path: Path, name: str, package: str, extra: str) -> None:
    """Without its package a file that is named alone is an error that says what to install; in a folder it is not."""
    (tmp_path / name).write_bytes(b"PK\x03\x04" if extra == "office" else PAGE)
    (tmp_path / "b.txt").write_text("text")
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"  # as if it were not installed
        "from rlm_graph.context import load_context; from rlm_graph.errors import MissingExtraError\n"
        "print(load_context(sys.argv[1]).to_state()['context_ref'])\n"
        "try: load_context(sys.argv[1] + '/' + sys.argv[2])\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path, name], check=True, capture_output=True, text=True)
    in_folder, alone = done.stdout.splitlines()
    assert alone == f"{name} is read with the extra {extra!r}: pip install 'rlm-graph[{extra}]'"
    assert ("a.xlsx: needs pip install 'rlm-graph[office]'" in in_folder) == (extra == "office")
    assert ("'items': 2" in in_folder) == (extra == "html")


def test_a_broken_office_file_is_skipped(store: ContextStore, tmp_path: Path) -> None:
    """Damage in an archive is a reason, not a crash."""
    pytest.importorskip("markitdown")
    assert refusal(store, tmp_path, "a.xlsx", b"PK\x03\x04 nothing").startswith("a.xlsx: broken xlsx: ")


def test_an_office_name_on_a_text_file(store: ContextStore, tmp_path: Path) -> None:
    """What a file is, not what it is called, decides: text called .docx is text."""
    assert read(store, tmp_path, "notes.docx", b"just text") == "just text"
