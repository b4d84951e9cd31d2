"""The report: one page of HTML, tested in a browser."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import chromium, opened
from playwright.sync_api import expect

import rlm_graph.report
from rlm_graph.context import ContextRef
from rlm_graph.report import data, page, render
from rlm_graph.report.texts import MAX_TEXT_CHARS, fitting_limit, visible
from rlm_graph.story import Cell, Part, Slice, Story, SubCall, Totals, Turn

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BEGAN = 1_700_000_000.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of this file."""
    with chromium() as found:
        yield found


def call(number: int, prompt: str = "What is it?", answer: str = "It is red.", **more: Any) -> SubCall:
    """A sub-call that begins `number` tenths of a second after the run."""
    start = BEGAN + 1 + number / 10
    given: dict[str, Any] = {
        "failed": None,
        "model": "small",
        "requests": 1,
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_usd": 0.001,
        "started_at": start,
        "ended_at": start + 0.5,
    }
    return SubCall(f"{number:016x}", more.pop("kind", "llm_query"), prompt, answer, **{**given, **more})


def cell(code: str = "x = 1", stdout: str = "", calls: Sequence[SubCall] = (), **more: Any) -> Cell:
    """A cell that has ended."""
    given: dict[str, Any] = {"stdout_chars": len(stdout), "shown_chars": len(stdout), "error": None, "elapsed_s": 0.25}
    return Cell(code, stdout, **{**given, "started_at": BEGAN + 1, "ended_at": BEGAN + 9, **more}, calls=tuple(calls))


def turn(iteration: int, *cells: Cell, reasoning: str = "I think.", **more: Any) -> Turn:
    """A turn of the root model."""
    start = BEGAN + 10 * (iteration - 1)
    given: dict[str, Any] = {
        "prompt": "You answer a question.",
        "reply": f"{reasoning}\n```repl\nx = 1\n```",
        "model": "large",
        "started_at": start,
        "reply_ended_at": start + 0.9,
        "ended_at": start + 9,
        "input_tokens": 1000,
        "output_tokens": 50,
        "cost_usd": 0.02,
        "observation": "Output: none",
        "checkpoint_id": f"c{iteration}",
    }
    return Turn(iteration=iteration, reasoning=reasoning, cells=cells, **{**given, **more})


def story(*turns: Turn, **more: Any) -> Story:
    """A run that has answered."""
    given: dict[str, Any] = {
        "run": "nightly",
        "question": "Which colour is it?",
        "context": ContextRef("", "0" * 64, "documents", 2, 2000, 2000, ""),
        "status": "complete",
        "answered_by": "submitted",
        "answer": "Red.",
        "profile": "default",
        "started_at": BEGAN,
        "ended_at": BEGAN + 20,
        "totals": Totals(2, 3, 5, 0, 2, 12_345, 678, 0.5, 12.34),
        "models": {
            "large": {"requests": 2, "input_tokens": 12_000, "output_tokens": 600, "cost_usd": 0.4},
            "small": {"requests": 3, "input_tokens": 345, "output_tokens": 78, "cost_usd": 0.1},
        },
        "exhausted": None,
        "checkpoint_id": "c9",
        "parts": (Part("one.txt", 1500), Part("two.txt", 500)),
        "from_command_line": True,
    }
    return Story(turns=turns, **{**given, **more})


def written(told: Story, folder: Path, **options: Any) -> str:
    """The address of the page, in a file."""
    path = folder / "run.html"
    path.write_text(render(told, **options), encoding="utf-8")
    return path.as_uri()


A_STORY = story(
    turn(
        1,
        cell(
            "import re\nfor text in context:\n    print(llm_query(f'Read: {text}'))",
            "seen" * 10 + "unseen" * 10,
            [
                call(0, "Read: the first piece", "It is red.", slices=(Slice(0, "one.txt", 100, 115, 6),)),
                call(1, "Read: the second piece", "not allowed", failed="ModelServerError", model="small"),
                call(2, "Read: the third piece", "It is blue.", slices=(Slice(1, "two.txt", 0, 500, 6),)),
            ],
            shown_chars=40,
            variables={"text": "'the third piece'"},
        ),
        reasoning="First I look.",
    ),
    turn(2, cell("1 / 0", error="Traceback ...\nZeroDivisionError: division by zero"), reasoning="Then I divide."),
)


# What it shows. -------------------------------------------------------------------------------------------------------


