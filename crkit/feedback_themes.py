"""What comments are about: keywords, factors of TF-IDF, and how well either agrees with people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from crkit import figures
from crkit.feedback_scores import LEAST, _z
from crkit.intervals import wilson

Floats = npt.NDArray[np.float64]

NONE = "none"
"""The theme of a comment in which no keyword was found."""
KEYWORDS: Mapping[str, tuple[str, ...]] = {
    "delivery": (
        "parcel", "deliver", "shipment", "shipped", "courier", "arriv", "doorstep", "package", "packed", "late",
        "early", "days", "address", "paket", "liefer", "sendung", "karton", "termin", "spät", "unterwegs", "adresse",
        "verpackt",
    ),
    "coffee": (
        "espresso", "roast", "blend", "bean", "tast", "stale", "burnt", "bitter", "fresh", "smell", "aroma", "flavour",
        "coffee", "röstung", "mischung", "hausmischung", "bohne", "schmeck", "geschmack", "verbrannt", "frisch",
        "kaffee",
    ),
    "service": (
        "help", "team", "bot", "hotline", "phone", "answered", "repl", "explain", "kindly", "staff", "agent", "call",
        "kundendienst", "telefon", "geantwortet", "erklär", "geholfen", "frage", "warteschleife", "freundlich",
    ),
    "price": (
        "price", "cost", "expensive", "cheap", "worth", "value", "cent", "charge", "pay", "bargain", "unfair",
        "preis", "kostet", "teuer", "billig", "günstig", "wert", "lohnt", "abgebucht", "geld", "schnäppchen",
    ),
}  # fmt: skip
"""Beginnings of words that point to a theme, in English and German. A list to read, to doubt and to change."""
_STOP_WORDS = """
a about after again all also am an and any are as at be been before but by came can could did do does for from had has
have here hello honestly how i if in into is it its just later like me more my never no not now of on once one or
other our out said so some take than that the their them then there they this time to too two under up us very was we
well were what when which who will with would you your aber alles als am an auch auf aus bei bin bis da das dem den
der des die dir doch ein eine einem einen einer er es euch euer eure für ganz gesagt habe haben hallo hat hatte ich
ihr im in ist ja kam man mehr mein meine mich mir mit nach nicht noch nur oder ohne schon sehr sein seit sich sie sind
so und uns von vor war was wenn wer wie wieder wir wurde zu zum zur ehrlich kurz knapp
"""
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[^\W\d_]{2,}")
_MOST_WORDS = 1500  # of the vocabulary, the most frequent ones
_ROUNDS = 200
_SETTLED = 3e-5  # of the matrix, gained in a round


@dataclass(frozen=True)
class Topics:
    """Groups of words that occur together, and the comments that use them; made by `nmf_topics`.

    Attributes:
        words: one row a topic: ``topic`` (from 0), ``words`` (the heaviest, in order), ``comments`` (how many are
            mainly about it).
        table: one row a comment, with the index of the comments: ``topic`` (its main one; -1 if it has no known word)
            and ``strength`` (the share of it in the comment).
        error: what the factors leave unexplained, as a share of the matrix (Frobenius norm).
        vocabulary: how many words were used.
    """

    words: pd.DataFrame
    table: pd.DataFrame
    error: float
    vocabulary: int


class Kappa(NamedTuple):
    """Agreement of two raters beyond chance.

    Attributes:
        kappa: 1 if they always agree, 0 if as often as chance would have it.
        se: standard error.
        lower: lower end of the interval.
        upper: upper end.
        observed: the share of comments on which they agree.
        expected: the share on which they would by chance.
        n: how many comments both labelled.
    """

    kappa: float
    se: float
    lower: float
    upper: float
    observed: float
    expected: float
    n: int


def _texts(comments: Any) -> pd.Series:
    """Comments as a series of text, none missing."""
    given = comments if isinstance(comments, pd.Series) else pd.Series(list(comments), dtype=object)
    if given.isna().any():
        raise ValueError("some comments are missing: leave them out with dropna() first")
    return given.astype(str)


def keyword_themes(comments: Any, keywords: Mapping[str, tuple[str, ...]] = KEYWORDS) -> pd.DataFrame:
    """Find the theme of each comment by looking for words.

    The theme with most hits wins, and the one mentioned first among equals. Sarcasm, typing errors and words that point
    elsewhere ("worth the wait") mislead it: `quality` says how often.

    Args:
        comments: texts, none missing.
        keywords: beginnings of words, by theme. Words that say little, such as "later", count only if they are
            named in full.

    Returns:
        One row a comment, with the index of ``comments``: ``comment``, ``theme`` (or ``none``), ``words`` (those
        found), and for each theme how many were found.

    Raises:
        ValueError: if a comment is missing.

    Example:
        >>> keyword_themes(["The parcel was late", "Hm"])["theme"].tolist()
        ['delivery', 'none']
    """
    texts = _texts(comments)
    themes = list(keywords)
    stems = [(stem.lower(), i) for i, theme in enumerate(themes) for stem in keywords[theme]]
    known: dict[str, tuple[int, ...]] = {}
    counts = np.zeros((len(texts), len(themes)), dtype=np.int64)
    found, chosen = [], []
    for row, text in enumerate(texts):
        hits: list[tuple[str, int]] = []
        for word in _WORD.findall(text.lower()):
            if word not in known:
                known[word] = tuple(
                    sorted({i for stem, i in stems if word == stem or (word not in _STOP and word.startswith(stem))})
                )
            hits += [(word, i) for i in known[word]]
        order = [i for _, i in hits]
        best = min(set(order), key=lambda i: (-order.count(i), order.index(i)), default=None)
        chosen.append(NONE if best is None else themes[best])
        found.append(", ".join(word for word, _ in hits))
        np.add.at(counts[row], order, 1)
    table = pd.DataFrame({"comment": texts, "theme": chosen, "words": found}, index=texts.index)
    return table.assign(**dict(zip(themes, counts.T, strict=True)))


def _tfidf(texts: pd.Series) -> tuple[Any, list[str]]:
    """TF-IDF, rows of length 1, as a sparse matrix, and the words of its columns."""
    from scipy.sparse import csr_matrix

    split = [[word for word in _WORD.findall(text.lower()) if word not in _STOP] for text in texts]
    flat = pd.Series([word for words in split for word in words], dtype=object)
    rows = np.repeat(np.arange(len(split)), [len(words) for words in split])
    pairs = pd.DataFrame({"row": rows, "word": flat}).drop_duplicates()
    frequency = pairs["word"].value_counts()
    frequency = frequency[(frequency >= 2) & (frequency <= 0.5 * len(split))]
    # ties in the alphabet's order, so that the same comments in any order give the same words
    ordered = sorted(frequency.index, key=lambda word: (-int(frequency[word]), word))[:_MOST_WORDS]
    if len(ordered) < 2:
        raise ValueError("these comments share too few words to find topics: take more comments")
    at = {word: i for i, word in enumerate(ordered)}
    column = flat.map(at)
    kept = column.notna().to_numpy()
    shape = (len(split), len(ordered))
    counts = csr_matrix((np.ones(int(kept.sum())), (rows[kept], column[kept].to_numpy(np.int64))), shape=shape)
    df = frequency.loc[ordered].to_numpy(np.float64)
    weighted = counts.multiply(np.log((1 + shape[0]) / (1 + df)) + 1).tocsr()
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return weighted.multiply(scale[:, None]).tocsr(), ordered


def _start(x: Any, n: int) -> tuple[Floats, Floats]:
    """Where the updates begin: the positive parts of the singular vectors, with small numbers for zeros."""
    # a few rounds of subspace iteration (Halko, Martinsson and Tropp 2011) are exact enough for a start
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((x.shape[1], n)))[0]
    for _ in range(20):
        vectors = np.linalg.qr(x.T @ (x @ vectors))[0]
    left, values, turn = np.linalg.svd(x @ vectors, full_matrices=False)
    vectors = vectors @ turn.T
    w, h = np.zeros((x.shape[0], n)), np.zeros((n, x.shape[1]))
    for k in range(n):
        best = (-1.0, left[:, k], vectors[:, k])
        for sign in (1, -1):
            u, v = np.maximum(sign * left[:, k], 0), np.maximum(sign * vectors[:, k], 0)
            mass = float(np.linalg.norm(u) * np.linalg.norm(v))
            # the sign of a singular vector is arbitrary: near ties go to the one with the heavier first word
            if mass > best[0] * (1 + 1e-9):
                best = (mass, u, v)
        mass, u, v = best
        size = np.sqrt(values[k] * mass)
        w[:, k], h[k] = size * u / max(np.linalg.norm(u), 1e-12), size * v / max(np.linalg.norm(v), 1e-12)
    mean = float(x.mean())
    return np.where(w > 0, w, mean / 100), np.where(h > 0, h, mean / 100)


def _improve(factor: Floats, target: Floats, gram: Floats) -> None:
    """One round of least squares, column by column, kept above 0; changes ``factor``."""
    for k in range(factor.shape[1]):
        step = (target[:, k] - factor @ gram[:, k]) / max(gram[k, k], 1e-12)
        factor[:, k] = np.maximum(factor[:, k] + step, 1e-12)


def nmf_topics(comments: Any, n: int = 8, *, shown: int = 6) -> Topics:
    """Find groups of words that occur together, without being told any theme.

    Each comment is written as a sum of topics and each topic as a sum of words, none negative, so that their product
    comes near the TF-IDF of the comments. The start is made of singular vectors, not of chance: the same comments give
    the same topics. Topics have no names; look at their words, or see `name_topics`.

    Args:
        comments: texts, none missing. Words in fewer than 2 comments or in more than half of them are left out.
        n: how many topics.
        shown: how many words of each to show.

    Returns:
        The topics.

    Raises:
        ValueError: if a comment is missing, there are fewer comments or words than topics, or ``n`` is below 1.

    Source: Lee and Seung (1999), Learning the parts of objects by non-negative matrix factorization, Nature 401;
    Cichocki and Phan (2009) for the updates, column by column, which settle in a tenth of the rounds of
    multiplicative ones; Boutsidis and Gallopoulos (2008), SVD based initialization, Pattern Recognition 41, for the
    start.
    """
    texts = _texts(comments)
    if n < 1 or len(texts) <= n:
        raise ValueError(f"from {len(texts)} comments, 1 to {max(len(texts) - 1, 1)} topics can be made, not {n!r}")
    x, vocabulary = _tfidf(texts)
    if len(vocabulary) < n:
        raise ValueError(f"the comments share {len(vocabulary)} words only: ask for at most so many topics")
    w, h = _start(x, n)
    norm, before = float(x.multiply(x).sum()), np.inf
    for _ in range(_ROUNDS):
        _improve(h.T, (x.T @ w), w.T @ w)
        with_words = x @ h.T
        _improve(w, with_words, h @ h.T)
        error = norm - 2 * float((w * with_words).sum()) + float(((w.T @ w) * (h @ h.T)).sum())
        if before - error < _SETTLED * norm:
            break
        before = error
    part = w * h.sum(axis=1)
    total = part.sum(axis=1)
    known = np.asarray(x.getnnz(axis=1) > 0)
    main = np.where(known, part.argmax(axis=1), -1)
    strength = np.where(known, part.max(axis=1) / np.maximum(total, 1e-12), 0.0)
    heaviest = np.argsort(-h, axis=1, kind="stable")[:, :shown]
    words = pd.DataFrame(
        {
            "topic": range(n),
            "words": [", ".join(vocabulary[i] for i in row) for row in heaviest],
            "comments": np.bincount(main[main >= 0], minlength=n),
        }
    )
    table = pd.DataFrame({"topic": main, "strength": strength}, index=texts.index)
    return Topics(words, table, float(np.sqrt(max(error, 0.0) / norm)), len(vocabulary))


def name_topics(topics: Topics, names: Mapping[int, str] | pd.Series) -> pd.Series:
    """Turn topics into themes.

    Args:
        topics: made by `nmf_topics`.
        names: the theme of each topic, after a look at its words; or labels given by hand, a series with the index of
            the comments: then each topic gets the label that most of its labelled comments have.

    Returns:
        The theme of each comment, ``none`` for a topic without a name.
    """
    main = topics.table["topic"]
    if isinstance(names, pd.Series):
        labels = names[names.notna()].astype(str)
        of = main.reindex(labels.index)
        counts = pd.crosstab(of[of >= 0].astype("int64"), labels[of >= 0])
        names = {int(topic): str(theme) for topic, theme in counts.idxmax(axis=1).items()}  # type: ignore[call-overload]
    return main.map(dict(names)).fillna(NONE).astype(str).rename("theme")


def sample_to_label(comments: pd.Series, n: int = 40, *, seed: int = 0) -> pd.DataFrame:
    """Draw comments to label by hand, each as likely as any other, so that what holds for them holds for all.

    Args:
        comments: texts; missing ones are not drawn.
        n: how many.
        seed: of the draw.

    Returns:
        ``comment`` and an empty column ``theme`` to fill in, with the index of ``comments``, in their order.

    Raises:
        ValueError: if there are fewer comments.
    """
    written = comments.dropna()
    if not 1 <= n <= len(written):
        raise ValueError(f"from {len(written)} comments, 1 to {len(written)} can be drawn, not {n!r}")
    drawn = np.sort(np.random.default_rng(seed).choice(len(written), n, replace=False))
    return pd.DataFrame({"comment": written.iloc[drawn], "theme": pd.Series(dtype="str")})


def _paired(a: Any, b: Any) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Two lists of labels, where neither is missing."""
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        common = a.index.intersection(b.index)
        a, b = a.loc[common], b.loc[common]
    one, other = pd.Series(list(a), dtype=object), pd.Series(list(b), dtype=object)
    if len(one) != len(other):
        raise ValueError(f"{len(one)} labels cannot be compared with {len(other)}: give one of each for every comment")
    known = (one.notna() & other.notna()).to_numpy()
    if not known.any():
        raise ValueError("no comment has both labels: nothing can be compared")
    return one[known].astype(str).to_numpy(object), other[known].astype(str).to_numpy(object)


