"""What `rlm-graph models` shows: the models that can be used here and now, and which of them `ask` would take.

    named in the environment      RLM_GRAPH_MODEL, RLM_GRAPH_SUB_MODEL
    with a key                    those that `ask` would take; all that have a price, if asked for
    of a server of one's own      what the server of OPENAI_BASE_URL lists
    of an Ollama that runs        what it has
    always                        the offline rules

Windows and prices are those of the genai-prices data that is installed. With --offline, nobody is asked anything.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from rlm_graph.cli.model_choice import DEFAULTS, Choice, choose_models, ollama_models, served_models, variable
from rlm_graph.cli.screen import Screen, cut, money, printable, terminal_columns, write_answer, write_json
from rlm_graph.errors import ModelError
from rlm_graph.prices import price_of

_PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "google_genai": "google"}
"""What genai-prices calls them."""

_NO_TEXT = re.compile(
    r"audio|realtime|tts|transcribe|image|embed|live|search|vision|instruct|computer|moderation|whisper|dall|veo|"
    r"imagen|lyria|babbage|davinci|^ada"
)
"""Names of models that do not answer a text with a text, or that no chat API has."""

MIN_REASON_COLUMNS = 8
"""Columns that the reason needs beside the others; where there are fewer, the figures have a line of their own."""

_TITLES = ("model", "window", "in/Mtok", "out/Mtok", "use", "because")


@dataclass(frozen=True)
class Listed:
    """A model that can be used."""

    name: str
    """As `--model` takes it."""

    why: str
    """What makes it usable."""

    window_tokens: int | None
    """Tokens that it can read; None where that is not known."""

    input_usd_per_mtok: float | None
    """US dollars for a million tokens of input; None where that is not known."""

    output_usd_per_mtok: float | None
    """Likewise of output."""

    used_as: str = ""
    """What `ask` would use it as: `root`, `sub`, `both`, or empty."""


def models(*, offline: bool, everything: bool, as_json: bool) -> int:
    """Print the models to stdout, and return the exit code.

    Args:
        offline: Ask no server.
        everything: Of providers whose key is set, all models that have a price.
        as_json: Print a JSON object.
    """
    screen, columns, problems = Screen(), terminal_columns(), list[str]()
    choice, code = None, 0
    try:
        choice = choose_models(None, None, offline=offline)
    except ModelError as error:
        problems.append(str(error))
        code = error.exit_code
    found = list(_described(choice, _named(offline=offline, everything=everything, problems=problems)))
    notes = [*(choice.notes if choice else ()), *_missing_packages()]
    if as_json:
        chosen = choice and {"model": choice.name, "sub_model": choice.sub_name, "why": choice.why}
        told = {"choice": chosen, "models": [asdict(one) for one in found]}
        write_json({**told, "notes": list(dict.fromkeys(notes)), "problems": list(dict.fromkeys(problems))})
        return code
    if choice is not None:
        chosen_here = f"ask would use {printable(str(choice))}"
        write_answer(chosen_here if columns is None else textwrap.fill(chosen_here, columns, break_on_hyphens=False))
    write_answer(table(found, columns))
    for note in dict.fromkeys(notes):
        screen.say(note)
    for problem in dict.fromkeys(problems):
        screen.problem("error", problem)
    return code


def table(found: Sequence[Listed], columns: int | None) -> str:
    """A line for each model.

    Args:
        found: The models.
        columns: Of the terminal, where a line that does not fit is broken in two, and each cut off; None: it goes to a
            program, and nothing is.
    """
    rows = [_TITLES, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    is_beside = columns is None or sum(widths[:-1]) + 2 * len(widths) + MIN_REASON_COLUMNS <= columns
    lines = []
    for row in rows:
        name, *numbers = row[:4]
        cells = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(numbers, widths[1:4], strict=True))]
        use = row[4].ljust(widths[4])
        parts = [[*cells, use, row[5]]] if is_beside else [[row[0], row[5]], ["", *cells[1:], use]]
        lines += [cut("  ".join(part).rstrip(), columns) for part in parts]
    return "\n".join(lines)


def _row(one: Listed) -> tuple[str, ...]:
    window = _rounded(one.window_tokens) if one.window_tokens else "?"
    prices = ["?" if price is None else money(price) for price in (one.input_usd_per_mtok, one.output_usd_per_mtok)]
    if one.input_usd_per_mtok == one.output_usd_per_mtok == 0:
        window, prices = "", ["free", "free"]
    return (printable(one.name), window, *prices, one.used_as, printable(one.why))


def _rounded(tokens: int) -> str:
    """`128k`, `1.05M`."""
    return f"{tokens / 1e6:.3g}M" if tokens >= 1_000_000 else f"{tokens / 1e3:.0f}k"


def _named(*, offline: bool, everything: bool, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Names of models, and what makes each usable."""
    for name in ("RLM_GRAPH_MODEL", "RLM_GRAPH_SUB_MODEL"):
        if variable(name):
            yield variable(name), name
    base_url = variable("OPENAI_BASE_URL")
    if base_url and variable("OPENAI_MODEL"):
        yield f"openai:{variable('OPENAI_MODEL')}", "OPENAI_MODEL"
    if base_url and not offline:
        try:
            yield from ((f"openai:{name}", "OPENAI_BASE_URL") for name in served_models(base_url))
        except ModelError as error:
            problems.append(str(error))
    for key, package, *pair in DEFAULTS:
        provider = pair[0].partition(":")[0]
        if variable(key) and find_spec(package) and not (provider == "openai" and base_url):
            yield from ((name, key) for name in pair)
            if everything:
                yield from ((f"{provider}:{name}", key) for name in _known(_PROVIDERS[provider]))
    if not offline:
        address, names = ollama_models()
        yield from ((f"ollama:{name}", f"Ollama at {address}") for name in names)