def test_it_shows_question_answer_totals_and_every_turn(browser: Browser, tmp_path: Path) -> None:
    """And nothing is loaded for it."""
    asked: list[str] = []
    shown = opened(browser, written(A_STORY, tmp_path))
    shown.on("request", lambda request: asked.append(request.url))
    shown.reload()
    shown.wait_for_selector("html[data-ready]", state="attached")
    text = shown.inner_text("main")
    assert shown.inner_text("h1") == "Which colour is it?"
    assert shown.inner_text(".answer") == "Red."
    for words in (
        "12,345",
        "678",
        "$0.50",
        "12.3 s",
        "First I look.",
        "Then I divide.",
        "ZeroDivisionError",
        "1 failed",
    ):
        assert words in text, words
    assert "of which the root model saw the first 40" in text
    assert shown.inner_text(".unshown") == "unseen" * 10
    assert "rlm-graph fork nightly --at 1" in text
    assert "3 sub-calls that took 1.5 s added up, in 700 ms: up to 3 at once" in text
    assert "515 characters (26%) stand in prompts of sub-calls, of 2 of the 2 documents" in text
    assert not re.search("null|undefined|NaN|None", text.replace("Output: none", ""))
    assert asked == [shown.url]
    assert not shown.problems  # type: ignore[attr-defined]


def test_it_can_be_read_without_its_script(browser: Browser, tmp_path: Path) -> None:
    """But for sub-calls."""
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(written(A_STORY, tmp_path))
    text = shown.inner_text("body")
    for words in ("Which colour is it?", "Red.", "First I look.", "llm_query", "ZeroDivisionError", "switched off"):
        assert words in text, words
    context.close()


def test_the_code_is_highlighted_and_keeps_every_character() -> None:
    """The functions of the REPL stand out."""
    html = render(story(turn(1, cell("for x in y:\n\n    FINAL('<b>' & x)  # \N{GREEK SMALL LETTER ALPHA}\n"))))
    (code,) = re.findall(r"<pre class=\"code\".*?><code>(.*?)</code>", html, re.DOTALL)
    assert '<span class="k">for</span>' in code
    assert '<span class="fm">FINAL</span>' in code
    assert code.count('<span class="l">') == 3
    assert "&lt;b&gt;" in code
    assert "<b>" not in code


def test_a_status_of_each_kind_is_shown() -> None:
    """With what the run waits for."""
    assert "Waiting for a person" in render(story(status="waiting", answer=None, waiting=("Which one?",)))
    assert "Which one?" in render(story(status="waiting", answer=None, waiting=("Which one?",)))
    assert "Interrupted" in render(story(status="interrupted", answer=None))
    assert "max_usd" in render(story(status="out_of_budget", exhausted="max_usd"))
    assert "The answer is an empty text." in render(story(answer=""))


def test_a_reply_without_code_is_named_so_wherever_it_stands() -> None:
    """It does not count: the first has the number of the one after it, others that of the one before."""
    html = render(story(turn(1), turn(1, cell()), turn(2, cell()), turn(2), turn(3, cell())))
    titles = re.findall(r'<h3 id="h-t\d"><a href="#t\d">(.*?)</a>', html)
    assert titles == [
        "Iteration 1, without code",
        "Iteration 1",
        "Iteration 2",
        "Iteration 2, without code",
        "Iteration 3",
    ]


def test_a_cell_that_runs_says_since_when_and_what_is_under_way() -> None:
    """As it last told; of a run that was cut off nothing is under way any more."""
    running = cell(ended=False, ended_at=None, elapsed_s=None, asked=1234)
    html = render(story(turn(1, running), status="running", answer=None))
    assert "<span>1,234 sub-calls under way</span>" in html
    since = datetime.fromtimestamp(BEGAN + 1).astimezone()
    assert f"runs since {since:%H:%M:%S} \N{MIDDLE DOT} 1,234 sub-calls under way" in html
    cut_off = render(story(turn(1, running), status="interrupted", answer=None))
    assert "has not ended" in cut_off
    assert "under way" not in re.sub(r"<script.*?</script>", "", cut_off, flags=re.DOTALL)