def quality(found: Any, labels: Any, *, least: int = LEAST, level: float = 0.95) -> pd.DataFrame:
    """How good a method is, against labels given by people.

    Precision is the share of what was found that is right; recall the share of what is there that was found. F1 is
    their harmonic mean; it grows with the share of hits among all that were found, or there, or both, and its interval
    is made from that share's. The intervals speak of the sample: they hold for all comments if it was drawn at random.

    Args:
        found: the themes found; ``none`` is no theme.
        labels: the themes that are right, in the same order, or both as series with one index. Comments for which
            either is missing are left out.
        least: themes with fewer labels are marked.
        level: of the intervals (Wilson 1927).

    Returns:
        One row a theme, and a last one ``all``: ``theme``, ``labelled``, ``found``, ``hits``; ``precision``, ``recall``
        and ``f1``, each with ``_lower`` and ``_upper`` (NaN where nothing was found, or nothing is there); ``small``.

    Example:
        >>> quality(["a", "a", "b"], ["a", "b", "b"])["recall"].tolist()[:2]
        [1.0, 0.5]
    """
    one, other = _paired(found, labels)
    themes = sorted({*one, *other} - {NONE})
    rows = [(t, int((other == t).sum()), int((one == t).sum()), int(((one == t) & (other == t)).sum())) for t in themes]
    sums = np.array([row[1:] for row in rows]).sum(axis=0) if rows else np.zeros(3, np.int64)
    table = pd.DataFrame([*rows, ("all", *sums.tolist())], columns=["theme", "labelled", "found", "hits"])
    hits = table["hits"].to_numpy(np.float64)
    either = (table["labelled"] + table["found"] - table["hits"]).to_numpy(np.float64)
    for name, of in (("precision", table["found"]), ("recall", table["labelled"]), ("f1", either)):
        n = np.asarray(of, dtype=np.float64)
        share = np.divide(hits, n, out=np.full(len(n), np.nan), where=n > 0)
        lower, upper = (np.where(n > 0, end, np.nan) for end in wilson(hits, n, level))
        if name == "f1":
            share, lower, upper = (2 * end / (1 + end) for end in (share, lower, upper))
        table[name], table[f"{name}_lower"], table[f"{name}_upper"] = share, lower, upper
    table["small"] = table["labelled"] < least
    return table


