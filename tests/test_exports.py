"""The public surface: exported on purpose, and cheap to import."""

from __future__ import annotations

import subprocess
import sys

import rlm_graph
from rlm_graph import errors


def test_every_exported_name_is_there_and_sorted() -> None:
    """`__all__` is what the package gives, no less, in order."""
    assert sorted(rlm_graph.__all__, key=str.lower) == sorted(set(rlm_graph.__all__), key=str.lower)
    assert rlm_graph.__all__ == sorted(rlm_graph.__all__)
    for name in rlm_graph.__all__:
        assert getattr(rlm_graph, name) is not None, name
    assert set(rlm_graph.__all__) == {*rlm_graph._HOMES, "__version__"}


def test_every_error_is_exported() -> None:
    """Whoever catches one need not know where it is."""
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    raised = {name for name, kind in kinds.items() if issubclass(kind, Exception)}
    assert raised
    assert raised <= set(rlm_graph.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    assert not hasattr(rlm_graph, "no_such_name")


def test_importing_the_package_imports_nothing_else() -> None:
    """`--help` and the worker processes would pay for LangGraph otherwise."""
    heavy = ("lang", "pydantic", "rlm_graph.")
    code = f"import sys, rlm_graph; print([name for name in sys.modules if name.startswith({heavy})])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