def test_what_has_not_ended_is_drawn_up_to_now(browser: Browser, tmp_path: Path) -> None:
    """A cell, a child with its calls, the root model; of a run that was cut off, up to its end."""
    inner = turn(1, cell("y = 2", calls=[call(3)], ended=False, ended_at=None, asked=2), observation="", ended_at=None)
    child = call(2, kind="rlm_query", model=None, answer="", ended_at=None, child=(inner,))
    running = cell("x = 1", calls=[call(0), child], ended=False, ended_at=None, elapsed_s=None, asked=4)
    goes_on = story(turn(1, running, observation="", ended_at=None), status="running", answer=None, ended_at=None)
    shown = opened(browser, written(goes_on, tmp_path))
    expect(shown.locator(".status")).to_have_text("Running 5 sub-calls, 1 child under way")
    assert shown.locator("#tree .row.call .num:last-child").all_inner_texts() == ["500 ms", "goes on", "500 ms"]
    assert shown.locator("#timeline-lead").inner_text().startswith("3 sub-calls")
    assert is_drawn(shown, place=0.9, top=41), "the cell's bar reaches up to now"
    shown.goto(written(replace(goes_on, status="interrupted", ended_at=BEGAN + 4), tmp_path))
    expect(shown.locator("#tree .row.call .num:last-child")).to_have_text(["500 ms", "was cut off", "500 ms"])
    assert is_drawn(shown, place=0.9, top=41)
    thinks = story(turn(1, cell()), status="running", answer=None, ended_at=None)
    shown.goto(written(thinks, tmp_path))
    since = datetime.fromtimestamp(BEGAN + 9).astimezone()
    expect(shown.locator(".status")).to_have_text(f"Running the root model thinks since {since:%H:%M:%S}")
    assert not is_drawn(shown, place=0.9, top=41)
    assert is_drawn(shown, place=0.9, top=22), "the frame of the reply that is waited for"
    assert not shown.problems  # type: ignore[attr-defined]


def is_drawn(shown: Page, *, place: float, top: int) -> bool:
    """Whether there is something in the timeline, that many pixels below its top."""
    shown.wait_for_selector("html[data-ready]", state="attached")
    script = """([place, top]) => {
        const canvas = document.getElementById("timeline-canvas"), scale = window.devicePixelRatio;
        return canvas.getContext("2d").getImageData(canvas.width * place, top * scale, 1, 1).data[3] > 0;
    }"""
    return bool(shown.evaluate(script, [place, top]))


def test_commands_are_those_of_who_began_the_run() -> None:
    """The command line, with where its storage is; or a program."""
    stopped = story(turn(1), turn(2), status="stopped", answer=None)
    html = render(stopped, words=["--store", "a b"])
    assert "rlm-graph resume nightly --store &#39;a b&#39;" in html
    assert "rlm-graph fork nightly --at 1 --store &#39;a b&#39;" in html
    html = render(
        story(turn(1), turn(2), turn(3), status="out_of_budget")
    )  # the third was the last question: no iteration
    assert "rlm-graph fork nightly --at 2 --query ..." in html
    codeless = story(
        turn(1), turn(1, cell()), turn(2, cell()), turn(2), turn(3, cell())
    )  # 1 and 2 have two replies each
    forks = re.findall(r"Go another way from here</span><code>rlm-graph fork nightly --at (\d+)<", render(codeless))
    assert forks == ["0", "0", "1", "2", "2"]
    html = render(replace(stopped, from_command_line=False))
    assert "rlm-graph resume" not in html
    assert "rlm.invoke(None, {&#34;configurable&#34;: {&#34;thread_id&#34;: &#39;nightly&#39;}})" in html
    assert "&#34;checkpoint_id&#34;: &#39;c2&#39;" in html


# Texts of all kinds. --------------------------------------------------------------------------------------------------

HOSTILE = (
    "</script></style></title><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    "<svg onload=alert(1)>\"'`{{ 7 * 7 }}${window.hacked = 3}]]>--><!--"
)