def kappa(a: Any, b: Any, *, level: float = 0.95) -> Kappa:
    """Cohen's kappa: how far two raters agree beyond what chance would do.

    Args:
        a: the labels of the one.
        b: of the other, for the same comments, as for `quality`.
        level: of the interval, which is good for 50 comments or more.

    Returns:
        Kappa with the standard error that holds where it is not 0.

    Raises:
        ValueError: if no comment has both labels, or both raters use one and the same label only.

    Source: Cohen (1960), A coefficient of agreement for nominal scales; Fleiss, Cohen and Everitt (1969), Large sample
    standard errors of kappa and weighted kappa, Psychological Bulletin 72.

    Example:
        >>> round(kappa(list("aabb"), list("aaba")).kappa, 2)
        0.5
    """
    one, other = _paired(a, b)
    names = sorted({*one, *other})
    table = np.zeros((len(names), len(names)))
    np.add.at(table, ([names.index(v) for v in one], [names.index(v) for v in other]), 1.0)
    n = float(table.sum())
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float(np.trace(p)), float(rows @ columns)
    if expected >= 1:
        raise ValueError("both raters gave every comment the same label: kappa is not defined")
    value = (observed - expected) / (1 - expected)
    diagonal = np.diag(p) * ((1 - expected) - (rows + columns) * (1 - observed)) ** 2
    beside = p * (columns[:, None] + rows[None, :]) ** 2
    np.fill_diagonal(beside, 0.0)
    spread = diagonal.sum() + (1 - observed) ** 2 * beside.sum()
    spread -= (observed * expected - 2 * expected + observed) ** 2
    se = float(np.sqrt(max(spread, 0.0) / n)) / (1 - expected) ** 2
    margin = _z(level) * se
    return Kappa(value, se, max(value - margin, -1.0), min(value + margin, 1.0), observed, expected, int(n))


