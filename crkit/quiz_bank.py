"""The quiz bank: short questions whose every wrong answer says what is wrong about it.

The items are plain data, one YAML file a topic in ``exercises/quiz_bank/``. `load` reads and checks them, `show` puts
them into a notebook, `moodle_xml` and `qti` write them for a learning management system.

A quiz shows itself without JavaScript of its own: with ipywidgets where a kernel runs, else as foldable HTML. We do not
use jupyterquiz (2.9.6, MIT licence): it may load MathJax from a content delivery network, a screen reader is not told
what it says to an answer, it judges each tick by itself where several are right, and as a script inside an output it
does not run in a notebook that is not trusted.
"""

from __future__ import annotations

import html
import io
import itertools
import math
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from crkit.questions.core import Note

Kind = Literal["one", "several", "number"]
KINDS: dict[str, str] = {
    "one": "One answer is right.",
    "several": "Several answers are right.",
    "number": "Give a number.",
}
LEVELS = ("remember", "understand", "apply", "analyse", "evaluate", "create")
TOPICS = (
    "canvas",
    "segments",
    "relationships",
    "hub",
    "crm",
    "channels",
    "engagement",
    "community",
    "loyalty",
    "feedback",
    "measure",
    "mistakes",
)
_QTI = "http://www.imsglobal.org/xsd/imsqti_v2p1"
_PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOCATIONS = {
    _QTI: "http://www.imsglobal.org/xsd/qti/qtiv2p1/imsqti_v2p1.xsd",
    _PACKAGE: "http://www.imsglobal.org/xsd/qti/qtiv2p1/qtiv2p1_imscpv1p2_v1p0.xsd",
}


@dataclass(frozen=True)
class Option:
    """One answer to an item.

    Attributes:
        text: what the student reads, or the number, as text.
        says: the feedback to who chose it; for a wrong answer, what is wrong about it.
        right: whether it is right.
        sum: of a number, how it comes about.
    """

    text: str
    says: str
    right: bool = False
    sum: str = ""


@dataclass(frozen=True)
class Item:
    """One question of the bank. All of its texts are plain text.

    Attributes:
        id: begins with the topic: ``"hub-owner"``.
        topic: one of `TOPICS`.
        kind: ``"one"`` right option, ``"several"`` right options, or ``"number"``: the options are then the right
            number and wrong ones that are known.
        level: what it asks of a student (Bloom); one of `LEVELS`.
        stem: the question.
        options: in the order in which they are shown.
        feedback: shown with every answer.
        table: rows of cells, the header first; empty if there is none.
        tolerance: how far a number may be off.
        source: of a fact that is quoted; author and year.
        beginner: which of the ten questions of a beginner it answers; empty if none.
    """

    id: str
    topic: str
    kind: Kind
    level: str
    stem: str
    options: tuple[Option, ...]
    feedback: str
    table: tuple[tuple[str, ...], ...] = ()
    tolerance: float = 0.0
    source: str = ""
    beginner: str = ""

    def __post_init__(self) -> None:
        right = sum(option.right for option in self.options)
        texts = [option.text for option in self.options]
        says = [option.says for option in self.options]
        written = [self.stem, self.feedback, *texts, *says, *(cell for row in self.table for cell in row)]
        checks = (
            (self.topic not in TOPICS, f"there is no topic {self.topic!r}; there are {', '.join(TOPICS)}"),
            (
                not re.fullmatch(rf"{re.escape(self.topic)}(-[a-z0-9]+)+", self.id),
                "an id is the topic and words with hyphens before them, in small letters",
            ),
            (self.kind not in KINDS, f"the kind is one of {', '.join(KINDS)}"),
            (self.level not in LEVELS, f"the level is one of {', '.join(LEVELS)}"),
            (not all(text.strip() for text in (self.stem, self.feedback, *texts, *says)), "a text is empty"),
            (not all(map(_allowed, written)), "a text holds a character that XML does not allow"),
            (len(set(texts)) < len(texts), "two options are the same"),
            (len(set(says)) < len(says), "two options have the same feedback: say what is wrong about each"),
            (len(self.options) < 2 or right == len(self.options), "it needs wrong options, too"),
            (self.kind != "several" and right != 1, f"one option is right, not {right}"),
            (self.kind == "several" and right < 2, f"several options are right, not {right}"),
            (len({len(row) for row in self.table}) > 1, "the rows of its table differ in length"),
        )
        for failed, why in checks:
            if failed:
                raise ValueError(f"item {self.id}: {why}")
        if self.kind == "number":
            self._check_numbers()

    def _check_numbers(self) -> None:
        try:
            numbers = [_number(option.text) for option in self.options]
        except ValueError as error:
            raise ValueError(f"item {self.id}: {error}") from error
        numbers.sort()
        if any(high - low <= 2 * self.tolerance for low, high in itertools.pairwise(numbers)):
            raise ValueError(f"item {self.id}: two of its numbers cannot be told apart within the tolerance")


