"""Prompt profiles: which one a root model gets, a user's own, and the numbers of the advice on batching."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlm_graph import RLMConfig, prompts
from rlm_graph.errors import ConfigError
from rlm_graph.parser import parse_reply
from rlm_graph.profiles import DEFAULT, SHIPPED, Profile, batch_advice, choose, load_profile
from rlm_graph.testing import Request


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("gpt-4.1-mini", "small"),
        ("openai/gpt-5-nano", "small"),
        ("claude-3-5-haiku-latest", "small"),
        ("gemini-2.5-flash-lite", "small"),
        ("phi3:mini", "small"),
        ("Llama-3.1-8B-Instruct", "small"),
        ("Qwen/Qwen3-8B", "small"),
        ("qwen3:8b-q4_K_M", "small"),
        ("gemma3:4b", "small"),
        ("qwen3:1.7b", "small"),
        ("gemma-3-12b-it", "small"),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "eager"),
        ("qwen3-30b-a3b", "eager"),
        ("qwen-max", "eager"),
        ("gpt-5", "default"),
        ("gemini-2.5-pro", "default"),
        ("google_genai:gemini-3-pro", "default"),
        ("mixtral-8x7b", "default"),
        ("llama-3.3-70b", "default"),
        ("gpt-oss-120b", "default"),
        ("claude-opus-4-1", "default"),
        ("", "default"),
    ],
)
def test_a_root_model_gets_the_profile_of_its_family(name: str, profile: str) -> None:
    """By its name, wherever in it the telling part stands; a Gemini is not `mini`."""
    assert choose(None, name).name == profile
    assert choose("auto", name).name == profile


def test_a_profile_that_is_asked_for_is_used_whatever_the_model() -> None:
    """By name or as an object; an unknown name is refused with those that there are."""
    assert choose("small", "gpt-5") is SHIPPED["small"]
    own = Profile(name="mine", note="Be brief.")
    assert choose(own, "qwen-max") is own
    with pytest.raises(ConfigError, match=r"no 'smal'; there are auto, small, eager, default.*load_profile"):
        choose("smal", "gpt-5")


def test_the_default_profile_adds_nothing() -> None:
    """The root prompt is as it stands for all."""
    assert Profile(name="default") == DEFAULT


def test_a_user_can_write_a_profile(tmp_path: Path) -> None:
    """A TOML file with the fields of a profile."""
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nmatches = ["acme-*"]\nnote = "In {items} items."\nchars_per_call = 12000\n')
    mine = load_profile(path)
    assert mine == Profile(name="mine", matches=("acme-*",), note="In {items} items.", chars_per_call=12_000)
    told = prompts.system(RLMConfig(), prompts.Abilities(profile=mine))
    assert "- In 100 items.\n" in told
    assert "(about 12,000 characters)" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "x"\nnotes = "?"', "notes: no such key; there are name, matches, note, examples"),
        ('note = "?"', "name: missing"),
        ('name = ""', "name: '' is not allowed"),
        ('name = "x"\nchars_per_call = 0', "chars_per_call: '0' is not allowed"),
        ('name = "x"\nchars_per_call = "9"', "chars_per_call: '9' is not allowed"),
        ('name = "x"\nmatches = "qwen*"', "matches: 'qwen\\*' is not allowed"),
        ('name = "x"\nexamples = [1]', "examples.0: '1' is not allowed"),
        ("name = x", "is no TOML file"),
    ],
)
def test_a_bad_profile_is_refused_in_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    """It names the file, the key and the value."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"(?s)(?=.*{words}).*bad\.toml"):
        load_profile(path)


@pytest.mark.parametrize("given", ["mine.toml", {"name": "mine"}])
def test_what_is_no_profile_is_refused(make_rlm: Callable[..., Any], given: Any) -> None:
    """When the graph is made; the message says how one comes in."""
    with pytest.raises(ConfigError, match=r"mine.*must be a Profile; load_profile\(path\)"):
        make_rlm([""], profile=given)


