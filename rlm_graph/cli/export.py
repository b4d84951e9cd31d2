"""What `rlm-graph export` does: the story of a run, in a form that other programs read."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rlm_graph.cli.screen import Screen, counted
from rlm_graph.cli.storage import Storage
from rlm_graph.cli.stories import reader_of
from rlm_graph.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from rlm_graph.story import Story

Form = Literal["rlms", "chrome", "otel"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def export(name: str, form: Form, *, output: str | None, store: str | None, database: str | None) -> int:
    """Write the story of a run, and return the exit code.

    Args:
        name: The run.
        form: What is written.
        output: The file; None: stdout, or for `otel` where the environment says.
        store: As for all commands.
        database: Likewise.

    Raises:
        RunNotFoundError: there is no such run.
        ConfigError: the file cannot be written, or the collector does not take it.
        MissingExtraError: OpenTelemetry is not installed.
    """
    with Storage(store, database) as storage, reader_of(storage, name, prompts=False) as reader:
        options = storage.find(name).options
        story = reader.read()
    if form == "otel":
        return _export_spans(story, output)
    with _opened(output) as write:
        if form == "chrome":
            from rlm_graph.export import chrome

            write(chrome.trace(story) + "\n")
        else:
            from rlm_graph.export import rlms

            model = options.get("models", {}).get("name")
            for line in rlms.lines(story, root_model=model, settings=options.get("settings")):
                write(line)
    return 0


def _export_spans(story: Story, output: str | None) -> int:
    try:
        from rlm_graph.export import otel
    except ImportError as error:
        raise MissingExtraError(f"OpenTelemetry is not installed: pip install 'rlm-graph[otel]' ({error})") from error
    endpoint = next((os.environ[variable] for variable in _ENDPOINTS if os.environ.get(variable)), None)
    if output is None and endpoint is not None:
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())  # each of its attempts would be a line
        count = otel.send_spans(story, endpoint)
        Screen().say(f"sent {counted(count, 'span')} to {endpoint}")
        return 0
    with _opened(output) as write:
        otel.export_spans(story, otel.JSONLines(write))
    return 0


@contextmanager
def _opened(output: str | None) -> Iterator[Callable[[str], Any]]:
    """A file, or stdout, to write to."""
    if output is None:
        yield sys.stdout.write
        sys.stdout.flush()
        return
    try:
        with Path(output).open("w", encoding="utf-8") as file:
            yield file.write
    except OSError as error:
        raise ConfigError(f"--output: {output!r} cannot be written: {error.strerror or error}") from error
