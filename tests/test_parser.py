"""From replies to cells and typed answers: the forms that models are seen to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_graph.parser import (
    Reply,
    TypedAnswer,
    parse_reply,
    typed_answer_cell,
    typed_answer_text,
    typed_answer_value,
)

CODE = "x = 1\nprint(x)"


@pytest.mark.parametrize(
    "reply",
    [
        f"Let me look.\n```repl\n{CODE}\n```",
        f"```python\n{CODE}\n```\nThat is it.",
        f"```py\n{CODE}\n```",
        f"```\n{CODE}\n```",
        f"```REPL\n{CODE}\n```",
        f"```Python\n{CODE}\n```",
        f"``` python \n{CODE}\n```",
        f"```python title=a.py\n{CODE}\n```",
        f"~~~python\n{CODE}\n~~~",
        f"````repl\n{CODE}\n````",
        "1. First:\n   ```python\n   x = 1\n   print(x)\n   ```",
        f"```repl\n{CODE}",
        f"<think>\n```python\nnot this\n```\n</think>\n```repl\n{CODE}\n```",
        f"```repl\n{CODE}\n```".replace("\n", "\r\n"),
        f"```json\n{{}}\n```\n```repl\n{CODE}\n```",
        f"```\nsome output\n```\n```python\n{CODE}\n```",
    ],
    ids=range(16),
)
def test_one_block_is_one_cell(reply: str) -> None:
    """Backticks or tildes, any case, indented, unclosed, thought before: the code comes out as written."""
    assert parse_reply(reply).cells == (CODE,)


def test_blocks_run_in_order() -> None:
    """Several blocks are several cells."""
    assert parse_reply("```repl\na = 1\n```\nthen\n```python\nb = 2\n```").cells == ("a = 1", "b = 2")


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_a_fence_inside_a_string_does_not_end_the_block(quotes: str) -> None:
    """Code that builds a prompt with a fence in it stays whole."""
    code = f"prompt = f{quotes}Answer:\n```\n{{x}}\n```\n{quotes}\nprint(prompt)"
    assert parse_reply(f"```repl\n{code}\n```\nDone.").cells == (code,)


def test_quotes_in_comments_and_short_strings_open_nothing() -> None:
    """An apostrophe in a comment, and triple quotes in a short string, hide no fence."""
    code = "# don't '''\nx = \"'''\"\ny = 'it\\'s'"
    assert parse_reply(f"```repl\n{code}\n```\nText\n```\n").cells == (code,)


def test_a_string_that_is_never_closed_still_ends_at_the_fence() -> None:
    """A syntax error of the model reaches the REPL as its own code, not with the prose behind it."""
    assert parse_reply('```repl\nx = """oops\n```\nProse.').cells == ('x = """oops',)


@pytest.mark.parametrize("reply", ["", None, "I think it is 5.", "```json\n{}\n```", "```repl\n\n```", "   "])
def test_a_reply_without_code_has_no_cells(reply: str | None) -> None:
    """Nothing, prose, data and empty blocks are no code, and no answer."""
    assert parse_reply(reply) == Reply((), None)


@pytest.mark.parametrize(
    ("reply", "form", "text"),
    [
        ("FINAL(42)", "FINAL", "42"),
        ("The work is done.\n\nFINAL(Paris (France))", "FINAL", "Paris (France)"),
        ("**FINAL(yes)**", "FINAL", "yes"),
        ("`FINAL_VAR(result)`", "FINAL_VAR", "result"),
        ('FINAL_VAR("result")', "FINAL_VAR", '"result"'),
        ("FINAL(first)\nno:\nFINAL(second)", "FINAL", "second"),
        ("FINAL(several\nlines)", "FINAL", "several\nlines"),
        ("FINAL(never closed", "FINAL", "never closed"),
        ("FINAL(a smiley :( and on)\n", "FINAL", "a smiley :( and on"),
        ("Final answer: FINAL(7)", "FINAL", "7"),
    ],
)
def test_typed_answers_are_read(reply: str, form: str, text: str) -> None:
    """FINAL(...) and FINAL_VAR(...) outside of code, at the beginning of a line."""
    answer = parse_reply(reply).typed_answer
    assert answer is not None
    assert (answer.form, answer.text) == (form, text)


@pytest.mark.parametrize("reply", ["I will call FINAL(x) later.", "MYFINAL(3)", "FINAL is a function"])
def test_speaking_of_final_is_no_answer(reply: str) -> None:
    """Only a line that begins with it submits."""
    assert parse_reply(reply).typed_answer is None


def test_code_wins_over_a_typed_answer() -> None:
    """A model that writes both has made up the output that it has not seen."""
    assert parse_reply("```repl\nprint(1)\n```\nFINAL(made up)") == Reply(("print(1)",), None)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("result", "FINAL(result)"),
        ('result["total"]', 'FINAL(result["total"])'),
        ("len(result)", "FINAL(len(result))"),
        ('f"{result} files"', 'FINAL(f"{result} files")'),
        ("Paris", None),
        ("42", None),
        ('"result"', None),
        ("the result is 5", None),
        ("result + other", None),
    ],
)
def test_a_typed_answer_that_names_variables_means_their_values(text: str, cell: str | None) -> None:
    """FINAL(result) submits the variable if there is one, and is plain text otherwise."""
    assert typed_answer_cell(TypedAnswer("FINAL", text), frozenset({"result"})) == cell


def test_final_var_always_names_a_variable() -> None:
    """Whatever quotes are around it."""
    for text in ("result", '"result"', "'result'", "`result`"):
        assert typed_answer_cell(TypedAnswer("FINAL_VAR", text), frozenset()) == "FINAL_VAR('result')"


@pytest.mark.parametrize(
    ("text", "is_cell"),
    [
        ("'a', evidence=['quoted']", True),
        ("result, evidence=[(0, 1, 5)]", True),
        ("result, evidence=[context[0], result]", True),
        ("'a', evidence=[unknown]", False),
        ("'a', evidence=[print('x')]", False),
        ("the evidence = what they said", False),
        ("evidence == proof", False),
    ],
)
def test_a_typed_answer_with_evidence_is_submitted_by_a_cell(text: str, is_cell: bool) -> None:
    """Where it names nothing that is not there: prose stays prose."""
    cell = typed_answer_cell(TypedAnswer("FINAL", text), frozenset({"result"}))
    assert cell == (f"FINAL({text})" if is_cell else None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': (1, None, True)}", '{"a": [1, null, true]}'),
        ('{"a": true}', '{"a": true}'),
        ("None", "null"),
        ("'text'", "text"),
        ("some text", "some text"),
        ("{1, 2}", "{1, 2}"),
        ("1e999", "1e999"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_a_typed_value_is_read_as_python_or_as_json(text: str, value: str) -> None:
    """As JSON, if it is Python; else as it stands."""
    assert typed_answer_value(TypedAnswer("FINAL", text)) == value


def test_quotes_around_a_typed_answer_are_dropped() -> None:
    """Around the whole of it only."""
    assert typed_answer_text(TypedAnswer("FINAL", '"a \\"b\\""')) == 'a "b"'
    assert typed_answer_text(TypedAnswer("FINAL", '"a" or "b"')) == '"a" or "b"'


@given(st.text(alphabet="`~ \n'\"\\#abFINAL()_VARrepl", max_size=200))
def test_any_text_can_be_parsed(text: str) -> None:
    """No reply makes the parser fail, and every cell is a part of the reply."""
    reply = parse_reply(text)
    assert all(line.strip() in text for cell in reply.cells for line in cell.splitlines())
    if reply.typed_answer is not None:
        typed_answer_text(reply.typed_answer)
        typed_answer_cell(reply.typed_answer, frozenset({"a"}))
