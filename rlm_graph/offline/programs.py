"""Writes the program that answers an intent over a context of a known shape.

A program is ordinary Python for the REPL: it goes through the documents in slices of about a megabyte, so that a
context of any size is never copied, and ends with `FINAL(answer)`. Where the honest answer is "I cannot tell" (mixed
units, a day without its year in data of two years) it raises `LookupError` with `NOTHING: <reason>`, and the offline
model gives up with that reason.

An answer gives the value first and then what was counted, in the words of the data, so that a reader sees how the
question was read: `payments (1,234 ERROR lines)`. Ties are told as ties.

There is one function per intent. It returns the sentence that goes before the code, and leaves the code in the writer.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, replace

from rlm_graph.errors import NeedsLanguageModelError
from rlm_graph.offline import question as q
from rlm_graph.offline.shape import Shape
from rlm_graph.offline.snippets import IN_MAPPING, IN_TEXT, LOOKED_UP, fill
from rlm_graph.offline.writer import STRETCHES, Writer


@dataclass(frozen=True)
class Program:
    """A cell, and the sentence that goes before it."""

    says: str
    code: str


def write(intent: q.Intent, shape: Shape) -> Program:
    """The program for an intent.

    Raises:
        NeedsLanguageModelError: the intent does not fit the context: no such field, no timestamps, one text only.
    """
    if shape.kind == "mixed" or (shape.format == "mapping" and not isinstance(intent, q.LookUp)):
        raise NeedsLanguageModelError(
            "the context is a structure of values; the offline model only looks up keys there"
        )
    writer = Writer(shape)
    return Program(_write(writer, intent), writer.code())


_NAMES = {"FINAL": "final"}  # as long as the other, so that the layout stays


def with_evidence(program: Program) -> Program:
    """The program for a run that asks for evidence: it has looked at the whole context, and cites no part of it."""
    tokens = list(tokenize.generate_tokens(io.StringIO(program.code).readline))
    if not any(token.string == "FINAL" for token in tokens):
        return program
    renamed = tokenize.untokenize(token._replace(string=_NAMES.get(token.string, token.string)) for token in tokens)
    return replace(program, code=f"def final(answer):\n    FINAL(answer, evidence=[])\n\n\n{renamed}")


def _write(writer: Writer, intent: q.Intent) -> str:
    match intent:
        case q.Count():
            return _count(writer, intent)
        case q.Distinct():
            return _distinct(writer, intent)
        case q.Rank(statistic=""):
            return _rank(writer, intent)
        case q.Rank():
            return _rank_statistic(writer, intent)
        case q.Statistic(statistic="max" | "min"):
            return _extreme(writer, intent)
        case q.Statistic():
            return _statistic(writer, intent)
        case q.Longest():
            return _longest(writer, intent)
        case q.Find(which="all"):
            return _find_all(writer, intent)
        case q.Find():
            return _find_first(writer, intent)
        case q.Documents():
            return _documents(writer, intent)
        case q.LookUp():
            return _look_up(writer, intent)
        case q.Edge():
            return _edge(writer, intent)


# --- words for answers ----------------------------------------------------------------------------------------------

_DEFINITIONS = {
    "functions": r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+",
    "async functions": r"^[ \t]*async[ \t]+def[ \t]+\w+",
    "classes": r"^[ \t]*class[ \t]+\w+",
    "imports": r"(?:^|[;:])[ \t]*(?:import|from)[ \t]+[\w.]+",
}
_UNIT_WORDS = {
    "functions": "function definition",
    "async functions": "async function definition",
    "classes": "class definition",
    "imports": "import statement",
    "documents": "document",
    "words": "word",
    "characters": "character",
}
_STATISTIC_WORDS = {"mean": "average", "sum": "total", "max": "highest", "min": "lowest"}


def _described(writer: Writer, unit: q.Unit, where: q.Where) -> tuple[str, str]:
    """What is counted, one and many: `ERROR line with service = api`."""
    levels = "".join(f"{each.word.upper()} " for each in where if isinstance(each, q.Level))
    if unit == "occurrences":
        text = next(each for each in where if isinstance(each, q.Text))
        rest = _clauses(tuple(each for each in where if each is not text))
        kind = ("the words " if " " in text.needle else "the word ") * (text.how == "word")
        tail = f' of {kind}"{text.needle}"{" (any case)" * text.any_case}{rest}'
        return f"occurrence{tail}", f"occurrences{tail}"
    word = _UNIT_WORDS.get(unit, writer.record_word)
    if unit == "requests" and writer.shape.format == "access":
        word = "request"
    return f"{levels}{word}{_clauses(where)}", f"{levels}{word}s{_clauses(where)}"


def _clauses(where: q.Where) -> str:
    """Conditions in words that fit one thing as well as many: ` containing "x" with service = api`."""
    said: list[str] = []
    for each in where:
        if isinstance(each, q.Text):
            word = "with the words" if " " in each.needle else "with the word"
            verb = {"part": "containing", "word": word, "start": "starting with", "end": "ending with"}[each.how]
            said.append(f'{"not " * each.negated}{verb} "{each.needle}"{" (any case)" * each.any_case}')
        elif isinstance(each, q.Compare):
            with_ = "and" if said and said[-1].startswith("with ") else "with"
            said.append(f"{with_} {each.field} {each.op} {each.value}")
        elif isinstance(each, q.Span):
            said.append(each.label)
        elif isinstance(each, q.InDocument):
            said.append(f"in {each.name}")
        elif isinstance(each, q.Imports):
            said.append(f"importing {each.module}")
        elif isinstance(each, q.Defines):
            said.append(f"defining {each.name}")
    return "".join(f" {clause}" for clause in said)


def _scope(writer: Writer, where: q.Where) -> str:
    """Conditions after a field: ` in ERROR lines with service = api`."""
    return f" in {_described(writer, 'records', where)[1]}" if where else ""


# --- counting -------------------------------------------------------------------------------------------------------


def _check_unit(writer: Writer, unit: q.Unit, where: q.Where) -> None:
    """Refuses to count what this context does not clearly have."""
    if unit in _DEFINITIONS:
        writer.need_python()
        if any(not isinstance(each, q.Imports) or unit != "imports" for each in where):
            raise NeedsLanguageModelError("the offline model counts all definitions, without conditions")
        return
    if unit != "documents" and any(isinstance(each, q.Imports | q.Defines) for each in where):
        raise NeedsLanguageModelError(
            "the offline model counts the files that import or define a name, not their lines"
        )
    if unit == "requests" and writer.shape.format != "access":
        told = {each.field.lower() for each in where if isinstance(each, q.Compare)}
        if not told & {"status", "method", "status code", "code", "path", "url"}:
            raise NeedsLanguageModelError("it is not clear which lines are requests: ask for lines, and say which")
    plain = writer.shape.format in ("text", "python") and not (writer.shape.stamp or writer.shape.level)
    if unit == "records" and plain:
        raise NeedsLanguageModelError(
            'the context is plain text and has no records or levels; to search, ask: how many lines contain "..."'
        )
    if unit in ("lines", "words", "characters", "occurrences", "documents"):
        writer.need_text()


def _lines_of_text(unit: q.Unit, where: q.Where) -> bool:
    """Whether lines are meant as they stand, so that nothing needs to be taken apart."""
    return unit == "lines" and all(isinstance(each, q.Text | q.InDocument) for each in where)


def _count(writer: Writer, intent: q.Count) -> str:
    unit = intent.unit
    _check_unit(writer, unit, intent.where)
    if _lines_of_text(unit, intent.where):
        writer.as_text()
    one, many = _described(writer, unit, intent.where)
    where = writer.restrict(intent.where)
    writer.define("amount", one=repr(one), many=repr(many))
    if unit == "documents":
        writer.need_documents()
        writer.body = "FINAL(amount(len(docs)))"
        if where:
            writer.body = f'{_matching_documents(writer, where)}\nFINAL(f"{{amount(len(found))}}, of {{len(docs):,}}")'
    elif unit in _DEFINITIONS:
        writer.body = f"{_definitions(writer, unit, where)}\nFINAL(amount(sum(counts)))"
    elif unit == "occurrences":
        writer.body = _count_occurrences(writer, where)
    elif unit in ("words", "characters"):
        if where:
            raise NeedsLanguageModelError("the offline model counts words and characters of whole documents only")
        writer.need("blocks")
        size = "len(block.split())" if unit == "words" else "len(block)"
        writer.body = f"FINAL(amount(sum({size} for doc in docs for block in blocks(doc))))"
    elif unit == "lines" and not where:
        writer.body = 'FINAL(amount(sum(doc.count("\\n") + (doc[-1:] not in ("", "\\n")) for doc in docs)))'
    elif unit == "lines" and len(where) == 1 and isinstance(where[0], q.Text) and _is_substring(where[0]):
        writer.body = _count_lines_fast(writer, where[0])
    else:
        years, check = writer.years(where)
        writer.body = fill(
            """
            total, years = 0, set()
            «loop»
            «check»
            «note»
            FINAL(amount(total) + note)
            """,
            loop=writer.loop(writer.tests(where), f"{years}\ntotal += 1".strip()),
            check=check,
            note=writer.note(),
        )
    return f"I count the {many}."


def _is_substring(text: q.Text) -> bool:
    return text.how == "part" and not text.negated


def _count_lines_fast(writer: Writer, text: q.Text) -> str:
    """Jumps from a hit to the end of its line: the other lines are never looked at in Python."""
    writer.need("blocks")
    return fill(
        """
        total = 0
        for doc in docs:
            for block in blocks(doc):
                «lowered»
                at = block.find(«needle»)
                while at >= 0:
                    total += 1
                    end = block.find("\\n", at)
                    at = block.find(«needle», end) if end >= 0 else -1
        FINAL(amount(total))
        """,
        lowered="block = block.lower()" if text.any_case else "",
        needle=repr(text.needle.lower() if text.any_case else text.needle),
    )


def _one_text(where: q.Where) -> q.Text:
    if len(where) == 1 and isinstance(where[0], q.Text) and not where[0].negated:
        return where[0]
    raise NeedsLanguageModelError("the offline model counts occurrences of one text; for more conditions ask for lines")


def _occurrences(writer: Writer, text: q.Text) -> str:
    """The expression for how often a text occurs in `doc`."""
    if text.how == "part" and not text.any_case and len(text.needle.split()) == 1:
        return f"doc.count({text.needle!r})"
    return f"sum(1 for hit in {writer.pattern(text)}.finditer(doc))"


def _count_occurrences(writer: Writer, where: q.Where) -> str:
    text = _one_text(where)
    body = f"total = sum({_occurrences(writer, text)} for doc in docs)"
    if text.how != "word":
        return f"{body}\nFINAL(amount(total))"
    # "cat" is also in "category": if that makes a difference, the answer tells both counts.
    parts = _occurrences(writer, replace(text, how="part"))
    return fill(
        """
        «body»
        parts = sum(«parts» for doc in docs)
        FINAL(amount(total) + (f" ({parts:,} with those inside longer words)" if parts > total else ""))
        """,
        body=body,
        parts=parts,
    )


# --- documents ------------------------------------------------------------------------------------------------------


def _documents(writer: Writer, intent: q.Documents) -> str:
    writer.need_documents()
    where = writer.restrict(intent.where)
    one, many = _described(writer, "documents", where)
    writer.define("amount", one=repr(one), many=repr(many))
    # What is not quoted may be there in other words: then an empty answer would be a guess.
    literal = all(each.quoted for each in where if isinstance(each, q.Text))
    writer.body = fill(
        """
        «matching»
        if not found:
            «nothing»
        else:
            listed = " " + ", ".join(found) if len(found) <= 5 else "\\n" + "\\n".join(found)
            FINAL(f"{amount(len(found))}, of {len(docs):,}:{listed}")
        """,
        matching=_matching_documents(writer, where),
        nothing='FINAL(f"{amount(0)}, of {len(docs):,}")' if literal else _give_up(f"there are no {many}"),
    )
    return f"I look for the {many}."


def _give_up(reason: str) -> str:
    return f"raise LookupError({'NOTHING: ' + reason!r})"


def _matching_documents(writer: Writer, where: q.Where) -> str:
    test = " and ".join(_document_test(writer, each) for each in where)
    return f"found = [names[i] for i, doc in enumerate(docs) if {test}]"


def _document_test(writer: Writer, condition: q.Condition) -> str:
    if isinstance(condition, q.Text):
        if condition.how in ("start", "end"):
            return f"{'not ' * condition.negated}doc.{condition.how}swith({condition.needle!r})"
        return f"{'not ' * condition.negated}{writer.pattern(condition)}.search(doc)"
    if isinstance(condition, q.Imports):
        name, pattern = condition.module.rpartition(".")[2], _import_regex(condition.module)
        statement = "IMPORT"
    elif isinstance(condition, q.Defines):
        name, pattern = condition.name, _definition_regex(condition.name)
        statement = "DEFINITION"
    else:
        raise NeedsLanguageModelError("the offline model finds documents by their text, imports and definitions only")
    writer.need_python()
    writer.need("bare")
    statement = writer.constant(statement, f"re.compile({pattern!r}, re.MULTILINE)")
    # To blank out strings and comments takes longer than to see that the name is not there at all.
    return f"{name!r} in doc and {statement}.search(bare(doc))"


def _import_regex(module: str) -> str:
    """`import m`, `import a, m as b`, `from m import x`, `from m.sub import x`, also after `;` and `:`."""
    name, start = re.escape(module), r"(?:^|[;:])[ \t]*"
    before = r"(?:[\w.]+(?:[ \t]+as[ \t]+\w+)?[ \t]*,[ \t]*)*"
    ways = [rf"{start}import[ \t]+{before}{name}(?!\w)", rf"{start}from[ \t]+{name}(?:\.[\w.]+)?[ \t]+import\b"]
    if "." in module:
        parent, _, last = (re.escape(part) for part in module.rpartition("."))
        ways.append(rf"{start}from[ \t]+{parent}[ \t]+import[ \t]+(?:\([^)]*|[^\n;]*)(?<!\w){last}\b")
    return "|".join(ways)


def _definition_regex(name: str) -> str:
    """`def x`, `class x` at any depth; `x = ...` at the top of a module."""
    name = re.escape(name)
    return rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{name}\b|^{name}[ \t]*(?::[^=\n]+)?=(?!=)"


def _definitions(writer: Writer, unit: q.Unit, where: q.Where) -> str:
    """Code that counts definitions or imports, one number per document, into `counts`."""
    modules = [_import_regex(each.module) for each in where if isinstance(each, q.Imports)]
    pattern = modules[0] if modules else _DEFINITIONS[unit]
    writer.need("bare")
    statement = writer.constant("STATEMENT", f"re.compile({pattern!r}, re.MULTILINE)")
    return f"counts = [sum(1 for hit in {statement}.finditer(bare(doc))) for doc in docs]"


# --- keys -----------------------------------------------------------------------------------------------------------


def _distinct(writer: Writer, intent: q.Distinct) -> str:
    where = writer.restrict(intent.where)
    if intent.key == "word":
        writer.need_text()
        if where or intent.listed:
            raise NeedsLanguageModelError("the offline model counts the different words of the whole context only")
        writer.need("words")
        writer.body = (
            'seen = {word for doc in docs for word in words(doc)}\nFINAL(f"{len(seen):,} different words (any case)")'
        )
        return "I collect the words."
    years, check = writer.years(where)
    scope = _scope(writer, where)
    action = """
        «years»
        value = «expression»
        if value not in «missing»:
            seen.add(str(value))
    """
    listed = f'FINAL(", ".join(sorted(seen)) + f" ({{len(seen):,}} values of {intent.key})" + note)'
    writer.body = fill(
        """
        seen, years = set(), set()
        «loop»
        «check»
        «note»
        if not seen:
            «nothing»
        «final»
        """,
        loop=writer.loop(
            writer.tests(where),
            fill(action, years=years, expression=writer.key(intent.key), missing=writer.missing),
        ),
        check=check,
        note=writer.note(),
        nothing=_give_up(f"no value of {intent.key}{scope}") if intent.listed or not where else "pass",
        final=listed
        if intent.listed
        else f'FINAL(f"{{len(seen):,}} " + {f"different values of {intent.key}{scope}"!r} + note)',
    )
    return f"I collect the values of {intent.key}{scope}."


def _rank(writer: Writer, intent: q.Rank) -> str:
    unit, by_document = intent.unit, writer.is_document(intent.key)
    if unit != "records" or by_document:  # records grouped by a field are there if the field is
        _check_unit(writer, unit, intent.where)
    if by_document and _lines_of_text(unit, intent.where):
        writer.as_text()
    one, many = _described(writer, unit, intent.where)
    where = writer.restrict(intent.where)
    writer.define("amount", one=repr(one), many=repr(many))
    if unit == "words":
        if where or intent.key != "word":
            raise NeedsLanguageModelError("the offline model counts the words of the whole context only")
        writer.define("amount", one=repr("time, any case"), many=repr("times, any case"))
        writer.need("words", "from collections import Counter")
        counting = 'counts = Counter()\nfor doc in docs:\n    counts.update(words(doc))\nnote = ""'
    elif unit in _DEFINITIONS or unit == "occurrences":
        if not by_document:
            raise NeedsLanguageModelError(f"the offline model counts {many} per document only")
        writer.need_documents()
        if unit == "occurrences":
            counted = f"counts = [{_occurrences(writer, _one_text(where))} for doc in docs]"
        else:
            counted = _definitions(writer, unit, where)
        counting = f'{counted}\ncounts = dict(zip(names, counts))\nnote = ""'
    elif unit in ("documents", "characters"):
        raise NeedsLanguageModelError(f"the offline model does not count {many} per {intent.key}")
    else:
        counting = _count_per_key(writer, intent, where)
    writer.need("ranked")
    writer.body = f"{counting}\n{_ranking(intent, many)}"
    return f"I count the {many} per {intent.key}."


def _count_per_key(writer: Writer, intent: q.Rank, where: q.Where) -> str:
    writer.need("from collections import Counter")
    tests = writer.tests(where)
    years, check = writer.years(where)
    # A key without a single hit has the fewest, so for "fewest" every key that there is takes part.
    every = intent.order == "least" and bool(tests)
    action = """
        «matched»
        «years»
        key = «expression»
        if key in «missing»:
            nameless += «one»
        else:
            counts[str(key)] += «one»
    """
    action = fill(
        action,
        matched="matched = bool(" + " and ".join(tests) + ")" if every else "",
        years=f"if matched:\n    {years}" if every and years else years,
        expression=writer.key(intent.key),
        missing=writer.missing,
        one="matched" if every else "1",
    )
    return fill(
        """
        counts, nameless, years = Counter(), 0, set()
        «loop»
        «check»
        «note»
        if nameless:
            note += f" ({nameless:,} more have no «key»)"
        """,
        loop=writer.loop([] if every else tests, action),
        check=check,
        note=writer.note(),
        key=intent.key,
    )


def _ranking(intent: q.Rank, many: str) -> str:
    """Code that tells the ranking of `counts`."""
    nothing = f'FINAL("There are no " + {many!r} + note)' if intent.where else _give_up(f"no {intent.key} was found")
    if intent.order == "all":
        tell = """
            listed = [f"{key}: {n:,}" for key, n in «order»]
            FINAL("\\n".join(listed) + f"\\n(total: {amount(sum(counts.values()))}){note}")
        """
    elif intent.limit == 1:
        tell = """
            best = ranked(counts, 1«least»)
            key, n = best[0]
            if len(best) == 1:
                FINAL(f"{key} ({amount(n)})" + note)
            else:
                FINAL(f"A tie of {len(best):,}: " + ", ".join(key for key, n in best) + f" ({amount(n)} each)" + note)
        """
    else:
        tell = """
            best = ranked(counts, «limit»«least»)
            tie = f"; the last of them tie, so there are {len(best)}" if len(best) > «limit» else ""
            FINAL("\\n".join(f"{key}: {n:,}" for key, n in best) + "\\n(" + «many» + tie + ")" + note)
        """
    return fill(
        """
        if not «something»:
            «nothing»
        else:
            «tell»
        """,
        something="counts" if intent.order == "least" else "any(counts.values())",
        nothing=nothing,
        tell=fill(
            tell,
            order="sorted(counts.items())" if intent.key in STRETCHES else "ranked(counts, len(counts))",
            least=", least=True" if intent.order == "least" else "",
            limit=intent.limit,
            many=repr(many),
        ),
    )


# --- numbers --------------------------------------------------------------------------------------------------------


def _accumulator(writer: Writer, statistic: str) -> tuple[str, str]:
    """How a value joins its group, and the group's result; only quantiles keep the values, and count equal ones."""
    if statistic == "mean":
        return "group = groups.setdefault(key, [0, 0])\ngroup[0] += value\ngroup[1] += 1", "group[0] / group[1]"
    if statistic == "sum":
        return "groups[key] = groups.get(key, 0) + value", "group"
    if statistic in ("max", "min"):
        return f"groups[key] = {statistic}(groups.get(key, value), value)", "group"
    writer.need("quantile", "from collections import Counter")
    percent = 50 if statistic == "median" else int(statistic[1:])
    return "groups.setdefault(key, Counter())[value] += 1", f"quantile(group, {percent})"


