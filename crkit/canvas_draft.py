"""From two questions to a first draft of a canvas: what problem do you solve, and for whom?

`draft` compares the answers with a library of business patterns by text similarity. It works offline, and says which
patterns it drew on, how sure it is, and what to change first.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from crkit import canvas
from crkit.canvas import Canvas, Entry, Pattern, checks, clean, from_plain, patterns
from crkit.intervals import share

Sureness = Literal["none", "low", "fair", "high"]

FEWEST_WORDS = 3
UNLIKE = 0.06  # below this similarity, nothing in the library is like the answer
FAIR, HIGH = 0.14, 0.24
ALSO = 0.9  # a pattern nearly as similar as the best one gives single entries
LEAD = 0.75  # the second pattern may be so similar, as a share of the best one, where the level is high
RARE = 0.1  # a word is telling if no larger share of the patterns uses it
KNOWN = 0.3  # with fewer known words than this share, an answer is hardly in English
#: Right and tried at each level, of 63 answers that we wrote ourselves (tests/canvas_answers.json): a kind judge.
TRIED = {"low": (7, 16), "fair": (22, 30), "high": (11, 12)}
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
        because: the words that both have, the most telling first; four at the most.
        telling: how many of the words that both have are used by hardly another pattern.
    """

    pattern: str
    name: str
    similarity: float
    because: tuple[str, ...]
    telling: int