def test_a_profile_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    """No file, a folder, and bytes that are no text."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path, words in [("none.toml", "No such file"), (".", "directory"), ("binary.toml", "no TOML file")]:
        with pytest.raises(ConfigError, match=words):
            load_profile(tmp_path / path)


@pytest.mark.parametrize(
    ("window", "max_chars", "max_output", "expected"),
    [
        (None, 500_000, 8192, (500_000, 200_000, 100)),  # no window known: the settings and the paper's figure
        (1_000_000, 500_000, 8192, (500_000, 200_000, 100)),
        (128_000, 500_000, 8192, (350_000, 170_000, 100)),
        (32_768, 500_000, 8192, (73_000, 36_000, 100)),
        (8_192, 500_000, 8192, (12_000, 6_000, 100)),  # the answer may not take the whole window
        (2_048, 500_000, 8192, (3_000, 1_500, 25)),
        (None, 54_321, 1_200, (54_321, 48_000, 30)),
        (1, 1, 1, (1, 1, 1)),
    ],
)
def test_the_numbers_of_a_batch_follow_from_the_window(
    window: int | None, max_chars: int, max_output: int, expected: tuple[int, int, int]
) -> None:
    """With room for the task and the answer, and never less than 1."""
    advice = batch_advice(window, max_chars, max_output)
    assert (advice.max_chars, advice.chars, advice.items) == expected


def test_a_profiles_own_numbers_come_first() -> None:
    """As far as a prompt can hold them."""
    own = Profile(name="own", chars_per_call=50_000, items_per_call=7)
    assert batch_advice(None, 500_000, 8192, profile=own).chars == 50_000
    assert batch_advice(None, 500_000, 8192, profile=own).items == 7
    assert batch_advice(None, 10_000, 8192, profile=own).chars == 9_000


def test_what_a_run_does_not_have_is_not_in_its_examples() -> None:
    """A note or an example that needs sub-calls goes when there are none; one that does not stays."""
    own = Profile(
        name="own",
        note="Use `ask_user` first.",
        examples=("Example A: llm_query(...)", "Example B: rlm_query(...)", "Example C: {x} len(context)"),
    )
    told = prompts.system(RLMConfig(max_sub_calls=0), prompts.Abilities(profile=own, depth=1))
    assert re.findall(r"Example [ABC]", told) == ["Example C"]
    assert "{x}" in told  # braces of its own are left alone
    assert "ask_user" not in told
    told = prompts.system(RLMConfig(), prompts.Abilities(profile=own, depth=1, ask_user=True))
    assert re.findall(r"Example [ABC]", told) == ["Example A", "Example B", "Example C"]
    assert "- Use `ask_user` first.\n" in told


def test_the_note_for_eager_models_tells_the_numbers_of_the_run() -> None:
    """Items and characters for one sub-call of this sub-model."""
    models = (prompts.ModelLine("sub", window_tokens=32_768),)
    told = prompts.system(RLMConfig(), prompts.Abilities(profile=SHIPPED["eager"], models=models))
    assert "about 100 items, or 36,000 characters to read" in told
    assert "costs time and money" not in prompts.system(RLMConfig(), prompts.Abilities(models=models))


def small_examples(**options: Any) -> list[tuple[str, ...]]:
    """The cells of the examples that the small profile adds."""
    told = prompts.system(RLMConfig(**options), prompts.Abilities(profile=SHIPPED["small"]))
    return [parse_reply(example).cells for example in told.split("\nExample. ")[2:]]


def test_the_look_up_example_works(make_rlm: Callable[..., Any]) -> None:
    """Its code, run as it stands, finds the number."""
    cells, _ = small_examples()
    context = (
        "x" * 500
        + " Order 10492 came in.\n"
        + "y" * 500
        + " Order 10492 was sent on 3 May, tracking number TRK-88-1203.\n"
    )
    rlm = make_rlm([f"```repl\n{cell}\n```" for cell in cells])
    assert rlm.invoke({"query": "?", "context": context})["answer"] == "TRK-88-1203"
    assert "2 places" in rlm.server.requests[-1].text


def test_the_reading_example_works(make_rlm: Callable[..., Any]) -> None:
    """Its code, run as it stands over a text of many windows, keeps what is in the text and drops what is not."""
    _, cells = small_examples(sub_call_max_input_chars=10_000)
    reason = "The plan was rejected for its cost."

    def read(request: Request) -> str:
        if "from these sentences alone" in request.text:
            return f"Because: {request.text.splitlines()[-1]}"
        return f"{reason}\nA sentence that is made up." if reason in request.text else "NONE"

    rlm = make_rlm([f"```repl\n{cell}\n```" for cell in cells], read, config=RLMConfig(sub_call_max_input_chars=10_000))
    context = "Minutes. " * 2000 + reason + " Minutes." * 2000
    result = rlm.invoke({"query": "?", "context": context})
    assert result["answer"] == f"Because: {reason}"
    assert result["sub_calls"] == 6  # 36,035 characters, 9,000 in each prompt, and one for the answer
    shown = [message.text for message in result["messages"]]
    assert any("5 parts; 2 sentences, 1 of them in the text" in text for text in shown)
