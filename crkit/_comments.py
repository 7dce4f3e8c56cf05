"""What simulated customers write, in two languages, and what each comment is about.

A comment is put together from clauses (a subject and what is said of it), openings, remarks and closings. Themes share
words on purpose: "worth the wait" is about coffee, "shipping costs more than the bag" about the price. Remarks say
nothing, and name other themes while doing so. Some comments have two themes, some bad ones are sarcastic and hold only
friendly words, and about one in seven has a typing error.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

LANGUAGES = ("en", "de")
THEMES = ("delivery", "coffee", "service", "price")
MOODS = ("negative", "mixed", "positive")

_DRAWN = 300  # comments drawn for each language, theme and mood; common ones come twice
_TYPO = 1 / 7
_SARCASM = 0.15  # of the negative ones
_Clauses = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
_Texts = Mapping[str, tuple[str, ...]]

# Clauses: subjects, and what can be said of each of them.
_GOOD: Mapping[str, _Clauses] = {
    "en": {
        "delivery": (
            ("the parcel", "my order", "the box", "every shipment so far"),
            ("came a day early", "arrived on the day you named", "was here within two days", "was packed with care",
             "stood on the doorstep when promised"),
        ),
        "coffee": (
            ("the espresso", "this roast", "the new blend", "the house blend", "the Kenyan"),
            ("tastes wonderful", "is the best I have had this year", "is fresh, you can smell it", "was worth the wait",
             "is rich and round", "beats every café in town"),
        ),
        "service": (
            ("your help desk", "the woman on the phone", "your team", "whoever wrote back"),
            ("answered within the hour", "knew at once what to do", "sorted it out kindly", "listened and then acted",
             "delivered what was promised", "took the time to explain my grinder"),
        ),
        "price": (
            ("a kilo", "what you charge", "the subscription", "the big bag"),
            ("is good value", "is fair for such quality", "costs less than elsewhere", "is worth every cent",
             "pays off with the points"),
        ),
    },
    "de": {
        "delivery": (
            ("das Paket", "meine Bestellung", "die Sendung", "der Karton"),
            ("kam einen Tag früher", "war in zwei Tagen da", "kam genau zum Termin", "war sorgfältig verpackt"),
        ),
        "coffee": (
            ("der Espresso", "diese Röstung", "die neue Mischung", "die Hausmischung"),
            ("schmeckt wunderbar", "ist frisch, das riecht man", "war das Warten wert", "schlägt jedes Café der Stadt",
             "ist rund und kräftig"),
        ),
        "service": (
            ("der Kundendienst", "die Dame am Telefon", "euer Team"),
            ("hat in einer Stunde geantwortet", "wusste sofort Rat", "hat mir freundlich geholfen",
             "hat gehalten, was versprochen war", "hat mir die Mühle geduldig erklärt"),
        ),
        "price": (
            ("das Kilo", "das Abo", "die große Tüte"),
            ("ist seinen Preis wert", "ist für die Qualität günstig", "kostet weniger als anderswo",
             "lohnt sich mit den Punkten"),
        ),
    },
}  # fmt: skip
_BAD: Mapping[str, _Clauses] = {
    "en": {
        "delivery": (
            ("the parcel", "my order", "the box", "the last shipment"),
            ("was late again", "took nine days", "never came on the day you named", "was left in the rain",
             "cost me a morning at home", "went to the wrong address"),
        ),
        "coffee": (
            ("the espresso", "this batch", "the last bag", "the new blend"),
            ("was stale", "was half burnt", "tastes of nothing", "is bitter whatever I do", "came as crumbs, not beans",
             "is a poor copy of last year's"),
        ),
        "service": (
            ("your bot", "the help desk", "your team", "the hotline"),
            ("does not understand a plain question", "made me explain everything again", "never replied",
             "kept me waiting for days", "sent me in circles", "promised a call that never came"),
        ),
        "price": (
            ("a kilo", "the subscription", "the small bag", "shipping"),
            ("is too expensive by now", "went up again", "costs more and gives less", "was charged twice",
             "costs more than in the supermarket", "is no longer worth it"),
        ),
    },
    "de": {
        "delivery": (
            ("das Paket", "meine Bestellung", "die Sendung", "der Karton"),
            ("kam schon wieder zu spät", "war neun Tage unterwegs", "lag im Regen", "ging an die falsche Adresse",
             "hat mich einen Vormittag gekostet"),
        ),
        "coffee": (
            ("der Espresso", "diese Röstung", "die letzte Tüte", "die neue Mischung"),
            ("war alt", "war halb verbrannt", "schmeckt nach nichts", "bleibt bitter, egal was ich tue",
             "ist schlechter als letztes Jahr"),
        ),
        "service": (
            ("euer Bot", "der Kundendienst", "die Hotline"),
            ("versteht die einfachste Frage nicht", "ließ mich alles noch einmal erklären", "hat nie geantwortet",
             "hat mich tagelang warten lassen", "schickte mich im Kreis"),
        ),
        "price": (
            ("das Kilo", "das Abo", "die kleine Tüte", "der Versand"),
            ("ist inzwischen zu teuer", "ist schon wieder teurer geworden", "kostet mehr als im Supermarkt",
             "wurde doppelt abgebucht", "ist das Geld nicht mehr wert"),
        ),
    },
}  # fmt: skip
_SO_SO: Mapping[str, _Clauses] = {
    "en": {
        "delivery": (("the parcel", "my order", "shipping"), ("came, not early, not late", "could be a bit quicker")),
        "coffee": (("the espresso", "this roast", "the blend"), ("is all right, nothing special", "was better before")),
        "service": (("your team", "the help desk"), ("was friendly but slow", "helped in the end", "is hit and miss")),
        "price": (("a kilo", "the subscription"), ("costs about what others ask", "is not cheap, not dear either")),
    },
    "de": {
        "delivery": (("das Paket", "die Sendung"), ("kam, nicht früh, nicht spät", "könnte schneller da sein")),
        "coffee": (("der Espresso", "diese Röstung"), ("ist in Ordnung, mehr nicht", "war früher besser")),
        "service": (("euer Team", "der Kundendienst"), ("war freundlich, aber langsam", "half am Ende doch")),
        "price": (("das Kilo", "das Abo"), ("kostet so viel wie anderswo", "ist nicht billig, aber auch nicht teuer")),
    },
}
# Sarcastic comments: the friendly word before a bad clause, and whole ones in which no word is bad.
_MOCK: _Texts = {
    "en": ("Great, ", "Well done, ", "Lovely, ", "Bravo, ", "Five stars, "),
    "de": ("Toll, ", "Bravo, ", "Prima, ", "Fünf Sterne, "),
}
_MOCKERY: Mapping[str, _Texts] = {
    "en": {
        "delivery": ("Another week without coffee, thanks a lot", "My beans travel more than I do, how nice",
                     "A snail would be proud of you"),
        "coffee": ("Lovely roast, if you like charcoal", "Perfect for my flowers, they drink everything",
                   "A taste to remember, like wet cardboard"),
        "service": ("So helpful, the bot told me to ask the bot", "I now know your waiting music by heart, lovely tune",
                    "Wonderful, a third person asks for my order number"),
        "price": ("A bargain, for a millionaire", "My bank loves your beans", "Nice of you to let me pay twice"),
    },
    "de": {
        "delivery": ("Wieder eine Woche ohne Kaffee, herzlichen Dank", "Meine Bohnen reisen mehr als ich, wie schön"),
        "coffee": ("Ganz großartig, wenn man Asche mag", "Perfekt für meine Blumen, die trinken alles"),
        "service": ("Sehr hilfreich, der Bot verweist an den Bot", "Eure Warteschleife kann ich auswendig, danke"),
        "price": ("Ein Schnäppchen, für Reiche", "Meine Bank freut sich über euch"),
    },
}  # fmt: skip
_OPEN: _Texts = {
    "en": ("Honestly: ", "Hello, ", "To be fair, ", "For me ", "This time ", "As I said, "),
    "de": ("Ehrlich gesagt: ", "Hallo, ", "Wie gesagt: ", "Kurz und knapp: "),
}
_CLOSE: Mapping[str, _Texts] = {
    "en": {
        "negative": (".", ", not good enough.", ", and not for the first time.", " :(", "!!", ". A pity."),
        "mixed": (".", ", no more, no less.", ". We will see."),
        "positive": (".", ", thank you.", ", keep it up.", " :)", "!", ". My friends agree."),
    },
    "de": {
        "negative": (".", ", das geht besser.", ", und nicht zum ersten Mal.", " :(", "!!", ". Schade."),
        "mixed": (".", ", nicht mehr, nicht weniger.", ". Mal sehen."),
        "positive": (".", ", danke.", ", weiter so.", " :)", "!", ". Freunde sehen das auch so."),
    },
}
# Remarks are no theme of the comment, whatever words they use.
_REMARK: _Texts = {
    "en": ("We drink a lot of coffee at the office", "I pay by card, as always", "A neighbour took the parcel in",
           "I wrote to you before Christmas", "I had ordered two bags of espresso", "My sister told me about you",
           "I have been with you for two years", "I asked in the forum as well", "I live on the fourth floor",
           "The points I keep for later", "I bought the grinder from you last year", "I usually come to the shop"),
    "de": ("Wir trinken im Büro viel Kaffee", "Ich zahle immer mit Karte", "Das Paket nahm die Nachbarin an",
           "Ich hatte euch vor Weihnachten geschrieben", "Bestellt hatte ich zwei Tüten Espresso",
           "Meine Schwester hat euch empfohlen", "Ich bin seit zwei Jahren dabei", "Die Punkte hebe ich mir auf",
           "Die Mühle ist auch von euch"),
}  # fmt: skip
_BUT, _AND = {"en": ", but ", "de": ", aber "}, {"en": ", and ", "de": ", und "}

_SWAPPED, _DROPPED, _DOUBLED = range(3)


@cache
def pool(language: str, theme: str, mood: str) -> pd.DataFrame:
    """The comments that a customer might write.

    Args:
        language: one of `LANGUAGES`.
        theme: one of `THEMES`.
        mood: one of `MOODS`.

    Returns:
        One row a comment, the same at every call: ``comment``, ``language``, ``theme``, ``also`` (the second theme,
        missing if there is none), ``mood``, ``sarcastic`` and ``typo``. No comment is in two pools.

    Example:
        >>> pool("en", "price", "positive").loc[0, ["theme", "mood"]].tolist()
        ['price', 'positive']
    """
    rng = np.random.default_rng(zlib.crc32(f"{language} {theme} {mood}".encode()))
    rows = [_write(language, theme, mood, rng.random(12)) for _ in range(_DRAWN)]
    columns = ["comment", "language", "theme", "also", "mood", "sarcastic", "typo"]
    return pd.DataFrame(rows, columns=columns)


@cache
def planted() -> pd.DataFrame:
    """Every comment of every `pool`, once, with what is planted in it; the index is the comment."""
    pools = [pool(language, theme, mood) for language in LANGUAGES for theme in THEMES for mood in MOODS]
    return pd.concat(pools).drop_duplicates("comment").set_index("comment")


def _write(
    language: str, theme: str, mood: str, u: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[str, str, str, str | None, str, bool, bool]:
    """One comment from twelve uniform numbers."""
    clauses = {"negative": _BAD, "mixed": _GOOD, "positive": _GOOD}[mood][language]
    other = _of([name for name in THEMES if name != theme], u[0])
    said, also, sarcastic = _clause(clauses[theme], u[1], u[2]), None, mood == "negative" and u[3] < _SARCASM
    if sarcastic and u[4] < 0.5:
        said = _of(_MOCKERY[language][theme], u[5])
    elif sarcastic:
        said = _of(_MOCK[language], u[5]) + said
    elif mood == "mixed" and u[4] < 0.5:
        said = _clause(_SO_SO[language][theme], u[1], u[2])
    elif mood == "mixed":
        said, also = said + _BUT[language] + _clause(_BAD[language][other], u[5], u[6]), other
    elif u[4] < 0.15:
        said, also = said + _AND[language] + _clause(clauses[other], u[5], u[6]), other
    if u[7] < 0.35 and not sarcastic:
        said = _of(_OPEN[language], u[7] / 0.35) + said
    text = _capital(said) + _of(_CLOSE[language][mood], u[8])
    if u[9] < 0.3:
        remark = _of(_REMARK[language], u[9] / 0.3)
        text = f"{remark}. {text}" if u[10] < 0.5 else f"{text} {remark}."
    typo = bool(u[11] < _TYPO)
    return (_typo(text, u[11] / _TYPO) if typo else text), language, theme, also, mood, sarcastic, typo


def _of(options: Sequence[str], u: float) -> str:
    return options[int(u * len(options))]


def _clause(subjects_and_verdicts: tuple[tuple[str, ...], tuple[str, ...]], u: float, v: float) -> str:
    subjects, verdicts = subjects_and_verdicts
    return f"{_of(subjects, u)} {_of(verdicts, v)}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _typo(text: str, u: float) -> str:
    """Swap two neighbouring letters, or drop or double one, inside a word; ``u`` decides where and which."""
    inside = [i for i in range(1, len(text) - 2) if text[i - 1 : i + 3].isalpha() and text[i] != text[i + 1]]
    spot = u * len(inside)
    at, kind = inside[int(spot)], int(3 * (spot % 1))
    if kind == _SWAPPED:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + (text[at + 1 :] if kind == _DROPPED else text[at] + text[at:])