def _value_loop(writer: Writer, field: str, where: q.Where, key: str, update: str, *, numbered: bool = False) -> str:
    """Goes through the numbers of a field, and refuses if there are none or if their units differ."""
    name, value = writer.field(field)
    years, check = writer.years(where)
    writer.need("number", "show", "one_unit")
    action = """
        raw, key = «value», «key»
        if raw in «missing» or key in «missing»:
            continue
        «years»
        value = number(raw, units)
        if value is None:
            odd += 1
            continue
        count += 1
        «update»
    """
    return fill(
        """
        groups, units, years, count, odd = {}, set(), set(), 0, 0
        «loop»
        «check»
        «note»
        if odd:
            note += f" ({odd:,} values that are no number are left out)"
        if not count:
            «nothing»
        unit = one_unit(units, «name»)
        """,
        loop=writer.loop(
            writer.tests(where),
            fill(action, value=value, key=key, missing=writer.missing, years=years, update=update),
            numbered=numbered,
        ),
        check=check,
        note=writer.note(),
        nothing=_give_up(f"there is no number in {name}{_scope(writer, where)}"),
        name=repr(name),
    )


def _statistic(writer: Writer, intent: q.Statistic) -> str:
    where = writer.restrict(intent.where)
    update, result = _accumulator(writer, intent.statistic)
    word = _STATISTIC_WORDS.get(intent.statistic, intent.statistic)
    label = f"{writer.field(intent.field)[0]}{_scope(writer, where)}"
    writer.body = fill(
        """
        «loop»
        group = groups["all"]
        FINAL(f"{show(«result»)}{unit} («word» of {count:,} values of " + «label» + ")" + note)
        """,
        loop=_value_loop(writer, intent.field, where, '"all"', update),
        result=result,
        word=word,
        label=repr(label + ", by nearest rank" * intent.statistic.startswith("p")),
    )
    return f"I take the {word} of {label}."


