from __future__ import annotations

import ast
import contextlib
import csv
import io
import json
import random
import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from rlm_graph.context.document import Document
from rlm_graph.errors import NeedsLanguageModelError
from rlm_graph.offline import OfflineRootModel

MAX_OBSERVATION_CHARS = 1000


class _Final(BaseException):
    """Ends a cell as FINAL does; no `except Exception` of a program catches it."""

    def __init__(self, value: object) -> None:
        self.value = value


def _final(value: object) -> None:
    raise _Final(value)


def ask(question: str, context: Any, programs: list[str] | None = None) -> str:
    """The answer of the offline model; its cells run in plain `exec`, with what a REPL has, and join `programs`."""
    world = {"context": context, "FINAL": _final}
    query = HumanMessage("the question and what is known of the context", additional_kwargs={"query": question})
    messages: list[BaseMessage] = [SystemMessage("the root prompt"), query]
    for _ in range(5):
        reply = OfflineRootModel().invoke(messages)
        code = reply.text.partition("```repl\n")[2].rpartition("\n```")[0]
        if programs is not None:
            programs.append(code)
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(code, "<cell>", "exec"), world)
        except _Final as final:
            return str(final.value)
        except Exception as error:  # the model's mistake is an observation
            printed.write(f"{type(error).__name__}: {error}")
        messages += [reply, HumanMessage(printed.getvalue()[:MAX_OBSERVATION_CHARS], name="repl")]
    raise AssertionError("the model did not end")


# --- contexts, each with the plain data that it was made from -------------------------------------------------------

SERVICES = ["api", "auth", "payments", "search"]


def _log_rows() -> list[dict[str, Any]]:
    chance = random.Random(7)
    rows = []
    for number in range(1500):
        service = chance.choice(SERVICES)
        level = chance.choices(["INFO", "DEBUG", "WARN", "ERROR"], [70, 15, 9, 12 if service == "payments" else 4])[0]
        day, second = divmod(number * 577, 86_400)
        rows.append(
            {
                "time": f"2024-03-{day + 1:02} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}",
                "level": level,
                "service": service,
                "host": f"web-{chance.randrange(1, 6)}",
                "user": f"u{chance.randrange(40)}",
                "latency_ms": chance.randrange(3, 900),
                "bytes": chance.randrange(100, 5000),
                "message": chance.choice(["upstream timeout", "Payment declined", "request handled", "cache miss"]),
            }
        )
    rows[0]["message"] = "loaded timeout_ms setting"
    return rows


ROWS = _log_rows()
ERRORS = [row for row in ROWS if row["level"] == "ERROR"]


def _pairs(row: dict[str, Any]) -> str:
    return (
        f"{row['time'].replace(' ', 'T')}Z {row['level']} service={row['service']} host={row['host']} "
        f'user={row["user"]} latency_ms={row["latency_ms"]} bytes={row["bytes"]} msg="{row["message"]}"'
    )


def logs() -> list[Document]:
    """A folder of key=value logs, one file per day."""
    days: dict[str, list[str]] = {}
    for row in ROWS:
        days.setdefault(row["time"][:10], []).append(_pairs(row))
    return [Document("\n".join(lines) + "\n", f"logs/{day}.log") for day, lines in days.items()]


def one_log() -> str:
    """The same logs as one text, with the line ends of Windows."""
    return "\r\n".join(_pairs(row) for row in ROWS)


def head_logs() -> str:
    """Logs with the component between level and message, and a stack trace."""
    lines = []
    for row in ROWS:
        lines.append(f"{row['time']} {row['level']} [{row['service']}] {row['message']} for {row['user']}")
        if row["level"] == "ERROR":
            lines += ["Traceback (most recent call last):", "  ERROR is also a word down here", "OSError: gone"]
    return "\n".join(lines)


def json_lines() -> list[Document]:
    return [
        Document("".join(json.dumps(row) + "\n" for row in ROWS[at : at + 500]), f"{at}.jsonl") for at in (0, 500, 1000)
    ]


def table() -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "message": row["message"] + ", again"} for row in ROWS)
    return out.getvalue()