def _allowed(text: str) -> bool:
    """Whether XML 1.0 can hold the text as it is."""
    return all(
        char in "\t\n" or "\x20" <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff" for char in text
    )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return value


# ------------------------------------------------------------------------------------------------------------- reading


def folder() -> Path:
    """The folder of the items: the checkout's, or the copy inside an installed package.

    Raises:
        FileNotFoundError: if neither is there.
    """
    here = Path(__file__).resolve().parent
    for place in (here.parent / "exercises" / "quiz_bank", here / "_data" / "quiz_bank"):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the quiz bank is missing beside {here}: install crkit again, or work from a checkout")


def load(*topics: str, place: Path | None = None) -> tuple[Item, ...]:
    """The items of the bank.

    Args:
        *topics: some of `TOPICS`; all if none is given.
        place: another folder of YAML files, one a topic.

    Returns:
        The items, in the order of the topics and of their files.

    Raises:
        ValueError: if there is no such topic, or a file does not hold items.

    Example:
        >>> items = load("canvas")
        >>> items[0].stem
        'What does the block Customer Relationships of the Business Model Canvas describe?'
        >>> [option.right for option in items[0].options]
        [False, False, True, False]
    """
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown:
        raise ValueError(f"the quiz bank has no topic {unknown[0]!r}; it has {', '.join(TOPICS)}")
    items: list[Item] = []
    for topic in topics or TOPICS:
        file = (place or folder()) / f"{topic}.yaml"
        try:
            entries = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(f"the quiz bank has no file {file}") from None
        except yaml.YAMLError as error:
            raise ValueError(f"{file} is not YAML: {error}") from error
        if not isinstance(entries, list):
            raise ValueError(f"{file} holds no list of items")
        for number, entry in enumerate(entries, start=1):
            try:
                items.append(_item(topic, entry))
            except ValueError as error:
                raise ValueError(f"{file}, item {number}: {error}") from error
    ids = [item.id for item in items]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice:
        raise ValueError(f"two items are called {twice}")
    return tuple(items)


def _item(topic: str, entry: Any) -> Item:
    _keys(entry, Item, without={"topic"})
    _keys_of_options = [_keys(option, Option) for option in _list(entry["options"])]
    options = tuple(
        Option(**{**option, "text": str(option["text"]), "right": option.get("right", False) is True})
        for option in _keys_of_options
    )
    table = tuple(tuple(str(cell) for cell in _list(row)) for row in _list(entry.get("table", [])))
    return Item(**{**entry, "topic": topic, "options": options, "table": table})


def _list(entry: Any) -> list[Any]:
    if not isinstance(entry, list):
        raise ValueError(f"a list is asked for, not {entry!r}")
    return entry


def _keys(entry: Any, kind: type, without: Iterable[str] = ()) -> Mapping[str, Any]:
    """The entry, if it has the keys of a dataclass: all that have no default, and no others."""
    if not isinstance(entry, dict):
        raise ValueError(f"this is no {kind.__name__.lower()}: {entry!r}")
    known = {field.name: field.default for field in fields(kind) if field.name not in without}
    needed = [name for name, default in known.items() if not isinstance(default, str | float | bool | tuple)]
    wrong = [name for name in entry if name not in known] + [name for name in needed if name not in entry]
    if wrong:
        said = "is not known" if wrong[0] in entry else "is missing"
        raise ValueError(f"{kind.__name__.lower()}: {wrong[0]!r} {said}; it takes {', '.join(known)}")
    return entry