def _extreme(writer: Writer, intent: q.Statistic) -> str:
    """The highest or lowest value, with the record that it is in."""
    where = writer.restrict(intent.where)
    writer.need("excerpt")
    update = """
        if "all" not in groups or value «sign» groups["all"]:
            groups["all"], ties, where = value, 1, «place» + ": " + excerpt(«shown»)
        elif value == groups["all"]:
            ties += 1
    """
    update = fill(update, sign=">" if intent.statistic == "max" else "<", place=writer.place(), shown=writer.shown())
    word = _STATISTIC_WORDS[intent.statistic]
    label = f"{word} {writer.field(intent.field)[0]}{_scope(writer, where)}"
    writer.body = fill(
        """
        «loop»
        times = f"{ties:,} times, first in " if ties > 1 else ""
        FINAL(f"{show(groups['all'])}{unit} (" + «label» + f"; {times}{where}){note}")
        """,
        loop=_value_loop(writer, intent.field, where, '"all"', update, numbered=True),
        label=repr(label),
    )
    return f"I look for the {label}."


def _rank_statistic(writer: Writer, intent: q.Rank) -> str:
    where = writer.restrict(intent.where)
    update, result = _accumulator(writer, intent.statistic)
    word = _STATISTIC_WORDS.get(intent.statistic, intent.statistic)
    label = f"{word} {writer.field(intent.field)[0]}"
    label += f" per {intent.key}" * (intent.order == "all") + _scope(writer, where)
    writer.need("ranked")
    tell = """
        listed = [f"{key}: {show(x)}{unit}" for key, x in «best»]
        FINAL("\\n".join(listed) + "\\n(" + «label» + ")" + note)
    """
    if intent.order != "all" and intent.limit == 1:
        tell = """
            best = «best»
            key, x = best[0]
            if len(best) == 1:
                FINAL(f"{key} (" + «label» + f": {show(x)}{unit})" + note)
            else:
                tied = ", ".join(key for key, x in best)
                FINAL(f"A tie of {len(best):,}: {tied} (" + «label» + f": {show(x)}{unit} each)" + note)
        """
    best = f"ranked(results, {intent.limit}{', least=True' if intent.order == 'least' else ''})"
    if intent.order == "all":
        best = "sorted(results.items())" if intent.key in STRETCHES else "ranked(results, len(results))"
    writer.body = fill(
        """
        «loop»
        results = {str(key): «result» for key, group in groups.items()}
        «tell»
        """,
        loop=_value_loop(writer, intent.field, where, writer.key(intent.key), update),
        result=result,
        tell=fill(tell, best=best, label=repr(label)),
    )
    return f"I take the {label}."