@dataclass(frozen=True)
class Draft:
    """A first draft, and how it came about.

    Attributes:
        canvas: the draft. If nothing in the library is like the answer, it holds only what was answered:
            the problem under the name, and the audience as a segment.
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
    rare = vectoriser.idf_ >= 1 + math.log((1 + len(patterns())) / (1 + RARE * len(patterns())))
    found = []
    for number, one in enumerate(patterns()):
        row = shared[[number]]
        telling = sorted(zip(-row.data, row.indices, strict=True))
        because = tuple(terms[index] for _, index in telling[:4])
        found.append(Likeness(one.id, one.name, float(row.sum()), because, int(rare[row.indices].sum())))
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
    likes = similar(problem, audience)
    refused = objection(problem, audience, likes[0])
    if refused:
        first = (_INSTEAD[refused],)
        return Draft(_answers_only(problem, audience, name), (), "none", _refusal(refused, problem, likes[0]), first)
    best = likes[0]
    near = [like for like in likes[1:3] if like.similarity >= ALSO * best.similarity]
    model = _compose(best, near, problem, audience, name)
    return Draft(model, (best, *near), *_explain(likes, near, problem, audience, model))


def objection(problem: str, audience: str, best: Likeness) -> str:
    """Why two answers give no draft, in a word or two; empty if they give one.

    Args:
        problem: what problem is solved.
        audience: for whom.
        best: the pattern that is most like what was answered.

    Example:
        >>> objection("Dogs", "owners", similar("Dogs", "owners")[0])
        'too short'
    """
    both = f"{problem} {audience}"
    letters = [character for character in both if character.isalpha()]
    latin = sum(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    if letters and latin < len(letters) / 2:
        return "another script"
    short = len(set(words(problem))) < FEWEST_WORDS
    few = short or not words(audience)
    if few and len((problem if short else audience).split()) < FEWEST_WORDS:
        return "too short"
    tokens = re.findall(r"[^\W\d_]+", both.casefold())
    known = sum(token in _STOP or _stem(token) in _library()[0].vocabulary_ for token in tokens)
    if known < KNOWN * len(tokens):
        return "hardly a known word"
    if few:
        return "too general"
    return "unlike every pattern" if best.similarity < UNLIKE or len(best.because) < 2 else ""


_INSTEAD = {
    "another script": "Say both answers in English, or fill in the blocks yourself, in any language.",
    "too short": "Answer both questions with what happened the last time.",
    "hardly a known word": "Say both answers in English, or fill in the blocks yourself, in any language.",
    "too general": "Answer both questions with what happened the last time.",
    "unlike every pattern": "Say the problem in other words, or fill in the blocks yourself.",
}


def _refusal(refused: str, problem: str, best: Likeness) -> str:
    about = "problem" if len(set(words(problem))) < FEWEST_WORDS else "audience"
    shared = f"the word {best.because[0]}" if best.because else "no word"
    return {
        "another script": "There is no draft: the library of patterns is in English, and this answer is in another "
        "script.",
        "too short": f"The answer about the {about} is too short to compare with anything: say it in a sentence.",
        "hardly a known word": "There is no draft: the library of patterns is in English and knows hardly a word of "
        "this answer. It seems to be in another language, or about something else altogether.",
        "too general": f"The answer about the {about} holds hardly a word that would not fit every business: say who, "
        "where and how often.",
        "unlike every pattern": f"Nothing in the library is like this answer: the nearest pattern ({best.name}) shares "
        f"{shared} with it. The library knows {len(patterns())} patterns; your business may still be a good one.",
    }[refused]


def _printable(text: str) -> str:
    return clean("".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text))


def _answers_only(problem: str, audience: str, name: str) -> Canvas:
    model = Canvas(name, tagline=f"The problem: {_short(problem)}" if problem else "")
    return model.add("customer_segments", _short(audience), description=audience) if audience else model


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
    model, segment = _with_audience(model, audience)
    proposition = next(entry for entry in model["value_propositions"] if segment.id in entry.links)
    described = dataclasses.replace(proposition, description=problem)
    model = model.with_block(
        "value_propositions",
        tuple(described if each.id == proposition.id else each for each in model["value_propositions"]),
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


def _with_audience(model: Canvas, audience: str) -> tuple[Canvas, Entry]:
    """The audience in the segment whose name it shares words with; otherwise as a segment of its own.

    One of its own comes first, and is linked as the pattern's first segment is.
    """
    asked = set(words(audience))
    segment = max(model["customer_segments"], key=lambda entry: len(asked & set(words(entry.name))))
    if asked & set(words(segment.name)):
        said = f"{segment.name}: {audience}" if len(audience) <= 80 else segment.name
        segment = dataclasses.replace(segment, name=said, description=audience)
        same = tuple(segment if each.id == segment.id else each for each in model["customer_segments"])
        return model.with_block("customer_segments", same), segment
    main = model["customer_segments"][0]
    model = model.add("customer_segments", _short(audience), description=audience)
    *others, own = model["customer_segments"]
    model = model.with_block("customer_segments", (own, *others))
    for block in canvas.BLOCKS:
        linked = tuple(
            dataclasses.replace(each, links=(own.id, *each.links)) if main.id in each.links else each
            for each in model[block]
        )
        model = model.with_block(block, linked)
    return model, own


def _sureness(best: Likeness, second: Likeness) -> Sureness:
    """High takes a clear lead and two telling words; what another pattern fits nearly as well is low."""
    if best.similarity < FAIR or second.similarity >= ALSO * best.similarity:
        return "low"
    clear = second.similarity <= LEAD * best.similarity and best.telling >= 2
    return "high" if best.similarity >= HIGH and clear else "fair"


def _explain(
    likes: Sequence[Likeness], near: Sequence[Likeness], problem: str, audience: str, model: Canvas
) -> tuple[Sureness, str, tuple[str, ...]]:
    best = likes[0]
    sureness = _sureness(best, likes[1])
    main = _pattern(best.pattern)
    right, tried = TRIED[sureness]
    rate = share(right, tried)
    others = " and ".join(f"«{like.name}»" for like in near)
    next_best = " and ".join(f"«{like.name}» ({', '.join(like.because[:3])})" for like in likes[1:3] if like.because)
    message = (
        f"This draft is the pattern «{main.name}» (words in common: {', '.join(best.because[:3])})"
        + (f", with single entries from {others}. " if others else ". ")
        + (f"The next ones, with their words in common: {next_best}. " if next_best else "")
        + f"How sure that is: {sureness} (similarity {best.similarity:.2f}; of {tried} answers of this level that we "
        f"tried, {right} found the pattern we had in mind, which fits a hit rate from {rate.lower:.0%} to "
        f"{rate.upper:.0%}). All of it is typical of such businesses; nothing is known about yours."
    )
    known = set(_library()[0].vocabulary_)
    spelt = _spelt(f"{problem} {audience}")
    unknown = [spelt.get(word, word) for word in dict.fromkeys(words(f"{problem} {audience}")) if word not in known]
    first = []
    own = model["customer_segments"][0]
    if not own.origin:
        beside = model["customer_segments"][1].name
        first.append(
            f"The pattern has no segment like «{own.name}»: it stands first, and is linked as «{beside}» is. Decide "
            "what is really for whom."
        )
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