# ------------------------------------------------------------------------------------------------------------- judging


def judge(item: Item, given: Sequence[int] | float) -> Note:
    """What to say to an answer.

    Args:
        item: the question.
        given: the places of the options that were chosen, from 0; for a number, the number.

    Returns:
        A box that shows itself. Its status is ``"right"``, ``"wrong"``, ``"misconception"`` (a number that is wrong
        in a known way) or ``"not attempted"``.

    Example:
        >>> item = load("loyalty")[1]
        >>> item.stem[:46]
        'The margin is 40 %, and rewards cost 5 % of wh'
        >>> judge(item, 14.3).status
        'right'
        >>> judge(item, 12.5).message[:56]
        'This takes the additional purchases as free of rewards. '
    """
    if not isinstance(given, Sequence):
        return _judge_number(item, float(given))
    chosen = [item.options[place] for place in given]
    if not chosen:
        return Note("", "not attempted", "Choose an answer first.")
    if item.kind == "several":
        missed = sum(option.right for option in item.options) - sum(option.right for option in chosen)
        said = [f"{option.text}: {option.says}" for option in chosen]
        said += [f"{missed} more right answer{'s are' if missed > 1 else ' is'} to be found."] if missed else []
    else:
        said, missed = [option.says for option in chosen], 0
    right = not missed and all(option.right for option in chosen)
    return Note("", "right" if right else "wrong", "\n".join([*said, *([item.feedback] if right else [])]))


def _judge_number(item: Item, given: float) -> Note:
    for option in item.options:
        if abs(given - float(option.text)) <= item.tolerance + 1e-9:
            status = "right" if option.right else "misconception"
            return Note("", status, f"{option.says}\n{item.feedback}" if option.right else option.says)
    return Note("", "wrong", f"{given:.6g} is not the number. {item.feedback}")


# ------------------------------------------------------------------------------------------------------------- showing