def rows() -> list[dict[str, Any]]:
    return ROWS


HITS = [
    (
        f"10.0.0.{n % 7 + n % 3}",
        ["GET", "POST"][n % 5 == 0],
        f"/p/{n % 11}",
        [200, 200, 200, 200, 404, 404, 404, 500, 500, 301][n * 7 % 10],
        n * 13 % 997,
    )
    for n in range(800)
]


def access() -> Document:
    lines = [
        f"{ip} - - [{n // 300 + 1:02}/Mar/2024:{n // 60 % 24:02}:{n % 60:02}:00 +0000] "
        f'"{method} {path} HTTP/1.1" {status} {size} "-" "Mozilla/5.0"'
        for n, (ip, method, path, status, size) in enumerate(HITS)
    ]
    return Document("\n".join([*lines, "rubbish"]), "access.log")


SOURCES = {
    "pkg/a.py": """import asyncio
import os, json


class Early(Exception):
    '''import asyncio
    def no(): pass
    '''
    def run(self):
        raise ValueError(1)
""",
    "pkg/b.py": """from asyncio import Queue
import asyncio.events
# import os
TEXT = 'class Fake: pass'


async def go():
    async def inner():
        raise ValueError(2)
    raise ValueError(3)
""",
    "pkg/c.py": """import asyncio_extras
from os import path
try: import re
except ImportError: pass


def f(x): return x
""",
    "pkg/sub/d.py": """import re as regex, os as system


class A: pass
class B(A):
    x = 1
    def f(self): import json; return json
""",
}


def sources() -> list[Document]:
    return [Document(text, name) for name, text in SOURCES.items()]


def _trees() -> dict[str, list[ast.AST]]:
    return {name: list(ast.walk(ast.parse(text))) for name, text in SOURCES.items()}


def _count_nodes(*kinds: type) -> int:
    return sum(isinstance(node, kinds) for nodes in _trees().values() for node in nodes)


STORIES = [
    "The harbour was quiet. Climate\nchange had moved the herring north.\nCats slept on the quay.",
    "A category of boats. The magic number for the city of Lisbon is 7481923.\nNobody spoke of the climate.",
    "Alice's email is alice@example.org. The read timeout is 30 seconds.\nclimate change, climate change, and a cat.",
    "The magic number for the city of Porto is 1234567. The owner is described in section 4.",
]


def stories() -> list[str]:
    return STORIES


def settings() -> str:
    return "# server\ntimeout = 30\nmax_connections = 250\nname: Front Door\nurl: http://localhost/\n[paths]\nroot=/srv/data\n"


def tree() -> dict[str, Any]:
    return {"server": {"port": 8080, "hosts": ["a", "b"]}, "owners": {"alice": {"email": "alice@example.org"}}}


def most(values: Any) -> tuple[str, int]:
    (first, second) = Counter(values).most_common(2)
    assert first[1] > second[1], "the test data ties"
    return first


def per(key: str, rows_: list[dict[str, Any]]) -> Counter[str]:
    return Counter(row[key] for row in rows_)


def mean(field: str, **where: str) -> float:
    return statistics.fmean(row[field] for row in ROWS if all(row[key] == value for key, value in where.items()))


def shown(number: float) -> str:
    return f"{round(number, 4):,}".removesuffix(".0")