def _described(choice: Choice | None, named: Iterator[tuple[str, str]]) -> Iterator[Listed]:
    """Each model once, with what is known of it; the rules come last."""
    seen = set()
    for name, why in named:
        if name not in seen:
            seen.add(name)
            yield Listed(name, why, _window_tokens(_short(name)), *_prices(name), used_as=_used_as(name, choice))
    yield Listed("offline rules", "always", None, 0.0, 0.0, used_as=_used_as("offline rules", choice))


def _used_as(name: str, choice: Choice | None) -> str:
    if choice is None:
        return ""
    roles = [role for role, used in (("root", choice.name), ("sub", choice.sub_name)) if used == name]
    return "both" if len(roles) == 2 else "".join(roles)


def _short(name: str) -> str:
    return name.partition(":")[2] or name


def _prices(name: str) -> tuple[float | None, float | None]:
    """For a million tokens of input and of output, at a short input: some models charge more for a long one."""
    if name.startswith("ollama:"):
        return 0.0, 0.0
    tariff = price_of(_short(name))
    if tariff is None:
        return None, None
    one, other = tariff.of(1000, 0), tariff.of(0, 1000)
    return (None if one is None else round(one * 1000, 6)), (None if other is None else round(other * 1000, 6))


def _window_tokens(name: str) -> int | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, model = get_snapshot().find_provider_model(name, None, None, None)
    except LookupError:
        return None
    return model.context_window


def _known(provider: str) -> list[str]:
    """The models of a provider that have a price, the widest window first."""
    from genai_prices.data_snapshot import get_snapshot

    (found,) = (one for one in get_snapshot().providers if one.id == provider)
    texts = [
        model
        for model in found.models
        if model.context_window
        and not model.deprecated
        and not _NO_TEXT.search(model.id)
        and (provider != "google" or model.id.startswith("gemini"))
    ]
    return [model.id for model in sorted(texts, key=lambda model: (-(model.context_window or 0), model.id))]


def _missing_packages() -> Iterator[str]:
    for key, package, *_ in DEFAULTS:
        if variable(key) and not find_spec(package):
            yield f"{key} is set, but {package.replace('_', '-')} is not installed"


def known_names() -> list[str]:
    """Names for completion: what the environment names, and all models with a price; nobody is asked."""
    names = [name for name, _ in _named(offline=True, everything=False, problems=[])]
    for provider, listed in _PROVIDERS.items():
        names += [f"{provider}:{name}" for name in _known(listed)]
    return list(dict.fromkeys(names))