def test_hostile_texts_are_texts(browser: Browser, tmp_path: Path) -> None:
    """Wherever they come from: nothing in them is run, and each is there to be read."""
    calls = [
        call(0, HOSTILE + "prompt", HOSTILE + "answer", model=HOSTILE, slices=(Slice(0, HOSTILE, 0, 40, 3),)),
        call(1, HOSTILE, HOSTILE, failed=HOSTILE),
        call(
            2,
            HOSTILE,
            HOSTILE,
            kind="rlm_query",
            child=(turn(1, cell(HOSTILE, HOSTILE, [call(3, HOSTILE)], error=HOSTILE), reasoning=HOSTILE),),
        ),
    ]
    inside = cell(HOSTILE, HOSTILE, calls, error=HOSTILE, variables={HOSTILE: HOSTILE}, shown_chars=20)
    of_model = {"requests": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": None}
    hostile = story(
        turn(1, inside, reasoning=HOSTILE, model=HOSTILE, prompt=HOSTILE, observation=HOSTILE, checkpoint_id=HOSTILE),
        question=HOSTILE,
        answer=HOSTILE,
        run=HOSTILE,
        models={HOSTILE: of_model},
        exhausted=HOSTILE,
        parts=(Part(HOSTILE, 100), Part("b", 10)),
        notes=(HOSTILE,),
        context=ContextRef("", "0" * 64, "documents", 2, 110, 110, HOSTILE, skipped=(HOSTILE,), skipped_count=1),
    )
    shown = opened(browser, written(hostile, tmp_path))
    assert shown.inner_text(".answer") == HOSTILE
    assert shown.inner_text("h1") == HOSTILE
    shown.click("details.asked summary")
    for number in range(3):
        shown.locator("details.asked .row.call").nth(number).locator(".reply").click()
        assert HOSTILE in shown.inner_text("#panel")
        shown.keyboard.press("Escape")
    shown.hover("#strip")
    assert HOSTILE[:20] in shown.inner_text("#strip-tip")
    shown.keyboard.press("t")
    shown.keyboard.press("ArrowRight")
    assert shown.evaluate("window.hacked") is None
    assert shown.locator("main img, main script, main svg[onload]").count() == 0
    assert not shown.problems  # type: ignore[attr-defined]


def test_a_script_that_came_into_the_page_would_not_run(browser: Browser, tmp_path: Path) -> None:
    """The second line of defence: the page's policy lets nothing work but its own script and style."""
    path = tmp_path / "run.html"
    html = render(A_STORY).replace(
        "</main>", "<script>window.hacked = 1</script><b onclick='1' style='color: red'></b></main>"
    )
    path.write_text(html)
    shown = opened(browser, path.as_uri())
    assert shown.evaluate("window.hacked") is None
    assert len(shown.problems) >= 2  # type: ignore[attr-defined]
    assert all("Content Security Policy" in problem for problem in shown.problems)  # type: ignore[attr-defined]
    assert shown.evaluate("fetch('https://example.org').then(() => 1, () => 2)") == 2


def test_what_cannot_be_seen_is_made_visible(browser: Browser, tmp_path: Path) -> None:
    """NUL, control characters, lone surrogates, text that is turned around; each still one character."""
    strange = "a\0b\x1b[31mc\ud800d\u202ee\U0001f600\tf\r\n"
    assert visible(strange) == "a\u2400b\u241b[31mc\ufffdd\ufffde\U0001f600\tf\r\n"
    one = call(0, strange + "piece", strange, slices=(Slice(0, "one.txt", 0, 5, len(strange)),))
    shown = opened(
        browser, written(story(turn(1, cell(strange, strange, [one])), question=strange, answer=strange), tmp_path)
    )
    shown.click("details.asked summary")
    shown.click("details.asked .row")
    assert shown.inner_text("#panel mark") == "piece"  # although JavaScript counts the emoji twice
    assert not shown.problems  # type: ignore[attr-defined]


def test_long_texts_are_cut_and_say_so(browser: Browser, tmp_path: Path) -> None:
    """At 100,000 characters; where there are very many, shorter, so that the page stays small."""
    told = story(turn(1, cell(calls=[call(0, "p" * (MAX_TEXT_CHARS + 1234))])))
    shown = opened(browser, written(told, tmp_path))
    shown.click("details.asked summary")
    shown.click("details.asked .row")
    assert "1,234 more characters" in shown.inner_text("#panel")
    assert fitting_limit([1000] * 10_000) == MAX_TEXT_CHARS
    assert 200 <= fitting_limit([500_000] * 1000) < 30_000


# How it is used. ------------------------------------------------------------------------------------------------------


def test_sub_calls_are_found_opened_and_left_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Filter, list, panel, next one, back to where one was."""
    shown = opened(browser, written(A_STORY, tmp_path))
    shown.keyboard.press("/")
    shown.keyboard.type("piece failed")
    expect(shown.locator("#filter-count")).to_have_text("1 of 3")
    assert shown.locator("#tree .row.call").count() == 1
    shown.keyboard.press("Escape")
    expect(shown.locator("#filter-count")).to_have_text("")
    shown.keyboard.press("Enter")  # from the filter into the list
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("Enter")
    assert shown.inner_text("#panel mark") == "the first piece"
    assert shown.inner_text("#panel h2") == "Sub-call of iteration 1"
    assert not re.search("null|undefined|NaN", shown.inner_text("#panel"))
    shown.keyboard.press("j")
    assert "ModelServerError" in shown.inner_text("#panel")
    shown.keyboard.press("k")
    shown.click("#panel .read")
    assert shown.inner_text("#strip-selected") == "one.txt, characters 100 to 115"
    assert shown.is_hidden("#panel")
    shown.focus("#tree")
    shown.keyboard.press("Enter")
    shown.keyboard.press("Escape")
    assert shown.evaluate("document.activeElement.id") == "tree"


def test_the_timeline_is_walked_and_zoomed_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """It says where one is; Enter opens."""
    shown = opened(browser, written(A_STORY, tmp_path))
    shown.keyboard.press("t")
    assert shown.evaluate("document.activeElement.id") == "timeline-canvas"
    assert shown.inner_text("#announce").startswith("Sub-call 1 of 3, small, 500 ms")
    shown.keyboard.press("ArrowRight")
    assert shown.inner_text("#announce") == "Sub-call 2 of 3, small, 500 ms, failed"
    assert "Read: the second piece" in shown.inner_text("#tip")
    shown.keyboard.press("ArrowDown")
    assert shown.inner_text("#announce").startswith("Sub-call 3 of 3")
    before = _pixels(shown)
    shown.keyboard.press("+")
    zoomed = _pixels(shown)
    assert zoomed != before
    shown.keyboard.press("0")
    assert _pixels(shown) == before
    shown.mouse.move(*_middle(shown))
    shown.mouse.wheel(0, -300)
    assert _pixels(shown) != before
    shown.keyboard.press("Enter")
    assert "the third piece" in shown.inner_text("#panel")


def _pixels(shown: Page) -> str:
    return str(shown.evaluate("document.getElementById('timeline-canvas').toDataURL()"))


def _middle(shown: Page) -> tuple[float, float]:
    box = shown.locator("#timeline-canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + 10


def test_iterations_are_walked_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """j, k; skip links; landmarks and headings for who hears the page."""
    told = story(*(turn(number, cell("x = 1\n" * 40)) for number in range(1, 5)))
    shown = opened(browser, written(told, tmp_path))
    for key, expected in (("j", "t1"), ("j", "t2"), ("j", "t3"), ("k", "t2")):
        shown.keyboard.press(key)
        assert shown.evaluate("document.activeElement.id") == expected
    shown.keyboard.press("?")
    assert shown.is_visible("#help")
    shown.keyboard.press("Escape")
    assert shown.is_hidden("#help")
    shown.reload()
    shown.wait_for_selector("html[data-ready]", state="attached")
    shown.keyboard.press("Tab")
    assert shown.inner_text(":focus") == "Skip to the answer"
    assert shown.evaluate("getComputedStyle(document.activeElement).left") == "12px"
    for landmark in ("banner", "navigation", "main"):
        assert shown.get_by_role(landmark).count() == 1, landmark
    assert shown.locator("h1").count() == 1


def test_children_are_a_tree(browser: Browser, tmp_path: Path) -> None:
    """Their calls below the call that they answer; closed with the left arrow."""
    child = (turn(1, cell("y = llm_query('inside')", "printed", [call(1, "inside")])),)
    shown = opened(browser, written(story(turn(1, cell(calls=[call(0, kind="rlm_query", child=child)]))), tmp_path))
    rows = shown.locator("#tree [role=treeitem]")
    assert [rows.nth(at).get_attribute("aria-level") for at in range(rows.count())] == ["1", "2", "3"]
    shown.focus("#tree")
    shown.keyboard.press("ArrowDown")
    shown.keyboard.press("ArrowLeft")
    assert rows.count() == 2
    shown.keyboard.press("Enter")
    assert "y = llm_query('inside')" in shown.inner_text("#panel .child")
    assert shown.locator("#legend li").all_inner_texts() == ["large", "small", "code runs", "child"]


def test_the_strip_is_as_dark_as_much_was_read(browser: Browser, tmp_path: Path) -> None:
    """Where a column of it holds many documents of which few were read, it is pale, and not filled."""
    documents = [Part(None, 100)] * 10_000
    few = [call(at, slices=(Slice(10 * at, None, 0, 100),)) for at in range(500)]  # each 10th of the first half
    all_others = call(999, slices=tuple(Slice(at, None, 0, 100) for at in range(5000, 10_000)))
    shown = opened(browser, written(story(turn(1, cell(calls=[*few, all_others])), parts=tuple(documents)), tmp_path))
    script = """() => [0, 1].map((half) => {
        const canvas = document.getElementById("strip"), wide = Math.floor(canvas.width / 2) - 10;
        const { data } = canvas.getContext("2d").getImageData(half * (wide + 15), canvas.height / 2, wide, 1);
        return data.filter((_, at) => at % 4 === 0).reduce((sum, red) => sum + red, 0) / wide;
    })"""
    pale, dark = shown.evaluate(script)
    assert pale > 180 > 150 > dark


def test_light_and_dark_follow_the_system_until_somebody_chooses(browser: Browser, tmp_path: Path) -> None:
    """By the button."""
    address = written(A_STORY, tmp_path)
    colours = {}
    for scheme in ("light", "dark"):
        shown = opened(browser, address, color_scheme=scheme)
        colours[scheme] = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        shown.click("#theme")
        colours[f"not {scheme}"] = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours["light"] == colours["not dark"] == "rgb(252, 252, 250)"
    assert colours["dark"] == colours["not light"] == "rgb(21, 21, 19)"


def test_every_colour_can_be_read() -> None:
    """WCAG AA: 4.5 to 1 for texts, 3 to 1 for what is no text, in light and dark."""
    style = (Path(rlm_graph.report.__file__).parent / "page/page.css").read_text()
    themes = [
        dict(re.findall(r"--(\w+(?:-\w+)?): (#\w{6})", block))
        for block in re.findall(r"\{([^{}]*--paper: [^{}]*)\}", style)
    ]
    assert len(themes) == 3
    assert themes[1] == themes[2]
    for theme in themes:
        for text in ("ink", "soft", "accent", "good", "fair", "bad", "k", "s", "c", "n", "f"):
            for ground in ("paper", "raised", "sunk"):
                assert _contrast(theme[text], theme[ground]) >= 4.5, (text, ground, theme[text])
        assert _contrast(theme["bad"], theme["bad-sunk"]) >= 4.5
        assert _contrast(theme["ink"], theme["mark"]) >= 4.5
        for drawn in ("firm", *(f"m{number}" for number in range(8))):
            assert _contrast(theme[drawn], theme["paper"]) >= 3, (drawn, theme[drawn])


def _contrast(one: str, other: str) -> float:
    lights = sorted(_light(colour) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_each_paragraph_has_its_own_direction(browser: Browser, tmp_path: Path) -> None:
    """Arabic and Hebrew begin at the right, what stands beside them at the left; code always does."""
    asked = call(0, "\u05e9\u05dc\u05d5\u05dd", "left")
    told = story(turn(1, cell("# \u05e9", calls=[asked]), reasoning="\u05e9"), answer="\u05e9\nleft", question="\u05e9")
    shown = opened(browser, written(told, tmp_path))
    shown.click("details.asked summary")
    shown.locator("details.asked .row.call").first.click()
    left = """(selector) => [...document.querySelectorAll(selector)].map((box) => {
        const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT), range = document.createRange();
        range.selectNodeContents(walker.nextNode());
        const frame = box.getBoundingClientRect();
        const lines = [...range.getClientRects()].filter((one) => one.width);
        return lines.map((one) => one.left - frame.left < frame.right - one.right);
    })"""
    assert shown.evaluate(left, ".answer") == [[False, True]]
    assert shown.evaluate(left, "h1") == [[False]]
    assert shown.evaluate(left, ".reasoning") == [[False]]
    assert shown.evaluate(left, "#panel pre") == [[False], [True]]
    assert shown.evaluate(left, "pre.code .l") == [[True, True]]


@pytest.mark.parametrize("width", [400, 800, 1600])
def test_it_fits_every_width(browser: Browser, tmp_path: Path, width: int) -> None:
    """Nothing has to be scrolled sideways, long words neither."""
    models = {"a-model-with-a-rather-long-name-2026-11-22": A_STORY.models["large"], **A_STORY.models}
    told = replace(A_STORY, answer="w" * 500, run="r" * 100, question="Why " + "q" * 300, models=models)
    shown = opened(browser, written(told, tmp_path), viewport={"width": width, "height": 800})
    shown.click("details.asked summary")
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.evaluate(
        "[...document.querySelectorAll('.scroll')].every((box) => box.scrollWidth <= box.clientWidth)"
    )
    shown.locator("details.asked .row.call").first.click()
    assert shown.evaluate("document.getElementById('panel').scrollWidth <= innerWidth")


def test_it_can_be_printed_and_stands_still(browser: Browser, tmp_path: Path) -> None:
    """On paper there are no buttons, and it is light; who wants no motion sees none."""
    running = replace(A_STORY, status="running", answer=None)
    shown = opened(browser, written(running, tmp_path), color_scheme="dark", reduced_motion="reduce")
    assert shown.evaluate("getComputedStyle(document.querySelector('.status i')).animationName") == "none"
    shown.emulate_media(reduced_motion="no-preference")
    assert shown.evaluate("getComputedStyle(document.querySelector('.status i')).animationName") == "breathe"
    shown.emulate_media(media="print", color_scheme="dark")
    assert shown.is_hidden(".bar")
    assert shown.is_hidden(".filter")
    assert shown.evaluate("getComputedStyle(document.body).color") == "rgb(28, 27, 25)"


# Large runs, and runs that go on. -------------------------------------------------------------------------------------


def test_ten_thousand_sub_calls_stay_fluent(browser: Browser, tmp_path: Path) -> None:
    """A file of a few megabytes, open after a second's work, with no more rows than are seen."""
    chosen = random.Random(1)
    words = re.findall(r"\w+", (Path(__file__).parent.parent / "README.md").read_text())
    calls = [
        call(
            at,
            f"Label number {at}: {' '.join(chosen.choices(words, k=150))}"[:1000],
            " ".join(chosen.choices(words, k=10)),
        )
        for at in range(10_000)
    ]
    path = tmp_path / "run.html"
    path.write_text(render(story(turn(1, cell(calls=calls)))), encoding="utf-8")
    assert path.stat().st_size < 10_000_000
    shown = browser.new_page()
    meter = shown.context.new_cdp_session(shown)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})  # what others do on this machine is not counted
    shown.goto(path.as_uri())
    shown.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
    worked_s = _worked_s(meter)
    assert worked_s < 1, worked_s
    assert shown.locator("#tree .row").count() < 60
    shown.evaluate("document.getElementById('tree').scrollTop = 5000 * 30")
    expect(shown.locator("#tree .row[data-at='5005']")).to_be_attached()
    before = _worked_s(meter)
    shown.keyboard.press("t")
    for _ in range(10):
        shown.keyboard.press("+")
        shown.keyboard.press("ArrowRight")
    assert (_worked_s(meter) - before) / 20 < 0.1
    shown.keyboard.press("/")
    shown.keyboard.type("number 7777:")
    expect(shown.locator("#filter-count")).to_have_text("1 of 10,000")