# --- lines ----------------------------------------------------------------------------------------------------------


def _longest(writer: Writer, intent: q.Longest) -> str:
    word, sign = ("shortest", "<") if intent.shortest else ("longest", ">")
    if intent.unit == "documents":
        writer.need_documents()
        writer.body = fill(
            """
            size = «pick»(len(doc) for doc in docs)
            best = [names[i] for i, doc in enumerate(docs) if len(doc) == size]
            FINAL(", ".join(best) + f" ({size:,} characters{' each' if len(best) > 1 else ''})")
            """,
            pick="min" if intent.shortest else "max",
        )
        return f"I look for the {word} document."
    writer.need_text()
    writer.as_text()
    writer.need("excerpt")
    action = """
        if best is None or len(line) «sign» len(best):
            best, ties, where = line, 1, «place»
        elif len(line) == len(best):
            ties += 1
    """
    writer.body = fill(
        """
        best = None
        «loop»
        if best is None:
            «nothing»
        times = f"; {ties:,} lines, the first is " if ties > 1 else ", "
        FINAL(f"{len(best):,} characters{times}{where}: {excerpt(best)}")
        """,
        loop=writer.loop(["line.strip()"], fill(action, sign=sign, place=writer.place()), numbered=True),
        nothing=_give_up("all lines are empty"),
    )
    return f"I look for the {word} line that is not empty."