def plot_quality(methods: Mapping[str, pd.DataFrame]) -> figures.Figure:
    """Precision and recall of each method, theme by theme, with intervals.

    Args:
        methods: made by `quality`, by the name of the method.
    """
    themes = list(dict.fromkeys(theme for table in methods.values() for theme in table["theme"] if theme != "all"))
    themes.append("all")
    fig, axes = figures.new(1, 2, size=(10.0, 1.8 + 0.45 * len(themes)))
    told = []
    for ax, (name, words) in zip(
        axes, (("precision", "precision: of what was found, right"), ("recall", "recall: of what is there, found")),
        strict=True,
    ):  # fmt: skip
        for i, (method, table) in enumerate(methods.items()):
            rows = table.set_index("theme").reindex(themes)
            share = 100 * rows[name].to_numpy(np.float64)
            ends = np.stack([share - 100 * rows[f"{name}_lower"], 100 * rows[f"{name}_upper"] - share])
            at = -np.arange(len(themes)) + 0.14 * (len(methods) - 1 - 2 * i)
            style = {**figures.line(i), "linestyle": "none"}
            ax.errorbar(share, at, xerr=np.abs(ends), capsize=3, label=method, **style)
            said = (f"{theme} {v:.0f} %" for theme, v in zip(themes, share, strict=True) if np.isfinite(v))
            told.append(f"{name} of {method}: {', '.join(said)}")
        ax.set_yticks([-i for i in range(len(themes))], themes if ax is axes[0] else [""] * len(themes))
        ax.set(xlabel=f"{words}, %", xlim=(0, 102), ylim=(-len(themes) + 0.4, 0.6))
    figures.legend(axes[1], loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(methods))
    overall = {method: float(table.set_index("theme").loc["all", "f1"]) for method, table in methods.items()}  # type: ignore[arg-type]
    best = max(overall, key=lambda method: overall[method])
    n = int(methods[best].set_index("theme").loc["all", "labelled"])  # type: ignore[arg-type]  # a count
    title = f"{best.capitalize()}: F1 {100 * overall[best]:.0f} % on {n:,} labelled comments"
    return figures.finish(fig, title=title, alt=f"{title}. {'; '.join(told)}.")
