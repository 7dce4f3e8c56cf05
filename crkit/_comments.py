"""What simulated customers write: sentences by language, theme and mood, with typing errors and some sarcasm."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

_Phrases = Mapping[str, Mapping[str, tuple[str, ...]]]

_GOOD: _Phrases = {
    "en": {
        "delivery": ("The parcel came a day early", "Delivery is always on time", "Shipping was quick",
                     "It was on the doorstep when they said"),
        "coffee": ("The beans are wonderful", "Best roast I have had this year", "The new espresso tastes great",
                   "Always fresh, you can smell it"),
        "service": ("A real person helped me at once", "Friendly answer within the hour", "They sorted it out kindly",
                    "The help desk knows its coffee"),
        "price": ("Fair price for the quality", "Good value", "The points add up nicely", "Worth every cent"),
    },
    "de": {
        "delivery": ("Das Paket kam einen Tag früher", "Lieferung immer pünktlich", "Versand ging sehr schnell"),
        "coffee": ("Die Bohnen sind wunderbar", "Bester Espresso seit langem", "Immer frisch geröstet"),
        "service": ("Mir wurde sofort geholfen", "Freundliche Antwort in einer Stunde", "Sehr netter Kundendienst"),
        "price": ("Fairer Preis für die Qualität", "Gutes Preis-Leistungs-Verhältnis", "Die Punkte lohnen sich"),
    },
}  # fmt: skip
_BAD: _Phrases = {
    "en": {
        "delivery": ("The parcel was late again", "Waited nine days for my order", "Delivery never keeps its date",
                     "Great, another week without coffee, thanks a lot", "Courier left it in the rain"),
        "coffee": ("The beans were stale", "Half the bag was burnt", "This batch tastes of nothing",
                   "Lovely roast, if you like charcoal", "The grinder arrived broken"),
        "service": ("I asked for a person three times", "Had to explain everything again",
                    "The bot does not understand me", "So helpful, the bot told me to ask the bot",
                    "Nobody ever replied"),
        "price": ("Too expensive by now", "The price went up again", "I pay more and get less",
                  "A bargain, for a millionaire", "Charged twice for one bag"),
    },
    "de": {
        "delivery": ("Das Paket kam schon wieder zu spät", "Neun Tage auf die Lieferung gewartet",
                     "Termin nie eingehalten", "Toll, wieder eine Woche ohne Kaffee"),
        "coffee": ("Die Bohnen waren alt", "Die Röstung war verbrannt", "Die Mühle kam kaputt an",
                   "Schmeckt wie Asche, ganz großartig"),
        "service": ("Ich musste alles noch einmal erklären", "Der Bot versteht nichts", "Niemand hat geantwortet",
                    "Sehr hilfreich, der Bot verweist an den Bot"),
        "price": ("Inzwischen zu teuer", "Schon wieder teurer geworden", "Doppelt abgebucht",
                  "Ein Schnäppchen, für Reiche"),
    },
}  # fmt: skip
_OPEN = {"en": ("", "Honestly: ", "Hello, ", "To be fair, "), "de": ("", "Ehrlich gesagt: ", "Hallo, ")}
_CLOSE: _Phrases = {
    "en": {"negative": (".", ", not good enough.", ", and it is not the first time.", " :("),
           "positive": (".", ", thank you.", ", keep it up.", " :)")},
    "de": {"negative": (".", ", das geht besser.", ", und nicht zum ersten Mal."),
           "positive": (".", ", danke.", ", weiter so.")},
}  # fmt: skip
_BUT = {"en": ", but ", "de": ", aber "}


def _typo(text: str, i: int) -> str:
    """Swap two neighbouring letters; ``i`` decides where."""
    at = 3 + (7 * i) % max(1, len(text) - 6)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _joined(opening: str, text: str) -> str:
    lower = opening.endswith(", ") and text[0] != "I"
    return opening + (text[0].lower() + text[1:] if lower else text)


@cache
def pool(language: str, theme: str, mood: str) -> npt.NDArray[np.object_]:
    """The comments that a customer might write.

    Args:
        language: "en" or "de".
        theme: "delivery", "coffee", "service" or "price".
        mood: "negative", "mixed" or "positive".

    Returns:
        Distinct texts, one in seven with a typing error.

    Example:
        >>> str(pool("en", "price", "positive")[0])
        'Fair price for the quality.'
    """
    good, bad = _GOOD[language][theme], _BAD[language]
    if mood == "mixed":
        others = [s for t in bad if t != theme for s in bad[t][:2]]
        said = [f"{g}{_BUT[language]}{b[0].lower() + b[1:] if b[:2] != 'I ' else b}" for g, b in product(good, others)]
        closes: tuple[str, ...] = (".",)
    else:
        said = list(good if mood == "positive" else bad[theme])
        closes = _CLOSE[language][mood]
    texts = [_joined(o, s) + c for s, o, c in product(said, _OPEN[language], closes)]
    return np.array([_typo(t, i) if i % 7 == 6 else t for i, t in enumerate(texts)], dtype=object)