class Quiz:
    """Items in a notebook; made by `show`.

    Attributes:
        items: the questions.
        controls: what the reader answers each with: radio buttons, checkboxes in a box, or a text field.
        replies: the widget below each question that holds what was said to the last answer.
        checks: the button of each.
        view: the widget that holds them all.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        import ipywidgets as widgets

        self.items = tuple(items)
        self.controls: list[Any] = []
        self.replies: list[Any] = []
        self.checks: list[Any] = []
        rows = []
        for number, item in enumerate(self.items, start=1):
            wide = widgets.Layout(width="auto")
            if item.kind == "number":
                control = widgets.Text(placeholder="a number", description="Your answer", style=_LABEL)
            elif item.kind == "several":
                boxes = [
                    widgets.Checkbox(description=option.text, indent=False, layout=wide) for option in item.options
                ]
                control = widgets.VBox(boxes)
            else:
                places = [(option.text, place) for place, option in enumerate(item.options)]
                control = widgets.RadioButtons(
                    options=places, index=None, description="Your answer", style=_LABEL, layout=wide
                )
            button = widgets.Button(description=f"Check answer {number}")
            reply = widgets.HTML()
            button.on_click(lambda _, place=number - 1: self._check(place))
            rows += [widgets.HTML(_asked(number, item)), control, button, reply]
            self.controls.append(control)
            self.checks.append(button)
            self.replies.append(reply)
        self.view = widgets.VBox(rows)

    def _check(self, place: int) -> None:
        item, control = self.items[place], self.controls[place]
        if item.kind == "several":
            note = judge(item, [number for number, box in enumerate(control.children) if box.value])
        elif item.kind == "one":
            note = judge(item, [] if control.index is None else [control.index])
        else:
            note = _judge_text(item, control.value)
        self.replies[place].value = note._repr_mimebundle_()["text/html"]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle = dict(self.view._repr_mimebundle_())
        bundle["text/html"] = "\n".join(_unfolded(number, item) for number, item in enumerate(self.items, start=1))
        bundle["text/plain"] = "\n\n".join(_as_text(number, item) for number, item in enumerate(self.items, start=1))
        return bundle


_LABEL = {"description_width": "initial"}


def show(items: Sequence[Item]) -> Quiz:
    """Show items in a notebook, each with a button that checks the answer.

    Where no kernel runs (a stored notebook, a printed page) every option is a line that unfolds to its feedback.

    Args:
        items: some of those that `load` returns.

    Returns:
        The quiz, which shows itself as the last value of a cell.

    Raises:
        ValueError: if there are no items.

    Example:
        >>> quiz = show(load("hub")[:2])
        >>> quiz.checks[0].click()
        >>> "Choose an answer first" in quiz.replies[0].value
        True
    """
    if not items:
        raise ValueError("there are no items to show")
    return Quiz(items)


def _judge_text(item: Item, text: str) -> Note:
    """A number as somebody types it: 1,500 or 1 500, with a sign that may be a minus sign, perhaps with a per cent."""
    plain = re.sub(r"[\s%]|(?<=\d),(?=\d{3}\b)", "", text.replace("\u2212", "-")).replace(",", ".")
    if not plain:
        return Note("", "not attempted", "Write a number first.")
    try:
        return judge(item, _number(plain))
    except ValueError:
        return Note("", "wrong", f"{text} cannot be read as a number. Write it in digits, as in 12.5.")


def _asked(number: int, item: Item) -> str:
    asked = f"<p><b>{number}.</b> {html.escape(item.stem)} <i>{KINDS[item.kind]}</i></p>"
    return f'<div style="line-height:1.5">{asked}{_table_html(item)}</div>'


def _unfolded(number: int, item: Item) -> str:
    options = "\n".join(
        f"<details><summary>{html.escape(option.text)}</summary>"
        f"<p><b>{'Right' if option.right else 'Not this one'}.</b> {html.escape(option.says)}</p></details>"
        for option in item.options
    )
    closing = f"<details><summary>In short</summary><p>{html.escape(item.feedback)}</p></details>"
    return "\n".join([_asked(number, item), options, closing])


def _as_text(number: int, item: Item) -> str:
    table = [" | ".join(row) for row in item.table]
    return "\n".join([f"{number}. {item.stem} {KINDS[item.kind]}", *table, *(f"  - {o.text}" for o in item.options)])


# ----------------------------------------------------------------------------------------------------------- exporting


def _paragraph(text: str) -> ET.Element:
    element = ET.Element("p")
    element.text = text
    return element


def _table(item: Item) -> ET.Element | None:
    if not item.table:
        return None
    table = ET.Element("table")
    for part, rows, cell in (("thead", item.table[:1], "th"), ("tbody", item.table[1:], "td")):
        body = ET.SubElement(table, part)
        for row in rows:
            line = ET.SubElement(body, "tr")
            for text in row:
                ET.SubElement(line, cell).text = text
    return table


def _table_html(item: Item) -> str:
    table = _table(item)
    if table is None:
        return ""
    for cell in (*table.iter("th"), *table.iter("td")):
        cell.set("style", "text-align:left;padding-right:1.5em")
    return ET.tostring(table, encoding="unicode", method="html")


def _body(item: Item) -> ET.Element:
    body = ET.Element("div")
    body.append(_paragraph(item.stem))
    table = _table(item)
    if table is not None:
        body.append(table)
    return body


def _closing(item: Item) -> str:
    return f"{item.feedback} (Source: {item.source}.)" if item.source else item.feedback


def _document(root: ET.Element) -> bytes:
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def moodle_xml(items: Sequence[Item]) -> bytes:
    """The items as Moodle XML, for *Question bank > Import > Moodle XML format*.

    Each topic becomes a category. Moodle draws the options in another order for each student. In an item with several
    right options a wrong one takes away as much as makes ticking everything worth nothing.

    Args:
        items: some of those that `load` returns.

    Returns:
        The file: UTF-8, the same for the same items.

    Raises:
        ValueError: if there are no items.

    Example:
        >>> moodle_xml(load("hub")[:1]).decode().splitlines()[:2]
        ["<?xml version='1.0' encoding='utf-8'?>", '<quiz>']
    """
    if not items:
        raise ValueError("there are no items to export")
    quiz = ET.Element("quiz")
    topic = ""
    for item in items:
        if item.topic != topic:
            topic = item.topic
            category = ET.SubElement(ET.SubElement(quiz, "question", type="category"), "category")
            _text(category, f"$course$/top/crkit/{topic}")
        _moodle_question(quiz, item)
    return _document(quiz)


def _text(parent: ET.Element, text: str) -> None:
    ET.SubElement(parent, "text").text = text


def _html(parent: ET.Element, tag: str, element: ET.Element, **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, tag, {**attributes, "format": "html"})
    _text(made, ET.tostring(element, encoding="unicode"))
    return made


def _moodle_question(quiz: ET.Element, item: Item) -> None:
    number = item.kind == "number"
    question = ET.SubElement(quiz, "question", type="numerical" if number else "multichoice")
    _text(ET.SubElement(question, "name"), item.id)
    _html(question, "questiontext", _body(item))
    _html(question, "generalfeedback", _paragraph(_closing(item)))
    for tag, value in (("defaultgrade", "1"), ("penalty", "0.3333333"), ("hidden", "0"), ("idnumber", item.id)):
        ET.SubElement(question, tag).text = value
    if not number:
        single = "false" if item.kind == "several" else "true"
        for tag, value in (("single", single), ("shuffleanswers", "true"), ("answernumbering", "abc")):
            ET.SubElement(question, tag).text = value
    rights = sum(option.right for option in item.options)
    wrongs = len(item.options) - rights
    for option in item.options:
        wrong = -100 / wrongs if item.kind == "several" else 0
        fraction = f"{100 / rights if option.right else wrong:.5f}".rstrip("0").rstrip(".")
        if number:
            answer = ET.SubElement(question, "answer", fraction=fraction, format="moodle_auto_format")
            _text(answer, option.text)
            ET.SubElement(answer, "tolerance").text = f"{item.tolerance:g}"
        else:
            text = ET.Element("span")
            text.text = option.text
            answer = _html(question, "answer", text, fraction=fraction)
        _html(answer, "feedback", _paragraph(option.says))
    ET.SubElement(ET.SubElement(question, "tags"), "tag")
    _text(question[-1][0], item.level)


def qti(items: Sequence[Item], title: str = "Customer relationships") -> bytes:
    """The items as a QTI 2.1 content package: a test with a section a topic, one file an item, and the manifest.

    It keeps to what Canvas imports, as its importers show (instructure/canvas-lms, ``gems/plugins/qti_exporter``, and
    instructure/qti for New Quizzes): one ``choiceInteraction`` an item, the question inside one ``div``, right answers
    in ``correctResponse``, and, for the feedback to each option, the identifiers and response conditions that Canvas
    itself uses. A ``textEntryInteraction`` becomes an essay there (manual of the R package rqti, *Compatibility*,
    2026), so an item that asks for a number offers the right one and the known wrong ones to choose from. New Quizzes
    takes questions, options and right answers, but no feedback.

    Args:
        items: some of those that `load` returns.
        title: of the test.

    Returns:
        A zip file, the same for the same items.

    Raises:
        ValueError: if there are no items.

    Example:
        >>> import io, zipfile
        >>> zipfile.ZipFile(io.BytesIO(qti(load("hub")[:1]))).namelist()
        ['imsmanifest.xml', 'test.xml', 'items/hub-record.xml']
    """
    if not items:
        raise ValueError("there are no items to export")
    files = {"imsmanifest.xml": _manifest(items), "test.xml": _test(items, title)}
    files |= {f"items/{item.id}.xml": _qti_item(item) for item in items}
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _document(content))
    return package.getvalue()


def _root(tag: str, space: str, **attributes: str) -> ET.Element:
    where = {"xmlns": space, "xmlns:xsi": _XSI, "xsi:schemaLocation": f"{space} {_LOCATIONS[space]}"}
    return ET.Element(tag, {**where, **attributes})


def _manifest(items: Sequence[Item]) -> ET.Element:
    root = _root("manifest", _PACKAGE, identifier="crkit-quiz-package")
    metadata = ET.SubElement(root, "metadata")
    ET.SubElement(metadata, "schema").text = "QTIv2.1 Package"
    ET.SubElement(metadata, "schemaversion").text = "1.0.0"
    ET.SubElement(root, "organizations")
    resources = ET.SubElement(root, "resources")

    def resource(name: str, kind: str, href: str) -> ET.Element:
        made = ET.SubElement(resources, "resource", identifier=name, type=f"imsqti_{kind}_xmlv2p1", href=href)
        ET.SubElement(made, "file", href=href)
        return made

    test = resource("crkit-quiz", "test", "test.xml")
    for item in items:
        ET.SubElement(test, "dependency", identifierref=item.id)
        resource(item.id, "item", f"items/{item.id}.xml")
    return root


def _test(items: Sequence[Item], title: str) -> ET.Element:
    root = _root("assessmentTest", _QTI, identifier="crkit-quiz", title=title)
    part = ET.SubElement(root, "testPart", identifier="part", navigationMode="nonlinear", submissionMode="simultaneous")
    for topic in dict.fromkeys(item.topic for item in items):
        section = ET.SubElement(part, "assessmentSection", identifier=f"section-{topic}", title=topic, visible="false")
        for item in items:
            if item.topic == topic:
                ET.SubElement(section, "assessmentItemRef", identifier=item.id, href=f"items/{item.id}.xml")
    return root


def _qti_item(item: Item) -> ET.Element:
    many = item.kind == "several"
    root = _root("assessmentItem", _QTI, identifier=item.id, title=item.id, adaptive="false", timeDependent="false")
    response = ET.SubElement(
        root,
        "responseDeclaration",
        identifier="RESPONSE",
        cardinality="multiple" if many else "single",
        baseType="identifier",
    )
    correct = ET.SubElement(response, "correctResponse")
    score = ET.SubElement(
        root, "outcomeDeclaration", identifier="SCORE", cardinality="single", baseType="float", normalMaximum="1"
    )
    ET.SubElement(ET.SubElement(score, "defaultValue"), "value").text = "0"
    ET.SubElement(root, "outcomeDeclaration", identifier="FEEDBACK", cardinality="multiple", baseType="identifier")
    body = ET.SubElement(root, "itemBody")
    body.append(_body(item))
    choices = ET.SubElement(
        body, "choiceInteraction", responseIdentifier="RESPONSE", shuffle="true", maxChoices="0" if many else "1"
    )
    processing = ET.SubElement(root, "responseProcessing")
    for number, option in enumerate(item.options, start=1):
        name = f"RESPONSE_{number}"
        ET.SubElement(choices, "simpleChoice", identifier=name).text = option.text
        if option.right:
            ET.SubElement(correct, "value").text = name
        chosen = ET.SubElement(ET.SubElement(processing, "responseCondition"), "responseIf")
        test = ET.SubElement(chosen, "member" if many else "match")
        compared = [_value(name), _variable("RESPONSE")]
        test.extend(compared if many else compared[::-1])
        _add_feedback(chosen, f"feedback_{number}_fb")
        _feedback(root, f"feedback_{number}_fb", option.says)
    _add_feedback(processing, "general_fb")
    _feedback(root, "general_fb", _closing(item))
    solved = ET.SubElement(ET.SubElement(processing, "responseCondition"), "responseIf")
    test = ET.SubElement(solved, "match")
    test.append(_variable("RESPONSE"))
    ET.SubElement(test, "correct", identifier="RESPONSE")
    points = ET.SubElement(ET.SubElement(solved, "setOutcomeValue", identifier="SCORE"), "baseValue", baseType="float")
    points.text = "1"
    return root


def _variable(name: str) -> ET.Element:
    return ET.Element("variable", identifier=name)


def _value(name: str) -> ET.Element:
    value = ET.Element("baseValue", baseType="identifier")
    value.text = name
    return value


def _add_feedback(parent: ET.Element, name: str) -> None:
    shown = ET.SubElement(ET.SubElement(parent, "setOutcomeValue", identifier="FEEDBACK"), "multiple")
    shown.extend([_variable("FEEDBACK"), _value(name)])


def _feedback(root: ET.Element, name: str, text: str) -> None:
    shown = ET.SubElement(root, "modalFeedback", outcomeIdentifier="FEEDBACK", identifier=name, showHide="show")
    shown.append(_paragraph(text))