def _edge(writer: Writer, intent: q.Edge) -> str:
    writer.restrict(intent.where)
    writer.need_one_document()
    writer.need("lines")
    if intent.last:
        writer.need("from collections import deque")
        writer.body = f'FINAL("\\n".join(deque(lines(docs[0]), maxlen={intent.count})))'
    else:
        writer.need("from itertools import islice")
        writer.body = f'FINAL("\\n".join(islice(lines(docs[0]), {intent.count})))'
    return f"I take the {'last' if intent.last else 'first'} {intent.count:,} lines."


def _checked_find(writer: Writer, intent: q.Find) -> tuple[q.Where, list[q.Text], str]:
    """Conditions, texts to show, and what to do when nothing is found."""
    if any(isinstance(each, q.Imports | q.Defines) for each in intent.where):
        raise NeedsLanguageModelError("ask which files import or define it")
    only_text = all(isinstance(each, q.Text | q.InDocument) for each in intent.where)
    if only_text and writer.shape.format != "rows" and (intent.which == "all" or not writer.has_stamp()):
        writer.as_text()
    _, many = _described(writer, "records", intent.where)
    where = writer.restrict(intent.where)
    texts = [each for each in where if isinstance(each, q.Text) and not each.negated]
    writer.need("excerpt")
    # What is not quoted may be there in other words: then "nothing" would be a guess.
    literal = all(each.quoted for each in texts)
    nothing = f"FINAL({f'There are no {many}.'!r})" if literal else _give_up(f"there are no {many}")
    return where, texts, nothing


