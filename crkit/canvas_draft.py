"""From two questions to a first draft of a canvas: what problem do you solve, and for whom?

`draft` compares the answers with a library of business patterns by text similarity. It works offline, and says which
patterns it drew on, how sure it is, and what to change first.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from crkit import canvas
from crkit.canvas import Canvas, Pattern, checks, clean, from_plain, patterns

Sureness = Literal["none", "low", "fair", "high"]

FEWEST_WORDS = 3
UNLIKE = 0.06  # below this similarity, nothing in the library is like the answer
FAIR, HIGH = 0.14, 0.24
ALSO = 0.9  # a pattern nearly as similar as the best one gives single entries
#: Right and tried at each level, of 38 answers that we wrote ourselves (tests/canvas_answers.json): a kind judge.
TRIED = {"low": (3, 8), "fair": (15, 17), "high": (10, 11)}
_STOP = frozenset(  # the words of one list, to be read by people
    """a about after all also an and any are as at be because been but by can cannot do does for from get gets has have
    help her his how i if in into is it its just like make many more most much need needs no not of often on one only or
    other our out own people person solve so some such than that the their them then there these they thing things this
    those to too up use very want wants was way we what when where which who will with without would you your problem
    customer customers user users business nobody nothing somebody someone something everybody everyone anybody anyone
    every each take takes while still see before""".split()  # noqa: SIM905 - a list literal of a hundred words is unreadable
)


class Likeness(NamedTuple):
    """How like an answer one pattern is.

    Attributes:
        pattern: its id.
        name: in plain words.
        similarity: cosine of the two texts' weighted words, from 0 to 1.
        because: the words that both have, the most telling first.
    """

    pattern: str
    name: str
    similarity: float
    because: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """A first draft, and how it came about.

    Attributes:
        canvas: the draft. If nothing in the library is like the answer, it holds only what was answered.
        drew_on: the patterns that entries come from, the most similar first.
        sureness: ``"none"``, ``"low"``, ``"fair"`` or ``"high"``.
        message: what was done and how sure it is, in two or three sentences.
        change_first: what to change first, one sentence each.
        by: ``"patterns"`` or ``"model"``.
    """

    canvas: Canvas
    drew_on: tuple[Likeness, ...]
    sureness: Sureness
    message: str
    change_first: tuple[str, ...]
    by: Literal["patterns", "model"] = "patterns"


def words(text: str) -> list[str]:
    """The telling words of a text, in small letters and without common endings.

    Example:
        >>> words("We deliver the freshest coffees to offices")
        ['deliver', 'freshest', 'coffee', 'office']
    """
    found = re.findall(r"[^\W\d_]+", text.casefold())
    return [_stem(word) for word in found if word not in _STOP and len(word) > 1]


def _stem(word: str) -> str:
    for ending, instead, least in (("ies", "y", 5), ("ing", "", 6), ("ed", "", 5), ("es", "e", 5), ("s", "", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word


def _spelt(text: str) -> dict[str, str]:
    """The words of a text as they are written, by their stem."""
    return {_stem(word): word for word in re.findall(r"[^\W\d_]+", text.casefold())}


@functools.cache
def _library() -> tuple[Any, Any]:
    """The vectoriser fitted to the patterns, and their vectors."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [
        " ".join([one.name, one.problem, one.audience] * 2 + [e["name"] for es in one.blocks.values() for e in es])
        for one in patterns()
    ]
    vectoriser = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    return vectoriser, vectoriser.fit_transform(texts)


def similar(problem: str, audience: str) -> tuple[Likeness, ...]:
    """How like two answers every pattern is.

    The texts are compared as bags of words, weighted by TF-IDF: a word counts the more, the fewer patterns use it
    (K. Spärck Jones, 1972). Word order and meaning are not seen: *coffee without caffeine* is coffee and caffeine.

    Args:
        problem: what problem is solved, in English.
        audience: for whom.

    Returns:
        All patterns, the most similar first.
    """
    vectoriser, vectors = _library()
    query = vectoriser.transform([f"{problem} {audience}"])
    spelt = _spelt(f"{problem} {audience}")
    terms = [spelt.get(term, term) for term in vectoriser.get_feature_names_out()]
    shared = vectors.multiply(query).tocsr()
    found = []
    for number, one in enumerate(patterns()):
        row = shared[[number]]
        telling = sorted(zip(-row.data, row.indices, strict=True))
        because = tuple(terms[index] for _, index in telling[:4])
        found.append(Likeness(one.id, one.name, float(row.sum()), because))
    return tuple(sorted(found, key=lambda like: -like.similarity))


