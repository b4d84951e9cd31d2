"""A document is a text that knows its name."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

from rlm_graph.context import Document


def test_document_is_its_text() -> None:
    """A document equals its text, hashes like it, prints as it; what is cut from it is a plain str."""
    document = Document("one\ntwo", name="logs/a.log", metadata={"bytes": 7})
    assert document == "one\ntwo"
    assert hash(document) == hash("one\ntwo")
    assert f"{document}" == "one\ntwo"
    assert type(document[:3]) is str
    assert document.splitlines() == ["one", "two"]
    assert (document.name, document.metadata) == ("logs/a.log", {"bytes": 7})


def test_repr_names_the_document_and_not_its_text() -> None:
    """A printed list of documents is short."""
    assert repr([Document("x" * 123456, name="logs/a.log")]) == "[<Document 'logs/a.log' 123,456 chars>]"


def test_copies_keep_name_and_metadata() -> None:
    """Pickles and copies are documents again, and a deep copy shares nothing."""
    document = Document("text \ud800", name="a", metadata={"pages": [1]})
    for twin in (pickle.loads(pickle.dumps(document)), copy.copy(document), copy.deepcopy(document)):
        assert type(twin) is Document
        assert (twin, twin.name, twin.metadata) == (document, "a", {"pages": [1]})
    assert copy.deepcopy(document).metadata is not document.metadata


def test_worker_imports_are_light() -> None:
    """What the REPL's process imports brings neither fsspec nor pydantic nor LangGraph with it."""
    code = (
        "import sys; from rlm_graph.context.document import Document; from rlm_graph.context.materialize import load;"
        "heavy = {'fsspec', 'pydantic', 'langgraph', 'langchain_core', 'asyncio', 'pathspec'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