def _find_all(writer: Writer, intent: q.Find) -> str:
    where, texts, nothing = _checked_find(writer, intent)
    years, check = writer.years(where)
    one, many = _described(writer, "records", intent.where)
    writer.define("amount", one=repr(one), many=repr(many))
    needle = texts[0].needle if texts else ""
    action = """
        «years»
        total += 1
        if total <= 200:
            found.append(«place» + ": " + excerpt(«shown», «needle»))
    """
    writer.body = fill(
        """
        found, total, years = [], 0, set()
        «loop»
        «check»
        if not found:
            «nothing»
        else:
            more = f"; the first {len(found)}" if total > len(found) else ""
            FINAL(f"{amount(total)}{more}:\\n" + "\\n".join(found))
        """,
        loop=writer.loop(
            writer.tests(where),
            fill(action, years=years, place=writer.place(), shown=writer.shown(), needle=repr(needle)),
            numbered=True,
        ),
        check=check,
        nothing=nothing,
    )
    return f"I look for the {many}."


def _find_first(writer: Writer, intent: q.Find) -> str:
    where, texts, nothing = _checked_find(writer, intent)
    years, check = writer.years(where)
    needle = texts[0].needle if texts else ""
    timed = intent.event or writer.has_stamp()
    # A line without a timestamp, as in a stack trace, has that of the line before it in its document.
    before = f"stamp = {writer.stamp()} or (stamp if last == i else '')\nlast = i" if timed else "stamp = ''"
    sooner = "stamp < «best»[0]" if intent.which == "first" else "stamp >= «best»[0]"
    action = """
        «years»
        if best is None or «sooner»:
            best = (stamp, «place», excerpt(«shown», «needle»))
        «whole»
    """
    whole, tell = "", "FINAL(told(best))"
    if intent.event and len(texts) == 1 and not texts[0].quoted:
        # "timeout" is also in "timeout_ms": if that makes a difference, the answer tells both.
        whole = """
            if (word is None or «sooner») and «pattern».search(«line»):
                word = (stamp, «place», excerpt(«shown», «needle»))
        """
        whole = fill(
            whole,
            sooner=fill(sooner, best="word"),
            pattern=writer.pattern(replace(texts[0], how="word")),
            line=writer.line(),
            place=writer.place(),
            shown=writer.shown(),
            needle=repr(needle),
        )
        tell = fill(
            """
            if word is None or word == best:
                FINAL(told(best))
            else:
                FINAL(f"As a word of its own: {told(word)}\\nInside a longer word: {told(best)}")
            """
        )
    writer.body = fill(
        """
        def told(hit):
            return f"{hit[0]} ({hit[1]}): {hit[2]}" if hit[0] else f"{hit[1]}: {hit[2]}"


        best, word, years, stamp, last = None, None, set(), "", -1
        «loop»
        «check»
        if best is None:
            «nothing»
        else:
            «tell»
        """,
        loop=writer.loop(
            writer.tests(where),
            fill(
                action,
                years=years,
                sooner=fill(sooner, best="best"),
                place=writer.place(),
                shown=writer.shown(),
                needle=repr(needle),
                whole=whole,
            ),
            before=before,
            numbered=True,
        ),
        check=check,
        nothing=nothing,
        tell=tell,
    )
    return f"I look for the {intent.which} of the {_described(writer, 'records', intent.where)[1]}."