def draft(problem: str, audience: str, *, name: str = "My business model") -> Draft:
    """Draft all nine blocks from two answers, offline.

    Args:
        problem: what problem do you solve? A sentence or two, in English.
        audience: for whom?
        name: of the canvas.

    Returns:
        The draft, with the patterns it drew on, how sure it is, and what to change first. An answer that is too short,
        or like nothing in the library, gives a canvas that holds only the answers, and says so.

    Raises:
        ValueError: if an answer is no text, or longer than 2,000 characters.

    Example:
        >>> first = draft("Cleaning takes a whole evening, and trusted cleaners are hard to find", "working parents")
        >>> first.drew_on[0].name
        'Platform for local services'
    """
    for label, text in (("problem", problem), ("audience", audience)):
        if not isinstance(text, str):
            raise ValueError(f"the {label} is a sentence of text, not {type(text).__name__}")
        if len(text) > canvas.LONGEST_DESCRIPTION:
            raise ValueError(f"the {label} has {len(text)} characters: say it in {canvas.LONGEST_DESCRIPTION} or fewer")
    problem, audience = _printable(problem), _printable(audience)
    telling = list(dict.fromkeys(words(problem)))
    if len(telling) < FEWEST_WORDS or not words(audience):
        short = "problem" if len(telling) < FEWEST_WORDS else "audience"
        long_enough = len((problem if short == "problem" else audience).split()) >= FEWEST_WORDS
        says = f"The answer about the {short} " + (
            "holds hardly a word that would not fit every business: say who, where and how often."
            if long_enough
            else "is too short to compare with anything: say it in a sentence."
        )
        first = ("Answer both questions with what happened the last time.",)
        return Draft(_answers_only(problem, audience, name), (), "none", says, first)
    likes = similar(problem, audience)
    best = likes[0]
    if best.similarity < UNLIKE or len(best.because) < 2:
        shared = f"the word {best.because[0]}" if best.because else "no word"
        says = (
            f"Nothing in the library is like this answer: the nearest pattern ({best.name}) shares {shared} with it. "
            f"The library is in English and knows {len(patterns())} patterns; your business may still be a good one."
        )
        more = "Say the problem in other words, in English, or fill in the blocks yourself."
        return Draft(_answers_only(problem, audience, name), (), "none", says, (more,))
    near = [like for like in likes[1:3] if like.similarity >= ALSO * best.similarity]
    model = _compose(best, near, problem, audience, name)
    return Draft(model, (best, *near), *_explain(best, near, problem, audience, model))


def _printable(text: str) -> str:
    return clean("".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text))


def _answers_only(problem: str, audience: str, name: str) -> Canvas:
    model = Canvas(name)
    segments = []
    if audience:
        model = model.add("customer_segments", _short(audience), description=audience)
        segments = [model["customer_segments"][0].id]
    if problem:
        model = model.add("value_propositions", _short(problem), description=problem, links=segments)
    return model


def _short(text: str) -> str:
    """A text that may be a name: as it is, or its first words with a mark that there is more in the description."""
    return (
        text
        if len(text) <= canvas.LONGEST_NAME
        else text[: canvas.LONGEST_NAME - 2].rsplit(" ", 1)[0][: canvas.LONGEST_NAME - 2] + " …"
    )


def _pattern(wanted: str) -> Pattern:
    return next(one for one in patterns() if one.id == wanted)


def _compose(best: Likeness, near: Sequence[Likeness], problem: str, audience: str, name: str) -> Canvas:
    main = _pattern(best.pattern)
    model = from_plain(main.blocks, name=name, origin=f"pattern:{main.id}")
    asked = set(words(audience))
    segment = max(model["customer_segments"], key=lambda entry: len(asked & set(words(entry.name))))
    said = f"{segment.name}: {audience}" if len(audience) <= 80 else segment.name
    proposition = next(entry for entry in model["value_propositions"] if segment.id in entry.links)
    model = model.with_block(
        "customer_segments",
        tuple(
            dataclasses.replace(each, name=said, description=audience) if each.id == segment.id else each
            for each in model["customer_segments"]
        ),
    ).with_block(
        "value_propositions",
        tuple(
            dataclasses.replace(each, description=problem) if each.id == proposition.id else each
            for each in model["value_propositions"]
        ),
    )
    for like in near:
        other = _pattern(like.pattern)
        for block in ("value_propositions", "channels", "customer_relationships", "revenue_streams"):
            has = {entry.name for entry in model[block]}
            new = next((entry for entry in other.blocks[block] if entry["name"] not in has), None)
            if new is not None:
                kind = new.get("type", "")
                model = model.add(block, new["name"], links=[segment.id], type=kind, origin=f"pattern:{other.id}")
    return model


def _explain(
    best: Likeness, near: Sequence[Likeness], problem: str, audience: str, model: Canvas
) -> tuple[Sureness, str, tuple[str, ...]]:
    sureness: Sureness = "high" if best.similarity >= HIGH else "fair" if best.similarity >= FAIR else "low"
    main = _pattern(best.pattern)
    right, tried = TRIED[sureness]
    others = " and ".join(f"«{like.name}»" for like in near)
    message = (
        f"This draft is the pattern «{main.name}» (words in common: {', '.join(best.because[:3])})"
        + (f", with single entries from {others}. " if others else ". ")
        + f"How sure that is: {sureness} (similarity {best.similarity:.2f}; of {tried} answers of this level that we "
        f"tried, {right} found the pattern we had in mind). All of it is typical of such businesses; nothing is known "
        "about yours."
    )
    known = set(_library()[0].vocabulary_)
    spelt = _spelt(f"{problem} {audience}")
    unknown = [spelt.get(word, word) for word in dict.fromkeys(words(f"{problem} {audience}")) if word not in known]
    first = []
    if unknown:
        listed = ", ".join(unknown[:5])
        first.append(f"The library does not know {listed}: where that matters, write entries of your own.")
    if near:
        first.append(
            f"«{main.name}» and «{near[0].name}» fit nearly as well: decide which one you are, and remove the entries "
            "of the other."
        )
    first.append(
        f"Look at the block «{canvas.BLOCKS[main.hinge].lower()}», where this pattern usually breaks. {main.why}"
    )
    vague = [finding for finding in checks(model) if finding.check == "vague_words" and not finding.silenced]
    first.extend(finding.sentence for finding in vague)
    first.append("Strike every entry that you would not bet money on; an honest canvas has gaps.")
    return sureness, message, tuple(first[:4])