def listed(counts: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {n:,}" for key, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


TOP_SERVICE, TOP_ERRORS = most(row["service"] for row in ERRORS)
LOG_FILES = {f"logs/{day}.log" for day in {row["time"][:10] for row in ROWS}}
TIMEOUTS = [row for row in ROWS if "timeout" in row["message"]]
BETWEEN = [row for row in ERRORS if "2024-03-02" <= row["time"][:10] <= "2024-03-05"]
HOURS = Counter(row["time"][:13] for row in ERRORS)
SLOWEST = max(ROWS, key=lambda row: row["latency_ms"])
WORDS = Counter(re.findall(r"[a-z]+(?:'[a-z]+)?", " ".join(STORIES).lower()))
STATUS = Counter(status for _, _, _, status, _ in HITS)

ANSWERS: list[tuple[str, Any, str]] = [
    # counts of levels, of lines, of files
    ("Which service logged the most ERROR lines?", logs, f"{TOP_SERVICE} ({TOP_ERRORS:,} ERROR lines)"),
    ("which service has the most errors", json_lines, f"{TOP_SERVICE} ({TOP_ERRORS:,} ERROR lines)"),
    ("Which service has the most ERROR rows?", table, f"{TOP_SERVICE} ({TOP_ERRORS:,} ERROR rows)"),
    ("Which service has the most errors?", rows, f"{TOP_SERVICE} ({TOP_ERRORS:,} ERROR records)"),
    ("Which service logged the most ERROR lines?", head_logs, f"{TOP_SERVICE} ({TOP_ERRORS:,} ERROR lines)"),
    ("How many ERROR lines are there?", logs, f"{len(ERRORS):,} ERROR lines"),
    ("how many errors in the logs", one_log, f"{len(ERRORS):,} ERROR lines"),
    ("Please count the errors", head_logs, f"{len(ERRORS):,} ERROR lines"),
    ("how many warnings are there?", json_lines, f"{per('level', ROWS)['WARN']:,} WARN"),
    ("How many FATAL lines are there?", logs, "0 FATAL lines"),
    ("How many lines are there?", logs, f"{len(ROWS):,} lines"),
    ("How many lines are there in total?", one_log, f"{len(ROWS):,} lines"),
    ("how many rows are there", table, f"{len(ROWS):,} rows"),
    ("how many lines are in the file", table, f"{len(ROWS) + 1:,} lines"),
    ("How many files are there?", logs, f"{len(LOG_FILES)} documents"),
    ("How many lines contain 'timeout'?", logs, f'{len(TIMEOUTS):,} lines containing "timeout"'),
    ("how many lines contain declined", one_log, f"{sum('declined' in row['message'] for row in ROWS):,} lines"),
    ('How many lines contain "Payment" and "service=api"?', logs,
     f"{sum(row['service'] == 'api' and 'Payment' in row['message'] for row in ROWS):,} lines"),
    ("how many lines do not contain 'timeout'", logs, f"{len(ROWS) - len(TIMEOUTS):,} lines"),
    ("How many lines contain 'no such thing'?", logs, '0 lines containing "no such thing"'),
    ("how many lines start with '2024-03-02'", logs,
     f"{sum(r['time'].startswith('2024-03-02') for r in ROWS):,} lines"),
    ("how many ERROR lines are there in 2024-03-03.log?", logs,
     f"{sum(row['time'].startswith('2024-03-03') for row in ERRORS):,} ERROR lines in 2024-03-03.log"),
    ("how many ERROR lines for service=payments", logs,
     f"{sum(row['service'] == 'payments' for row in ERRORS):,} ERROR lines with service = payments"),
    ("How many errors are there in the payments service?", json_lines,
     f"{sum(row['service'] == 'payments' for row in ERRORS):,} ERROR lines with service = payments"),
    ("how many rows with latency over 500", table, f"{sum(row['latency_ms'] > 500 for row in ROWS):,} rows"),
    # dates
    ("How many ERROR lines between 2024-03-02 and 2024-03-05?", logs, f"{len(BETWEEN):,} ERROR lines"),
    ("how many ERROR lines on March 3?", one_log, f"{sum(r['time'].startswith('2024-03-03') for r in ERRORS):,} ERROR"),
    ("how many errors in March 2024", json_lines, f"{len(ERRORS):,} ERROR lines in March 2024"),
    ("how many errors in April 2024", json_lines, "0 ERROR lines in April 2024"),
    ("How many ERROR lines after 12:00?", logs,
     f"{sum(row['time'][11:] > '12:00:00' for row in ERRORS):,} ERROR lines"),
    ("how many ERROR rows before 2024-03-04 06:00", table,
     f"{sum(r['time'] < '2024-03-04 06:00' for r in ERRORS):,} ERROR"),
    ("how many requests on 2 March 2024?", access, "300 requests on 2 March 2024"),
    # per key, top, fewest, ties
    ("errors per host", logs, listed(per("host", ERRORS))),
    ("how many lines contain timeout in 2024-03-03.log", logs,
     f"{sum(row['time'].startswith('2024-03-03') for row in TIMEOUTS):,} lines"),
    ("How many distinct users logged errors?", logs, f"{len(per('user', ERRORS))} different values of user"),
    ("what is the average latency of ERROR lines", table, shown(statistics.fmean(r["latency_ms"] for r in ERRORS))),
    ("How many lines have level ERROR?", json_lines, f"{len(ERRORS)} lines"),
    ("how many errors happened on 2024-03-02?", rows,
     f"{sum(row['time'].startswith('2024-03-02') for row in ERRORS)} ERROR records"),
    ("Count lines per level", logs, listed(per("level", ROWS))),
    ("how many errors per service?", json_lines, listed(per("service", ERRORS))),
    ("number of ERROR lines by host", one_log, listed(per("host", ERRORS))),
    ("how many errors per hour", head_logs, "\n".join(f"{hour}: {n}" for hour, n in sorted(HOURS.items()))),
    ("Which day has the most errors?", logs, most(row["time"][:10] for row in ERRORS)[0]),
    ("Which file has the most lines containing 'timeout'?", logs,
     f"logs/{most(r['time'][:10] for r in TIMEOUTS)[0]}.log"),
    ("What are the top 3 hosts by ERROR lines?", logs, "{}: {}\n".format(*most(row["host"] for row in ERRORS))),
    ("which service logged the fewest ERROR lines", logs, min(SERVICES, key=per("service", ERRORS).__getitem__)),
    ("which file has the fewest FATAL lines", logs, f"A tie of {len(LOG_FILES)}: "),
    ("three most common status codes", access, "\n".join(f"{key}: {n}" for key, n in STATUS.most_common(3))),
    ("top 2 methods", access,
     f"GET: {sum(hit[1] == 'GET' for hit in HITS)}\nPOST: {sum(hit[1] == 'POST' for hit in HITS)}"),
    ("most common path", access, "A tie of 8: "),
    # distinct values
    ("How many different users are there?", logs, f"{len(per('user', ROWS))} different values of user"),
    ("how many unique IPs", access, f"{len({hit[0] for hit in HITS})} different values of ip"),
    ("List all the services", table, "api, auth, payments, search (4 values of service)"),
    ("Which hosts logged ERROR lines?", logs, ", ".join(sorted(per("host", ERRORS)))),
    # numbers
    ("What is the average latency?", logs, f"{shown(mean('latency_ms'))} (average of 1,500 values of latency_ms)"),
    ("what is the average latency for service=api", json_lines, shown(mean("latency_ms", service="api"))),
    ("median latency", table, shown(statistics.median(row["latency_ms"] for row in ROWS))),
    ("What is the maximum latency_ms?", rows, shown(SLOWEST["latency_ms"])),
    ("the slowest request", logs, shown(SLOWEST["latency_ms"])),
    ("total bytes for service=payments", logs, shown(sum(r["bytes"] for r in ROWS if r["service"] == "payments"))),
    ("sum of bytes", access, shown(sum(hit[4] for hit in HITS))),
    ("Which service has the highest average latency?", logs,
     max(SERVICES, key=lambda s: mean("latency_ms", service=s))),
    ("How many requests with status 404?", access, f"{STATUS[404]} requests with status = 404"),
    ("how many 5xx responses", access, f"{STATUS[500]} requests"),
    ("How many POST requests from 10.0.0.3?", access, f"{sum(h[:2] == ('10.0.0.3', 'POST') for h in HITS)} requests"),
    # find, first, last, longest
    ("When did the first 'upstream timeout' happen?", logs,
     next(row for row in ROWS if row["message"] == "upstream timeout")["time"]),
    ("When did the first timeout happen?", logs, "As a word of its own: "),
    ("when did the last error occur", one_log, ERRORS[-1]["time"]),
    ("When was the first error?", head_logs, ERRORS[0]["time"]),
    ("first line containing 'OSError'", head_logs, ERRORS[0]["time"]),
    ('find "herring"', stories, '1 line containing "herring":\ncontext[0], line 2: change had moved'),
    ('find "zeppelin"', stories, 'There are no lines containing "zeppelin".'),
    ("find termination", lambda: "x\nTermination is possible.\n", '1 line containing "termination" (any case)'),
    ("Where is 'Porto' mentioned?", stories, '1 line containing "Porto":\ncontext[3], line 1:'),
    ("first 2 lines", settings, "# server\ntimeout = 30"),
    ("What are the last two lines?", settings, "[paths]\nroot=/srv/data"),
    ("What is the longest line?", settings, "22 characters, line 5: url: http://localhost/"),
    ("which document is the longest?", stories, f"context[{max(range(4), key=lambda i: len(STORIES[i]))}] ("),
    # documents and words
    ("Which documents mention climate change?", stories,
     '2 documents with the words "climate change" (any case), of 4: context[0], context[2]'),
    ("which documents contain 'cat'", stories, '2 documents containing "cat", of 4: context[1], context[2]'),
    ("How many documents mention cat?", stories, '1 document with the word "cat" (any case), of 4'),
    ("how many times does cat appear", stories, '1 occurrence of the word "cat" (any case) (3 with those inside'),
    ("how many times does 'climate change' occur?", stories, '2 occurrences of "climate change"'),
    ("What is the most common word?", stories,
     f"{WORDS.most_common(1)[0][0]} ({WORDS.most_common(1)[0][1]} times, any case)"),
    ("how many words are there in the text?", stories, f"{sum(len(story.split()) for story in STORIES)} words"),
    ("How many documents are there?", stories, "4 documents"),
    # look-ups
    ("What is the magic number for the city of Lisbon?", stories, "7481923 ("),
    ("what's alice's email", stories, "alice@example.org ("),
    ("What is the email of Alice?", stories, "alice@example.org ("),
    ("What is the timeout?", settings, "30 ("),
    ("what is the value of max connections", settings, "250 ("),
    ("What is the root?", settings, "/srv/data ("),
    ("What is the name?", settings, "Front Door ("),
    ("what is the port", tree, "8080 (server.port)"),
    ("What is the email of alice?", tree, "alice@example.org (owners.alice.email)"),
    ("what is the country of Bob", lambda: "name,country\nAnn,Peru\nBob,Chad\nCyd,Oman\n", "Chad (row 3: Bob, Chad)"),
    # Python code
    ("How many files import asyncio?", sources, "2 documents importing asyncio, of 4"),
    ("which modules import os", sources, "3 documents importing os, of 4: pkg/a.py, pkg/c.py, pkg/sub/d.py"),
    ("which files import os.path?", sources, "1 document importing os.path, of 4: pkg/c.py"),
    ("Which file imports asyncio the most?", sources, "pkg/b.py (2 import statements importing asyncio)"),
    ("which module contains the most `raise ValueError`", sources, 'pkg/b.py (2 occurrences of "raise ValueError")'),
    ("how many functions are defined", sources,
     f"{_count_nodes(ast.FunctionDef, ast.AsyncFunctionDef)} function definitions"),
    ("How many classes are there?", sources, f"{_count_nodes(ast.ClassDef)} class definitions"),
    ("how many async functions are defined", sources,
     f"{_count_nodes(ast.AsyncFunctionDef)} async function definitions"),
    ("How many import statements are there?", sources, f"{_count_nodes(ast.Import, ast.ImportFrom)} import statements"),
    ("which module defines Early", sources, "1 document defining Early, of 4: pkg/a.py"),
    ("Where is f defined?", sources, "2 documents defining f, of 4: pkg/c.py, pkg/sub/d.py"),
    ("which file has the most classes", sources, "pkg/sub/d.py (2 class definitions)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "context", "answer"),
    ANSWERS,
    ids=[f"{question} [{context.__name__}]" for question, context, _ in ANSWERS],
)
def test_question_is_answered_exactly(question: str, context: Any, answer: str) -> None:
    """The answer begins with the value that plain Python finds in the data the context was made from."""
    assert ask(question, context())[: len(answer)] == answer


REFUSED: list[tuple[str, Any]] = [
    # needs judgement
    ("Summarize the documents", stories),
    ("What is this about?", stories),
    ("What is the main topic?", stories),
    ("Why did the payments service fail?", logs),
    ("What does the contract say about termination?", stories),
    ("What is the root cause of the errors?", logs),
    ("What is the sentiment of the second document?", stories),
    ("Who is Alice?", stories),
    ("Where is Alice?", stories),
    ("Explain the timeouts", logs),
    ("Is the service healthy?", logs),
    ("Translate the first document to French", stories),
    ("Compare api and auth", logs),
    ("How many animals are mentioned?", stories),
    ("how many documents are about fishing", stories),
    ("How many lines contain an error that was caused by the database?", logs),
    ("which documents mention something related to climate", stories),
    ("Which service is the least reliable?", logs),
    ("how many times does the letter a appear", stories),
    ("find all suspicious lines", logs),
    ("how many lines contain a word of warning", logs),
    ("how many lines mention timeout for good", logs),
    ("Which module imports the most modules?", sources),
    ("how many lines of code are there", sources),
    ("how many timeouts are there", logs),
    ("find the argument that the author makes about boats", stories),
    ("What should I do about the errors?", logs),
    # more than one question, or words that nobody reads
    ("How many ERROR lines are there and which service logged them?", logs),
    ("How many errors are there? Who is to blame?", logs),
    ("how many ERROR lines that matter", logs),
    ("How many lines mention cats and dogs?", stories),
    ("which service has more errors than auth", logs),
    ("How many errors were there yesterday?", logs),
    ("how many errors on February 30", logs),
    # does not fit the context
    ("average temperature", logs),
    ("which planet has the most errors", logs),
    ("How many ERROR lines are there?", stories),
    ("how many requests are there", logs),
    ("When did the first cat happen?", stories),
    ("Which documents mention climate change?", one_log),
    ("which documents mention zeppelins", stories),
    ("how many classes are defined", logs),
    ("first 3 lines", logs),
    ("how many errors in nowhere.log", logs),
    ("average message", logs),
    ("What is the owner?", stories),
    ("What is the read timeout of Bob?", stories),
    ("What is the timeout?", stories),
    ("what is the latency", logs),
    ("how many rows are there", tree),
    ("how many lines are there", lambda: [1, "a", None]),
    ("average x", lambda: "x=1ms y=2\nx=3s y=2\nx=4ms y=1\n"),
    ("how many lines on March 1", lambda: "2023-03-01 a\n2024-03-01 b\n2024-03-01 c\n"),
]


@pytest.mark.parametrize(("question", "context"), REFUSED, ids=[question for question, _ in REFUSED])
def test_question_that_rules_cannot_answer_is_refused(question: str, context: Any) -> None:
    """A question that no rule reads, or that does not fit the context, is refused with what the model can do."""
    with pytest.raises(NeedsLanguageModelError, match="rules, not a language model") as refused:
        pytest.fail(ask(question, context()))
    assert repr(question) in str(refused.value)


def test_programs_are_ordinary_python() -> None:
    """No program needs a private name, a module that the REPL does not have, or anything that reads files."""
    programs: list[str] = []
    for question, context, _ in ANSWERS:
        ask(question, context(), programs)
    for code in programs:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")
            elif isinstance(node, ast.Name):
                assert not node.id.startswith("_")
                assert node.id not in {"open", "eval", "exec", "globals", "type"}
            elif isinstance(node, ast.Import | ast.ImportFrom):
                modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                assert set(modules) <= {"re", "json", "csv", "collections", "datetime", "itertools"}


def test_top_list_names_ties_at_its_end() -> None:
    """A list that ends within a tie is as long as the tie, and says so."""
    context = "\n".join(f"2024-01-01 INFO user={user} ok=1" for user in "aaabbcc")
    assert ask("top 2 users", context) == "a: 3\nb: 2\nc: 2\n(lines; the last of them tie, so there are 3)"


def test_a_tie_is_told_as_a_tie() -> None:
    """Two services with the same count are both named."""
    context = "\n".join(f"2024-01-01 ERROR service={name} x=1" for name in ("b", "a", "c", "a", "b"))
    assert ask("which service has the most errors", context) == "A tie of 2: a, b (2 ERROR lines each)"


def test_fewest_counts_keys_without_any() -> None:
    """The service without a single ERROR line has the fewest."""
    context = "2024-01-01 ERROR service=a x=1\n2024-01-01 INFO service=b x=1\n2024-01-01 ERROR service=a x=1\n"
    assert ask("which service has the fewest errors", context) == "b (0 ERROR lines)"


def test_group_average_is_each_groups_own() -> None:
    """Each line of a grouped average is the mean of that group."""
    answer = ask("average latency per service", logs())
    for service in SERVICES:
        assert f"{service}: {shown(mean('latency_ms', service=service))}\n" in answer


def test_first_event_tells_a_longer_word_apart() -> None:
    """`timeout_ms` is not a timeout: the first word and the first part of a word are both told."""
    answer = ask("When did the first timeout happen?", logs())
    first = next(row for row in ROWS if row["message"] == "upstream timeout")
    assert f"As a word of its own: {first['time']}" in answer
    assert f"Inside a longer word: {ROWS[0]['time']}" in answer


def test_reading_is_refused_before_any_cell_runs() -> None:
    """A question that cannot be read costs no turn."""
    with pytest.raises(NeedsLanguageModelError):
        OfflineRootModel().invoke([HumanMessage("x", additional_kwargs={"query": "Summarize it"})])


def test_refusal_says_how_to_ask_literally_and_how_to_give_a_model() -> None:
    """The message names what the rules can do and the ways to a real model."""
    with pytest.raises(NeedsLanguageModelError) as refused:
        ask("What does the contract say about termination?", stories())
    for hint in ('find "termination"', "--model", "OPENAI_API_KEY", "Ollama"):
        assert hint in str(refused.value)


def test_a_reply_costs_no_tokens_and_holds_one_cell() -> None:
    """Usage is a true zero, and the program is in one `repl` fence."""
    reply = OfflineRootModel().invoke([HumanMessage("x", additional_kwargs={"query": "how many lines"})])
    assert isinstance(reply, AIMessage)
    assert reply.usage_metadata == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert reply.text.count("```") == 2
    assert "```repl\n" in reply.text


def test_question_of_an_earlier_turn_is_not_answered_again() -> None:
    """On a second question of the thread the model begins with the probe."""
    earlier = [HumanMessage("a", additional_kwargs={"query": "how many lines"}), AIMessage("b"), HumanMessage("c")]
    second = HumanMessage("d", additional_kwargs={"rlm": {"role": "query", "query": "how many files"}})
    assert "probe" in OfflineRootModel().invoke([*earlier, second]).text


def test_failed_program_is_no_answer() -> None:
    """If the cell failed, the model says so and does not guess."""
    asked = HumanMessage("x", additional_kwargs={"query": "how many lines"})
    turns = [AIMessage("probe"), HumanMessage("MemoryError", name="repl")]
    with pytest.raises(NeedsLanguageModelError, match="MemoryError"):
        OfflineRootModel().invoke([asked, *turns])


def test_made_logs_are_what_their_truth_says(tmp_path: Path) -> None:
    """The log maker's counts are those that the rules find in its files, and a seed makes the same logs again."""
    script = Path(__file__).parent.parent / "benchmarks" / "make_logs.py"
    for name in ("a", "b"):
        subprocess.run(
            [sys.executable, script, tmp_path / name, "--mb", "4", "--truth", tmp_path / f"{name}.json"],
            check=True,
            capture_output=True,
        )
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    truth = json.loads((tmp_path / "a.json").read_text())
    root = tmp_path / "a"
    made = [Document(path.read_text(), path.relative_to(root).as_posix()) for path in sorted(root.rglob("*.log"))]
    service, errors = max(truth["errors_per_service"].items(), key=lambda item: item[1])
    assert ask("Which service logged the most ERROR lines?", made) == f"{service} ({errors:,} ERROR lines)"
    assert ask("how many lines are there", made) == f"{truth['lines']:,} lines"
    assert truth["first_timeout"]["text"] in ask("When did the first timeout happen?", made)