# --- look-up --------------------------------------------------------------------------------------------------------


def _look_up(writer: Writer, intent: q.LookUp) -> str:
    shape, subject = writer.shape, repr(intent.subject)
    looked_up = fill(LOOKED_UP, subject=subject)
    if shape.format == "mapping":
        writer.body = fill(
            IN_MAPPING,
            subject=subject,
            attribute=repr(intent.attribute),
            owner=repr(intent.owner),
            looked_up=looked_up,
        )
    elif shape.format in ("csv", "jsonl", "json", "rows"):
        writer.body = f"found = {{}}\n{_rows_of_owner(writer, intent)}\n{looked_up}"
    else:
        writer.need("import re", "excerpt")
        writer.body = fill(
            IN_TEXT,
            pattern=repr(_statement_regex(intent)),
            document='""' if shape.kind == "str" else 'names[i] + ": "',
            looked_up=looked_up,
        )
    return f"I look for the value of {subject}."


def _rows_of_owner(writer: Writer, intent: q.LookUp) -> str:
    """Code that finds the rows in which a cell is the owner, and takes the attribute's field from them."""
    field = writer.find_field(intent.attribute) if intent.attribute else None
    if field is None:
        there = ", ".join(writer.fields[:15])
        raise NeedsLanguageModelError(f"no field of the records is {intent.attribute or intent.subject!r} ({there})")
    # "the city of Lisbon" may be the row whose city is Lisbon.
    shorter = re.sub(r"^\w+ (?:of |named |called )?", "", intent.owner).lower()
    action = """
        if any(str(cell).strip().lower() in «owners» for cell in «cells»):
            value = «value»
            if value not in (None, ""):
                found.setdefault(str(value), «place» + ": " + «shown»)
    """
    action = fill(
        action,
        owners=repr(sorted({intent.owner.lower(), shorter} - {""})),
        cells="row" if writer.shape.format == "csv" else "row.values()",
        value=writer.field(field)[1],
        place=writer.place(),
        shown=writer.shown(),
    )
    return writer.loop([], action, numbered=True)


def _statement_regex(intent: q.LookUp) -> str:
    """`the magic number for Lisbon is ...`, `Lisbon's magic number: ...`, `max_connections = ...`."""

    def words(text: str) -> str:
        return r"[\s_-]+".join(re.escape(word) + "s?" * (len(word) > 3 and word[-1].isalpha()) for word in text.split())

    ways = [words(intent.subject)]
    if intent.owner:
        ways.append(rf"{words(intent.attribute)}\s+(?:of|for)\s+(?:the\s+)?{words(intent.owner)}")
        ways.append(rf"{words(intent.owner)}['\u2019]s?\s+{words(intent.attribute)}")
    return (
        rf"(?<![\w.-])(?:{'|'.join(dict.fromkeys(ways))})[\"'*`]*"
        r"(?P<verb>\s+(?:is|was|are|were|equals)\b\s*:?\s*|\s*(?:=>|->|=|:)\s*)(?P<rest>[^\n]{1,300})"
    )
