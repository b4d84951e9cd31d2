"""Compaction: what is removed and what stays, the notes, and the words in which servers refuse what is too long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, SystemMessage, message_to_dict
from langchain_core.messages.utils import count_tokens_approximately

from rlm_graph import compaction
from rlm_graph.compaction import Compacted, compact, fits_directly, needs_compaction, tokens
from rlm_graph.context import ContextStore
from rlm_graph.errors import BudgetExceeded, ModelRateLimitError, ModelServerError
from rlm_graph.models.failures import model_error
from rlm_graph.models.refusals import is_window_error
from rlm_graph.state import append_messages, role
from rlm_graph.testing import Reply

WINDOW = 8_000
SYSTEM = SystemMessage("You answer a question. " * 40)


def marked(message: BaseMessage, kind: str | None, name: str) -> Any:
    """A message as the graph writes it."""
    kwargs = {"rlm": {"role": kind}} if kind else {}
    return message.model_copy(update={"id": name, "additional_kwargs": kwargs})


def asked(name: str = "q") -> Any:
    """A question."""
    return marked(HumanMessage("How many?"), None, name)


def turn(number: int, chars: int = 1200, *, reported: int | None = None) -> list[Any]:
    """A reply and its observation, which printed so many characters; `reported`: tokens that the model counted."""
    code = AIMessage(f"```repl\nx{number} = look({number})\nprint(x{number})\n```")
    if reported is not None:
        code.usage_metadata = {"input_tokens": reported, "output_tokens": 40, "total_tokens": reported + 40}
    output = f"Output:\n{number} is the number. {'z' * chars}"
    printed = f"{output}\n\nVariables set:\n  x{number}: int {number}\n\nLeft: 3 of 25 turns."
    return [marked(code, "code", f"c{number}"), marked(HumanMessage(printed), "observation", f"o{number}")]


def conversation(turns: int, chars: int = 1200) -> list[Any]:
    """A question and its turns."""
    return [asked(), *(message for number in range(1, turns + 1) for message in turn(number, chars))]


class Writer:
    """A root model that writes notes."""

    def __init__(self, reply: str | Exception = "There are 12 so far; x3 holds them.") -> None:
        self.reply = reply
        self.requests: list[list[BaseMessage]] = []

    async def __call__(self, messages: list[BaseMessage]) -> str:
        self.requests.append(messages)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def compacted(
    messages: Sequence[Any], writer: Writer, *, turn_start: int = 0, window: int | None = WINDOW, **variables: str
) -> Compacted | None:
    """The conversation after compaction."""
    head = [SYSTEM, messages[turn_start]]
    return asyncio.run(
        compact(messages, writer, turn_start=turn_start, head=head, variables=variables, window_tokens=window)
    )


def ids(messages: Sequence[Any]) -> list[str]:
    """The ids of messages."""
    return [str(message.id) for message in messages]


def test_old_turns_give_way_to_notes_and_the_last_ones_stay() -> None:
    """The notes stand where the turns stood, behind the question."""
    before = conversation(20)
    after = compacted(before, Writer(), x3="int 3")
    assert after is not None
    assert ids(after.messages) == ["q", "c1", "c17", "o17", "c18", "o18", "c19", "o19", "c20", "o20"]
    assert after.messages[2:] == before[-8:]
    notes = after.messages[1]
    assert (notes.type, role(notes)) == ("human", "observation")
    assert "Your first 16 turns" in notes.text
    assert "There are 12 so far; x3 holds them.\n" in notes.text
    assert notes.text.endswith("x3: int 3")
    assert after.by_model
    assert [entry["role"] for entry in after.removed] == ["code", "observation"] * 16
    assert after.removed[1]["content"] == before[2].text


def test_the_model_is_asked_once_with_the_turns_that_go() -> None:
    """After the same messages as before, which its server may have cached."""
    writer, before = Writer(), conversation(20)
    compacted(before, writer)
    [request] = writer.requests
    assert request[:2] == [SYSTEM, before[0]]
    assert request[2:-1] == before[1:33]
    assert "Write the notes that you need to go on" in request[-1].text


def test_a_second_compaction_takes_up_the_first_notes() -> None:
    """They are shown to the model, removed as a summary, and their turns are counted in."""
    first = compacted(conversation(20), Writer("Notes one."))
    assert first is not None
    longer = [*first.messages, *(message for number in range(21, 41) for message in turn(number))]
    writer = Writer("Notes two.")
    second = compacted(longer, writer)
    assert second is not None
    assert "Notes one." in writer.requests[0][2].text
    assert second.removed[0] == {"role": "summary", "content": first.messages[1].text}
    assert [entry["role"] for entry in second.removed[1:]] == ["code", "observation"] * 20
    assert "Your first 36 turns" in second.messages[1].text
    assert "Notes one." not in second.messages[1].text
    assert ids(second.messages)[:3] == ["q", "c1", "c37"]


def test_earlier_questions_are_not_touched() -> None:
    """Only the turns of this one give way; what somebody wrote in between stays in its place."""
    earlier = [asked("q0"), *turn(91), marked(AIMessage("42"), "answer", "a0")]
    foreign = marked(HumanMessage("Only those of May, please."), None, "f")
    own = conversation(20)
    before = [*earlier, *own[:5], foreign, *own[5:]]
    after = compacted(before, Writer(), turn_start=4)
    assert after is not None
    assert ids(after.messages)[:8] == ["q0", "c91", "o91", "a0", "q", "c1", "f", "c17"]


def test_a_reminder_and_two_observations_stay_with_their_reply() -> None:
    """A turn is a reply with all that was said to it."""
    before = conversation(6, chars=6000)
    second = marked(HumanMessage("There was no code in your reply."), "observation", "r5")
    before.insert(11, second)
    after = compacted(before, Writer(), window=20_000)
    assert after is not None
    assert ids(after.messages) == ["q", "c1", "c4", "o4", "c5", "o5", "r5", "c6", "o6"]


@pytest.mark.parametrize("reply", [ModelServerError("HTTP 500"), "", "  \n", "<think>so much to", "<think>x</think>\n"])
def test_without_notes_there_is_an_outline(reply: str | Exception) -> None:
    """What each turn set and first printed; the run goes on."""
    after = compacted(conversation(20), Writer(reply), x3="int 3")
    assert after is not None
    assert not after.by_model
    told = after.messages[1].text
    assert "An outline of them, made without you" in told
    for number in (1, 16):
        assert f"Turn {number}: code: x{number} = look({number}) / print(x{number})\n  set: x{number}\n" in told
        assert f"{number} is the number. zzz" in told
    assert "Turn 17" not in told
    assert count_tokens_approximately(after.messages) < WINDOW / 2


def test_an_outline_goes_on_from_notes_and_stays_bounded() -> None:
    """The notes come first; of a thousand turns the last ones are told."""
    first = compacted(conversation(20), Writer("Notes one."))
    assert first is not None
    longer = [*first.messages, *(message for number in range(21, 1000) for message in turn(number, 10))]
    second = compacted(longer, Writer(""))
    assert second is not None
    told = second.messages[1].text
    assert told.partition("\n\n")[2].startswith("Notes one.\nTurn ")
    assert "Turn 995: code: x995" in told
    assert "Turn 996" not in told
    assert len(told) < 8_000


def test_an_outline_of_long_notes_stays_bounded() -> None:
    """Half of it is for the turns that came after them."""
    first = compacted(conversation(20), Writer("w" * 100_000))
    assert first is not None
    second = compacted([*first.messages, *turn(21, 5_000), *turn(22, 5_000), *turn(23, 5_000)], Writer(""))
    assert second is not None
    assert second.messages[1].text.count("w") < 2_100
    assert "Turn 21: code: x21" in second.messages[1].text


def test_thinking_is_no_part_of_the_notes() -> None:
    """A model that thinks aloud writes its notes behind it."""
    after = compacted(conversation(20), Writer("<think>\nx1 is 5?\n</think>\n\nThere are 12."))
    assert after is not None
    assert "x1 is 5?" not in after.messages[1].text
    assert "\n\nThere are 12.\n\n" in after.messages[1].text


def test_notes_can_be_stored_and_sent() -> None:
    """Lone surrogates are replaced, as in every message."""
    after = compacted(conversation(20), Writer("a\ud800b"))
    assert after is not None
    assert "a\N{REPLACEMENT CHARACTER}b" in after.messages[1].text


def test_notes_are_bounded() -> None:
    """A model that writes a book gets its beginning."""
    after = compacted(conversation(20), Writer("w" * 100_000))
    assert after is not None
    assert after.messages[1].text.count("w") < 4_100  # an eighth of the window, at four characters a token


def test_what_is_no_failure_of_the_model_goes_through() -> None:
    """A budget that has run out ends the call, and nothing is compacted."""
    with pytest.raises(BudgetExceeded):
        compacted(conversation(20), Writer(BudgetExceeded("max_usd", 1.0, 1.0)))


def test_where_there_is_little_to_gain_no_call_is_spent() -> None:
    """Few turns, short turns, none at all; or one that was compacted just now."""
    writer = Writer()
    for messages in (conversation(0), conversation(3), conversation(8, chars=10)):
        assert compacted(messages, writer) is None
    once = compacted(conversation(20), writer)
    assert once is not None
    assert compacted(once.messages, writer) is None
    assert len(writer.requests) == 1
    nothing_kept = compacted(conversation(9, chars=24_000), writer)
    assert nothing_kept is not None
    assert compacted([*nothing_kept.messages, *turn(10, 10)], writer, window=None) is None  # notes alone are no turns
    assert len(writer.requests) == 2


def test_turns_that_are_long_are_kept_in_smaller_number() -> None:
    """As many as a quarter of the window holds; the last one up to half of it; none that is longer than that."""
    kept = {}
    for chars in (1_200, 3_500, 12_000, 24_000):
        after = compacted(conversation(9, chars), Writer())
        assert after is not None
        kept[chars] = sum(role(message) == "code" for message in after.messages)
    assert kept == {1_200: 4, 3_500: 2, 12_000: 1, 24_000: 0}


def test_after_a_refusal_the_window_is_guessed_from_what_was_refused() -> None:
    """What goes is shortened for the model that writes the notes: it would be refused as well."""
    writer, before = Writer(), conversation(12, chars=4000)
    after = compacted(before, writer, window=None)
    assert after is not None
    assert count_tokens_approximately(after.messages) < count_tokens_approximately(before) / 2
    [request] = writer.requests
    assert len(request) == 2 + 18 + 1
    assert count_tokens_approximately(request) < count_tokens_approximately([SYSTEM, *before]) * 0.55
    assert request[-1].text.endswith("what is next.")
    assert request[3].text.startswith("Output:\n1 is the number. zz")
    assert "\n[...]\n" in request[3].text
    assert request[3].text.endswith("Left: 3 of 25 turns.")
    small = conversation(2, chars=100)  # too little for a call, but the run would end
    assert ids(compacted(small, writer, window=None).messages) == ["q", "c1", "c2", "o2"]  # type: ignore[union-attr]


def test_messages_near_the_window_need_compaction() -> None:
    """At three quarters of it, or where no room is left for the reply; never where no window is known."""
    messages = conversation(16)
    assert tokens(messages) == count_tokens_approximately(messages) == 5_413
    assert needs_compaction(messages, 7_000, 500)
    assert not needs_compaction(messages, 8_000, 500)
    assert needs_compaction(messages, 8_000, 3_000)
    assert needs_compaction(messages, 8_000, 500, share=0.5)
    assert not needs_compaction(messages, 11_100, 1_000_000)  # a reply gets half a window at the most
    assert not needs_compaction(messages, None, 500)
    assert not needs_compaction(messages, 0, 500)


def test_the_models_own_count_is_believed_if_it_is_more() -> None:
    """With what came after it measured by the same scale."""
    messages = [SYSTEM, asked(), *turn(1), *turn(2, reported=1_300)]
    before = count_tokens_approximately(messages[:-2])
    after = count_tokens_approximately(messages[-2:])
    assert tokens(messages) == pytest.approx(1_300 + after * 1_300 / before, abs=1)
    messages = [SYSTEM, asked(), *turn(1), *turn(2, reported=10)]
    assert tokens(messages) == count_tokens_approximately(messages)
    tiny = [asked(), *turn(1, reported=5_000)]  # a server's own long prompt says nothing of the scale
    assert tokens(tiny) <= 5_000 + 4 * count_tokens_approximately(tiny)


def test_a_count_from_before_a_compaction_is_forgotten() -> None:
    """Else every turn after it would be compacted again."""
    before = [asked(), *(m for number in range(1, 21) for m in turn(number, reported=400 * number))]
    assert needs_compaction([SYSTEM, *before], WINDOW, 500)
    after = compacted(before, Writer())
    assert after is not None
    assert not needs_compaction([SYSTEM, *after.messages], WINDOW, 500)
    grown = [*after.messages, *turn(21, reported=2_500)]
    assert 2_500 < tokens([SYSTEM, *grown]) < 3_500
    assert needs_compaction([SYSTEM, *grown, *turn(22, reported=7_000)], WINDOW, 500)


def test_the_writes_give_the_same_in_the_channel() -> None:
    """Written alone or with what comes next, as objects or as the fields that a server hands over."""
    before = conversation(20)
    after = compacted(before, Writer())
    assert after is not None
    more = turn(21)
    apart = append_messages(append_messages(before, [after.writes]), [more])
    assert ids(apart) == ids(append_messages([], [before, after.writes, more])) == [*ids(after.messages), "c21", "o21"]
    fields = [message_to_dict(write)["data"] for write in after.writes]
    assert append_messages(before, [fields]) == after.messages
    assert sum(isinstance(write, RemoveMessage) for write in after.writes) == 31


kinds = st.lists(st.sampled_from(["turn", "turn", "turn", "reminded", "foreign"]), max_size=25)


@settings(max_examples=80, deadline=None)
@given(
    shape=kinds,
    sizes=st.lists(st.integers(0, 3_000), min_size=25, max_size=25),
    window=st.one_of(st.none(), st.integers(500, 20_000)),
    reply=st.one_of(st.text(max_size=300), st.just("x" * 20_000)),
    again=st.booleans(),
)
def test_compaction_loses_nothing(
    shape: list[str], sizes: list[int], window: int | None, reply: str, again: bool
) -> None:
    """Removed and kept are all there was, in order; questions and foreign messages stay; no pair is split."""
    before: list[Any] = [asked("first"), *turn(999), asked()]
    for number, kind in enumerate(shape):
        if kind == "foreign":
            before.append(marked(HumanMessage(f"By the way, {number}."), None, f"f{number}"))
            continue
        before += turn(number, sizes[number])
        if kind == "reminded":
            before.append(marked(HumanMessage("There was no code in your reply."), "observation", f"r{number}"))
    for _ in range(1 + again):
        after = compacted(before, Writer(reply), turn_start=3, window=window)
        if after is None:
            return
        old, new = ids(before), ids(after.messages)
        place = next(at for at, message in enumerate(after.messages) if message not in before)
        kept = [message for at, message in enumerate(after.messages) if at != place]
        assert new == [name for name in old if name in new]  # in their order, the notes in the place of a message
        assert new[:4] == ["first", "c999", "o999", "q"]
        gone = [message for message in before if message not in kept]
        assert len(gone) + len(kept) == len(before)
        assert [entry["content"] for entry in after.removed] == [message.text for message in gone]
        assert not any(role(message) is None for message in gone)
        assert not {name[1:] for name in ids(gone)} & {name[1:] for name in ids(kept)}
        assert after.messages == append_messages(before, [after.writes])
        before = [*after.messages, *(message for number in range(100, 112) for message in turn(number, 2_000))]


REFUSALS = [
    # OpenAI, Azure, and the older words of both
    "Error code: 400 - {'error': {'message': '...', 'code': 'context_length_exceeded'}}",
    "This model's maximum context length is 4097 tokens. However, you requested 4203 tokens (3703 in the messages).",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
    # Anthropic
    "prompt is too long: 208310 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 174167 + 64000 > 200000, decrease input length",
    # Gemini
    "400 INVALID_ARGUMENT. The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
    # vLLM, SGLang
    "This model's maximum context length is 40960 tokens. However, your request has 91714 input tokens.",
    "'max_tokens' is too large: 2000. This model's maximum context length is 4096 tokens and you have 2104",
    "The input (4097 tokens) is longer than the model's context length (4096 tokens).",
    # llama.cpp, LM Studio, llama-cpp-python
    "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "Context size has been exceeded.",
    "The number of tokens to keep from the initial prompt is greater than the context length",
    "Requested tokens (2285) exceed context window of 2048",
    # Bedrock, Mistral, xAI, Cohere, Hugging Face, DashScope, others
    "ValidationException: Input is too long for requested model.",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 and 500",
    "Range of input length should be [1, 30720]",
    "400 length of prompt_tokens (163280) must be less than max_seq_len (32768).",
]


def answered(status: int, text: str) -> openai.APIStatusError:
    """What a client raises."""
    request = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")
    return openai.APIStatusError(text, response=httpx.Response(status, request=request), body=None)


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_of_too_long_a_request_is_recognised(text: str) -> None:
    """In each server's words, as the client's error and inside ours."""
    assert is_window_error(answered(400, text))
    ours = model_error(answered(400, text), "gpt-4.1")
    ours.__cause__ = answered(400, text)
    assert is_window_error(ours)
    assert is_window_error(ModelServerError(text))


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (429, "Rate limit reached: Limit 30000 tokens per minute. Please reduce the length of the messages."),
        (429, "This model's maximum context length is 128000 tokens."),
        (413, "Request too large for model `llama-3.3-70b` on tokens per minute (TPM): Limit 6000, Requested 20000"),
        (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens"),
        (400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (401, "Incorrect API key provided"),
        (404, "The model `gpt-5` does not exist"),
        (503, "The server is overloaded; maximum context length queues are full"),
    ],
)
def test_other_refusals_are_not_taken_for_it(status: int, text: str) -> None:
    """Compaction would not help."""
    assert not is_window_error(answered(status, text))
    error = ModelRateLimitError(text)
    error.__cause__ = answered(status, text)
    assert not is_window_error(error)


def test_a_refusal_is_recognised_through_a_real_client(serve: Any) -> None:
    """And by the name that LangChain has for it, whatever the words."""
    assert is_window_error(ContextOverflowError("no"))
    server = serve(
        {"root": [Reply(status=400, text="context_length_exceeded: too long"), Reply(status=400, text="no")]}
    )
    model = server.chat_model("root")
    for expected in (True, False):
        with pytest.raises(openai.BadRequestError) as raised:
            model.invoke("?")
        assert is_window_error(raised.value) is expected


def test_a_short_context_fits_directly(store: ContextStore) -> None:
    """Below the limit that the user sets, and in the window with the reply; Chinese takes more of it."""
    english, chinese = store.put("word " * 1000), store.put("\u8bcd" * 5000)
    assert not fits_directly(english, 0, None)
    assert not fits_directly(english, 5_000, None)
    assert fits_directly(english, 5_001, None)
    assert fits_directly(english, 5_001, 0)
    assert fits_directly(english, 5_001, 4_000)
    assert not fits_directly(english, 5_001, 4_000, max_output_tokens=1_500)
    assert fits_directly(english, 5_001, 6_000, max_output_tokens=1_000_000)
    assert not fits_directly(chinese, 5_001, 4_000)
    assert fits_directly(chinese, 5_001, 6_001)


def test_the_shares_leave_room() -> None:
    """What stays after a compaction cannot need the next one at once."""
    notes = 1 / 8
    assert compaction.KEEP_LAST_SHARE + notes < compaction.COMPACT_AT
    assert compaction.KEEP_SHARE + notes < compaction.COMPACT_AT
