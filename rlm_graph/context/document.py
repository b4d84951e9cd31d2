"""A text that knows its name: what one file of a folder is in the REPL.

The REPL's process imports this module, so it imports nothing.
"""

from __future__ import annotations


class Document(str):
    """The text of one document; a ``str`` in every respect, with a name and metadata.

    Code written for ``list[str]`` works on a list of documents. What is made of one (slices, ``upper()``,
    ``+``) is a plain ``str``. Its ``repr`` is short, so that printing a list of documents does not print
    their texts.
    """

    __slots__ = ("metadata", "name")

    name: str
    """Relative path, with forward slashes, or the name that the caller gave."""

    metadata: dict[str, object]
    """Small facts: the size in bytes, an encoding that is not UTF-8, the pages of a PDF."""

    def __new__(cls, text: str = "", name: str = "", metadata: dict[str, object] | None = None) -> Document:
        """Make the document; the text is copied once, as for every subclass of ``str``."""
        self = super().__new__(cls, text)
        self.name = name
        self.metadata = {} if metadata is None else metadata
        return self

    def __repr__(self) -> str:
        return f"<Document {self.name!r} {len(self):,} chars>"

    def __reduce_ex__(self, protocol: object) -> tuple[type[Document], tuple[str, str, dict[str, object]]]:
        return type(self), (str(self), self.name, self.metadata)