def _worked_s(meter: Any) -> float:
    return next(
        float(one["value"]) for one in meter.send("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration"
    )


def test_a_live_page_is_told_what_has_changed_only() -> None:
    """By the hashes of what it has."""
    before = story(turn(1, cell(calls=[call(0)])), status="running", answer=None)
    after = story(turn(1, cell(calls=[call(0)])), turn(2, cell(calls=[call(1)])))
    first = json.loads(data(before))
    assert first["goes_on"]
    assert [len(first[name]) for name in ("turns", "chunks", "sections")] == [1, 1, 4]
    have = [one["hash"] for one in [*first["turns"], *first["chunks"], *first["sections"].values()]]
    second = json.loads(data(after, ",".join([*have, "parts-2"])))
    assert not second["goes_on"]
    assert [sorted(one) for one in second["turns"]] == [["hash"], ["hash", "html"]]
    assert "calls" not in second["chunks"][0]
    assert second["chunks"][1]["calls"]["prompt"] == ["What is it?"]
    assert second["parts"] is None
    assert "summary" in second["sections"]
    assert "context" not in second["sections"]


def test_only_a_live_page_may_ask_its_server() -> None:
    """A file asks nobody."""
    assert "connect-src &#39;none&#39;" in render(A_STORY)
    assert "connect-src &#39;self&#39;" in page(A_STORY)
    assert 'data-live="data"' in page(A_STORY)
    assert "data-live" not in render(A_STORY).partition("<style>")[0]
