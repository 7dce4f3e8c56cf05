"""The reader's own file: one test for each thing that exports contain, and two properties over all of them."""

import ast
import codecs
import csv
import io
import zipfile
from datetime import date, datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crkit import datasets
from crkit.datasets import FileProblem

COLUMNS = {"customer_id": "CustomerID", "ordered_at": "InvoiceDate", "amount_eur": "Total"}
HEADER = "CustomerID;InvoiceDate;Total;Note\n"
TODAY = "2024-12-31"
TWO = "1;2024-01-05;3,50;a\n2;2024-02-05;4,25;b\n"


@pytest.fixture
def read(tmp_path):
    def read(content, columns=COLUMNS, name="orders.csv", encoding="utf-8", table="orders"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        result = datasets.read_file(file, table, columns=columns, today=TODAY)
        assert result.read == result.used + len(result.set_aside)
        assert result.used == len(result.frame)
        return result

    return read


@pytest.fixture
def refuse(read):
    def refuse(content, **how):
        with pytest.raises(FileProblem) as caught:
            read(content, **how)
        problem = caught.value
        assert str(problem).startswith(how.get("name", "orders.csv"))
        assert f"Remedy: {problem.remedy}." in str(problem)
        if problem.column is not None:
            assert f"column {problem.column!r}" in str(problem)
        for line, _ in problem.rows:
            assert f"line {line}: " in str(problem)
        return problem

    return refuse


def ids(result):
    return result.frame["customer_id"].tolist()


def amounts(result):
    return result.frame["amount_eur"].tolist()


def moments(result):
    return [str(moment) for moment in result.frame["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S")]


def aside(result):
    return list(result.set_aside[["line", "reason"]].itertuples(index=False, name=None))


def column_of(name, values):
    """A file in which one column has the given cells and the others are plain and different in every row."""
    plain = {"CustomerID": "c{}", "InvoiceDate": "2024-01-{:02}", "Total": "{}"}
    rows = [
        ";".join(value if ours == name else pattern.format(i) for ours, pattern in plain.items()) + f";{i}\n"
        for i, value in enumerate(values, start=1)
    ]
    return HEADER + "".join(rows)


# Form -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_character_sets(read, encoding):
    result = read(HEADER + "Müller;2024-01-05;3,50 €;café\n2;2024-02-05;4,25;b\n", encoding=encoding)
    assert ids(result) == ["Müller", "2"]
    assert amounts(result) == [3.5, 4.25]
    assert result.currency == "EUR"
    assert any("Windows-1252" in note for note in result.notes) == (encoding == "cp1252")


def test_bytes_that_windows_1252_leaves_open_do_not_merge_customers(read):
    result = read(HEADER.encode() + b"a\x81;2024-01-05;1;\na\x8d;2024-01-05;1;\n\xe9;2024-01-05;1;\n")
    assert len(set(ids(result))) == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(read, delimiter, ending):
    content = (HEADER + '1;2024-01-05;3.50;"a, b; c | d"\n2;2024-02-05;4.25;b\n').replace("\n", ending)
    quoted = content.replace('"a, b; c | d"', "@").replace(";", delimiter).replace("@", '"a, b; c | d"')
    assert amounts(read(quoted)) == [3.5, 4.25]


def test_lines_above_the_header_are_skipped_and_noted(read):
    result = read("sep=;\nSales report\n\n" + HEADER + TWO + "3;oops;1;c\n")
    assert result.used == 2
    assert aside(result) == [(7, "InvoiceDate is not a date")]
    assert any("header is on line 4" in note for note in result.notes)


def test_blank_lines_are_no_rows(read):
    result = read(HEADER + "\n;;;\n" + TWO + " ; ;;\n\n")
    assert (result.read, result.used) == (2, 2)
    assert "blank lines were skipped: 4" in result.notes


def test_line_ends_in_quotes_do_not_shift_the_line_numbers(read):
    result = read(HEADER + '1;2024-01-05;1;"two\nlines"\n2;bad;1;x\n3;2024-01-05;2;c\n')
    assert aside(result) == [(4, "InvoiceDate is not a date")]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + TWO + '3;2024-01-05;4;"never closed\n' + TWO,
        HEADER + TWO + '3;2024-01-05;"4;never closed\n' + TWO + '4;2024-01-05;4;"x"\n' + TWO,
        HEADER + TWO + '3;2024-01-05;4;"never closed ' + "x" * 200_000,
    ],
)
def test_a_quotation_mark_that_is_not_closed_swallows_no_rows(refuse, content):
    assert "a quotation mark on line 4" in str(refuse(content))


def test_rows_with_other_numbers_of_cells_are_set_aside_whole(read):
    result = read(HEADER + TWO + "9;2024-01-05\n9;2024-01-05;1;x;y\n3;2024-01-05;1;x;\n")
    assert ids(result) == ["1", "2", "3"]
    assert aside(result) == [(4, "has 2 cells where the header has 4"), (5, "has 5 cells where the header has 4")]
    assert result.set_aside.iloc[1, 2:].tolist() == ["9", "2024-01-05", "1", "x", "y"]


def test_decimal_commas_in_a_comma_separated_file_are_refused(refuse):
    problem = refuse("CustomerID,InvoiceDate,Total\n1,2024-01-05,1,50\n2,2024-01-05,2,50\n")
    assert problem.rows == ((2, "1,2024-01-05,1,50"), (3, "2,2024-01-05,2,50"))
    assert "another delimiter" in problem.remedy


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "orders.csv", "it is empty"),
        (b"\n\n  \n", "orders.csv", "it is empty"),
        (codecs.BOM_UTF8, "orders.csv", "it is empty"),
        (HEADER.encode(), "orders.csv", "a header on line 1 and no rows"),
        (bytes(range(256)) * 50, "orders.csv", "it is not text"),
        (bytes(range(1, 256)) * 50, "orders.csv", "it is not text"),
        (b"\xff\xfea\x00\x00\xd8", "orders.csv", "its text is damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(99), "orders.xls", "an old Excel workbook"),
        (b"<html><table><tr>", "orders.xls", "a web page"),
        (b'{"orders": []}', "orders.csv", "JSON"),
        (b"\x1f\x8b\x08", "orders.csv.gz", "compressed"),
        (b"PAR1" + bytes(9), "orders.parquet", "Parquet"),
        (b"%PDF-1.4", "orders.pdf", "PDF"),
    ],
)
def test_files_that_are_no_table_are_refused_with_a_sentence(refuse, content, name, says):
    assert says in str(refuse(content, name=name))


def test_a_zip_that_is_no_workbook(refuse):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("orders.csv", HEADER + TWO)
    assert "packed" in str(refuse(packed.getvalue(), name="orders.zip"))


def test_a_folder_and_a_missing_file(tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + TWO)
    with pytest.raises(FileProblem, match="it is a folder"):
        datasets.read_file(tmp_path)
    with pytest.raises(FileProblem, match=r"odrers\.csv: there is no such file\. Remedy: did you mean 'orders.csv'"):
        datasets.read_file(tmp_path / "odrers.csv")
    with pytest.raises(FileProblem, match="check the name"):
        datasets.read_file(tmp_path / "nothing-like-it.xlsx")


# Excel ------------------------------------------------------------------------------------------------------------


def workbook(rows, cover=None):
    book = openpyxl.Workbook()
    sheet = book.active
    if cover:
        sheet.append([cover])
        sheet = book.create_sheet("Data")
    for row in rows:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


EXCEL_HEADER = ["CustomerID", "InvoiceDate", "Total", "Note"]


@pytest.mark.parametrize("name", ["orders.xlsx", "renamed.csv"])
def test_excel(read, name):
    rows = [
        EXCEL_HEADER,
        [123, datetime(2024, 1, 5, 10, 30), 3.5, "a"],
        [123.0, 45296.5, 1.234, None],  # a day number; three decimals that cannot be thousands
        ["00123", "05.02.2024", "1.234,50 €", True],
        [None, None, None],
        [7, date(2024, 1, 5), -3, None],
        ["Total", None, 44],
    ]
    result = read(workbook(rows), name=name)
    assert ids(result) == ["123", "123", "00123"]
    assert moments(result) == ["2024-01-05 10:30:00", "2024-01-05 12:00:00", "2024-02-05 00:00:00"]
    assert amounts(result) == [3.5, 1.234, 1234.5]
    assert aside(result) == [
        (6, "Total is negative: a return or refund"),
        (7, "looks like a totals row"),
    ]


def test_excel_takes_the_sheet_that_has_the_columns(read):
    rows = [[], ["Report"], EXCEL_HEADER, [1, datetime(2024, 1, 5), 2]]
    result = read(workbook(rows, cover="Sales"), name="orders.xlsx")
    assert result.used == 1
    assert "read from the sheet 'Data', one of 2" in result.notes


# Columns ----------------------------------------------------------------------------------------------------------


def test_a_wrong_name_lists_the_columns_and_suggests_the_closest(refuse):
    problem = refuse(HEADER + TWO, columns={**COLUMNS, "customer_id": "CustmerID"})
    assert problem.column == "CustmerID"
    assert "'CustomerID', 'InvoiceDate', 'Total', 'Note'" in str(problem)
    assert problem.columns == (COLUMNS,)
    assert problem.rows == ((2, "1 | 2024-01-05 | 3,50 | a"), (3, "2 | 2024-02-05 | 4,25 | b"))


def test_without_a_mapping_the_whole_mapping_is_suggested(refuse):
    problem = refuse("Kunde;Bestelldatum;Umsatz\n1;2024-01-05;1\n", columns={})
    whole = {"customer_id": "Kunde", "ordered_at": "Bestelldatum", "amount_eur": "Umsatz"}
    assert problem.columns == (whole,)
    written = problem.remedy.partition("columns = ")[2]
    assert ast.literal_eval(written) == whole


def test_a_suggestion_keeps_what_was_mapped_right_and_how_it_is_read(refuse):
    columns = {**COLUMNS, "ordered_at": "InvoiceDate, day first", "amount_eur": "Totale"}
    problem = refuse(HEADER + TWO, columns=columns)
    assert problem.columns == ({**columns, "amount_eur": "Total"},)


def test_where_nothing_is_alike_no_mapping_is_suggested(refuse):
    problem = refuse("a;b;c\n1;2;3\n")
    assert problem.columns == ()
    assert "and none for ordered_at ('InvoiceDate'), amount_eur ('Total')" in problem.said
    assert problem.remedy == "map each to one of them"


def test_a_name_of_ours_that_does_not_exist(refuse):
    problem = refuse(HEADER + TWO, columns={**COLUMNS, "amount": "Total"})
    assert "did you mean 'amount_eur'" in str(problem)


def test_a_column_mapped_twice(refuse):
    problem = refuse(HEADER + TWO, columns={**COLUMNS, "amount_eur": "CustomerID"})
    assert problem.column == "CustomerID" and "customer_id and amount_eur" in str(problem)


def test_a_mapped_column_that_is_there_twice(refuse):
    assert "2 columns have this name" in str(refuse(HEADER.replace("Note", "Total") + "1;2024-01-05;1;2\n"))


def test_other_columns_may_have_any_names(read):
    header = "CustomerID;InvoiceDate;Total;x;x;line;\n"
    result = read(header + "1;2024-01-05;1;2;3;4;\n1;2024-01-05;-1;5;6;7;\n")
    assert result.set_aside.columns[2:].tolist() == ["CustomerID", "InvoiceDate", "Total", "x", "x.2", "line.2"]
    assert result.set_aside.loc[0, "line.2"] == "7"


def test_spaces_around_names_do_not_matter(read):
    assert read(" CustomerID ; InvoiceDate;Total \n1;2024-01-05;1\n").used == 1


def test_our_own_names_need_no_mapping(read):
    result = read("amount_eur,ordered_at,customer_id\n2.50,2024-01-05,x\n", columns=None)
    assert result.frame.columns.tolist() == ["customer_id", "ordered_at", "amount_eur"]
    assert result.frame.dtypes.astype(str).tolist() == ["str", "datetime64[s]", "float64"]
    assert result.currency == "EUR"


def test_five_hundred_columns(read):
    names = [f"c{i}" for i in range(497)]
    rows = [",".join([*map(str, range(497)), f"id{i}", "2024-01-05", str(i)]) for i in range(50)]
    result = read("\n".join([",".join([*names, *COLUMNS.values()]), *rows, rows[0]]))
    assert (result.used, result.frame.shape[1]) == (50, 3)
    assert result.set_aside.shape == (1, 502)
    with pytest.raises(FileProblem, match="and 470 more"):
        read(",".join([*names, *COLUMNS.values()]), columns={**COLUMNS, "amount_eur": "c500"})


def test_optional_columns_are_read_when_mapped(read):
    columns = {**COLUMNS, "channel": "Where", "delivery_days": "Days", "order_id": "No"}
    content = (
        "CustomerID;InvoiceDate;Total;Where;Days;No\n1;2024-01-05;1;web;3;a1\n1;2024-01-05;1;fax;3;a2\n"
        "1;2024-01-05;1;shop;;a3\n1;2024-01-05;1;shop;2,5;a4\n1;2024-01-05;1;shop;-1;a5\n1;2024-01-05;1;shop;1;a6\n"
    )
    result = read(content, columns=columns)
    assert result.frame["channel"].tolist() == ["web", "shop", "shop"]
    assert result.frame["delivery_days"].dtype == "Int64"
    assert [reason for _, reason in aside(result)] == [
        "Where is none of shop, web, account_manager, subscription",
        "Days is not a whole number",
        "Days is below 0",
    ]


def test_another_table(read):
    rows = ["1,NPS,2024-01-05,,", "2,NPS,2024-01-05,2024-01-06,11", "3,CES,2024-01-05,2024-01-07,7"]
    content = "\n".join(["customer_id,kind,sent_at,answered_at,score", *rows])
    result = read(content, columns=None, table="feedback")
    assert result.frame["score"].tolist() == [pd.NA, 7]
    assert aside(result) == [(3, "score is not from 0 to 10")]


def test_a_column_that_may_be_empty_is_empty_throughout(read):
    content = "customer_id,kind,sent_at,answered_at,score\n1,NPS,2024-01-05,,\n2,NPS,2024-01-06,,\n"
    frame = read(content, columns=None, table="feedback").frame
    assert frame[["answered_at", "score"]].isna().all(axis=None)
    assert frame[["answered_at", "score"]].dtypes.astype(str).tolist() == ["datetime64[s]", "Int64"]


def test_a_column_that_must_not_be_empty_is_empty_throughout(refuse):
    problem = refuse(column_of("InvoiceDate", ["", " "]))
    assert (problem.column, problem.rows) == ("InvoiceDate", ((2, ""), (3, "")))


def test_a_table_that_nobody_can_export(read):
    with pytest.raises(ValueError, match="truth is not a table"):
        read(HEADER + TWO, table="truth")
    with pytest.raises(ValueError, match="no table 'oders'"):
        read(HEADER + TWO, table="oders")


def test_true_and_false(read):
    cells = ["yes", "No", "TRUE", "0", "perhaps"]
    rows = "".join(f"{i},,2024-01-05,chat,account,human,{cell},1\n" for i, cell in enumerate(cells))
    header = "customer_id,issue_id,started_at,channel,topic,handled_by,resolved,handle_minutes\n"
    result = read(header + rows, columns=None, table="contacts")
    assert result.frame["resolved"].tolist() == [True, False, True, False]
    assert result.frame["issue_id"].isna().all()
    assert aside(result) == [(6, "resolved is neither true nor false")]


LOG = "customer_id,issue_id,started_at,topic,handled_by,resolved,handle_minutes,escalated_to,channel,initiated_by\n"


def log(*handlers, topic="returns", passed_on="", began="customer"):
    rows = [
        f"C{i},T{i},2024-01-05 10:0{i},{topic},{who},yes,3,{passed_on},whatsapp,{began}\n"
        for i, who in enumerate(handlers)
    ]
    return LOG + "".join(rows)


def test_topics_channels_and_whom_a_contact_went_to_are_words_of_their_own(read):
    columns = {"channel": "channel", "escalated_to": "escalated_to", "initiated_by": "initiated_by"}
    result = read(log("bot", "human", passed_on="second line"), columns=columns, table="contacts")
    assert len(result.set_aside) == 0
    assert result.frame["topic"].tolist() == ["returns", "returns"]
    assert set(result.frame["channel"]) == {"whatsapp"}
    assert set(result.frame["escalated_to"]) == {"second line"}


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        (log("bot", "agent", "bot", "bot"), "handled_by", "'agent'"),
        (log("bot", began="caller"), "initiated_by", "'caller'"),
    ],
)
def test_a_contact_of_nobody_we_know_is_refused_and_not_dropped(refuse, content, column, words):
    """A log without these rows would say that nobody came back."""
    problem = refuse(content, columns={"initiated_by": "initiated_by"}, name="log.csv", table="contacts")
    assert problem.column == column
    assert words in problem.said
    assert "rename the values" in problem.remedy
    if column == "handled_by":
        assert problem.rows == ((3, "agent"),)
        assert "a person is human" in problem.remedy


def test_a_contact_without_a_handler_is_set_aside(read):
    result = read(log("bot", "", "human"), columns={}, table="contacts")
    assert aside(result) == [(3, "handled_by is empty")]


def test_all_columns_that_are_not_there_are_named_at_once(refuse):
    header = "Customer,Ticket,Opened,Subject,Handler,Solved,Minutes\n"
    rows = "1,2,2024-01-05,returns,bot,yes,0\n"
    problem = refuse(
        header + rows, columns={"customer_id": "Customer", "topic": "Thema"}, name="log.csv", table="contacts"
    )
    assert "no such column for issue_id, and none for started_at, topic ('Thema'), handled_by, resolved" in problem.said
    assert problem.columns[0] == {
        **{"customer_id": "Customer", "issue_id": "Ticket", "started_at": "Opened", "topic": "Subject"},
        **{"handled_by": "Handler", "resolved": "Solved", "handle_minutes": "Minutes"},
    }


# Ids --------------------------------------------------------------------------------------------------------------


def test_ids_that_became_floats(read):
    assert ids(read(column_of("CustomerID", ["12345.0", "12345", "00123", "00123.0", " 7 "]))) == [
        *("12345", "12345", "00123", "00123", "7")
    ]


def test_ids_with_decimals_of_their_own_stay(read):
    assert ids(read(column_of("CustomerID", ["1.0", "1.5", "A-1"]))) == ["1.0", "1.5", "A-1"]


def test_missing_ids_are_set_aside(read):
    result = read(column_of("CustomerID", ["", "nan", "NULL", "4", "5", "0", "x"]))
    assert ids(result) == ["4", "5", "0", "x"]
    assert aside(result) == [(line, "CustomerID is empty") for line in (2, 3, 4)]


def test_mostly_missing_ids_are_refused(refuse):
    problem = refuse(column_of("CustomerID", ["", "", "", "4"]))
    assert (problem.column, problem.rows) == ("CustomerID", ((2, ""), (3, ""), (4, "")))


def test_ids_that_lost_their_digits(read):
    result = read(column_of("CustomerID", ["1.23457E+11", "4", "5"]))
    assert aside(result) == [(2, "CustomerID is in scientific notation, so its last digits are lost")]


# Dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["05/01/2024", "25/02/2024"], ["2024-01-05", "2024-02-25"]),
        (["05/01/2024", "02/25/2024"], ["2024-05-01", "2024-02-25"]),
        (["05-01-2024", "25-02-2024"], ["2024-01-05", "2024-02-25"]),
        (["05.01.2024", "6.2.24"], ["2024-01-05", "2024-02-06"]),
        (["05/01/24 14:30", "31/01/24 2:05:09 pm"], ["2024-01-05 14:30:00", "2024-01-31 14:05:09"]),
        (["05/05/2024", "06/06/2024"], ["2024-05-05", "2024-06-06"]),
        (["2024-01-05", "2024/02/06", "2024-03-07T08:09"], ["2024-01-05", "2024-02-06", "2024-03-07 08:09:00"]),
        (["2024-01-05 12:00:00.123", "20240206"], ["2024-01-05 12:00:00", "2024-02-06"]),
        (["5 Jan 2024", "06-February-24", "Mar 7, 2024 12:15 AM"], ["2024-01-05", "2024-02-06", "2024-03-07 00:15:00"]),
        (["45296", "45296,5", "45297.25"], ["2024-01-05", "2024-01-05 12:00:00", "2024-01-06 06:00:00"]),
        (["1704448800", "1704448800123"], ["2024-01-05 10:00:00", "2024-01-05 10:00:00"]),
        (["29.02.2024", "28.02.2023"], ["2024-02-29", "2023-02-28"]),
    ],
)
def test_dates(read, cells, right):
    result = read(column_of("InvoiceDate", cells))
    assert moments(result) == [value if ":" in value else f"{value} 00:00:00" for value in right]


def test_the_row_that_decides_is_named(read):
    result = read(column_of("InvoiceDate", ["05/01/2024", "25/02/2024", "06/01/2024"]))
    assert "InvoiceDate is read day first, as line 3 proves: '25/02/2024'" in result.notes


def test_dates_that_can_be_read_both_ways_are_refused_until_the_reader_says(read, refuse):
    content = column_of("InvoiceDate", ["05/01/2024", "06/02/2024", "07/07/2024"])
    problem = refuse(content)
    assert (problem.column, problem.rows) == ("InvoiceDate", ((2, "05/01/2024"), (3, "06/02/2024")))
    assert problem.columns == tuple(
        {**COLUMNS, "ordered_at": f"InvoiceDate, {first} first"} for first in ("day", "month")
    )
    day = read(content, columns={**COLUMNS, "ordered_at": "InvoiceDate, day first"})
    month = read(content, columns={**COLUMNS, "ordered_at": "InvoiceDate, month first"})
    assert moments(day)[0] == "2024-01-05 00:00:00"
    assert moments(month)[0] == "2024-05-01 00:00:00"


def test_dates_that_contradict_each_other_are_refused_until_the_reader_says(read, refuse):
    content = column_of("InvoiceDate", ["25/01/2024", "05/22/2024", "26/01/2024"])
    assert refuse(content).rows == ((2, "25/01/2024"), (3, "05/22/2024"))
    result = read(content, columns={**COLUMNS, "ordered_at": "InvoiceDate, day first"})
    assert aside(result) == [(3, "InvoiceDate is not a date")]


def test_dates_that_hide_their_year_are_refused(read, refuse):
    content = column_of("InvoiceDate", ["24-01-05", "24-01-06"])
    assert "which is the year" in str(refuse(content))
    hinted = read(column_of("InvoiceDate", ["05-01-24"]), columns={**COLUMNS, "ordered_at": "InvoiceDate, day first"})
    assert moments(hinted) == ["2024-01-05 00:00:00"]


def test_mixed_time_zones_become_utc(read):
    cells = ["2024-01-05T10:00:00+01:00", "2024-06-05 10:00:00 -0530", "2024-06-05T10:00Z", "2024-06-05 10:00"]
    result = read(column_of("InvoiceDate", cells))
    assert [moment[5:16] for moment in moments(result)] == ["01-05 09:00", "06-05 15:30", "06-05 10:00", "06-05 10:00"]
    assert any("converted to UTC" in note for note in result.notes)


@pytest.mark.parametrize(
    "cell",
    ["30.02.2024", "2024-13-01", "2024-01-05 25:00", "2024-01-05 13:00 pm", "5 Foo 2024", "soon", "2024", "10:00"],
)
def test_a_date_that_is_none_is_set_aside(read, cell):
    result = read(column_of("InvoiceDate", ["2024-01-05", cell, "2024-01-06"]))
    assert aside(result) == [(3, "InvoiceDate is not a date")]
    assert result.set_aside["InvoiceDate"].tolist() == [cell]


def test_dates_in_the_future_and_placeholders_are_set_aside(read):
    result = read(column_of("InvoiceDate", ["2024-12-31 23:59", "2025-01-01", "1900-01-01", "1980-01-01"]))
    assert aside(result) == [
        (3, "InvoiceDate is in the future"),
        (4, "InvoiceDate is before 1980, a placeholder rather than a date"),
    ]


def test_today_is_now_unless_given(tmp_path):
    file = tmp_path / "orders.csv"
    tomorrow = pd.Timestamp.now() + pd.Timedelta(days=1)
    file.write_text(column_of("InvoiceDate", ["2024-01-05", f"{tomorrow:%Y-%m-%d}"]))
    assert datasets.read_file(file, columns=COLUMNS).set_aside["reason"].tolist() == ["InvoiceDate is in the future"]


def test_a_column_without_dates_is_refused(refuse):
    problem = refuse(column_of("InvoiceDate", ["x", "y", "2024-01-05"]))
    assert problem.column == "InvoiceDate"
    assert problem.rows == ((2, "x"), (3, "y"))
    assert "2 of 3 rows cannot be used" in str(problem)


# Amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["1.234,56", "1.234", "12"], [1234.56, 1234, 12]),
        (["1,234.56", "1,234", "12"], [1234.56, 1234, 12]),
        (["1 234,56", "1\u00a0234,56", "1\u202f234"], [1234.56, 1234.56, 1234]),
        (["1'234.56", "1\u2019234", "7.5"], [1234.56, 1234, 7.5]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["1,23,456.50"], [123456.5]),
        (["12,5", "1,234"], [12.5, 1.234]),
        (["0.125", "1.234"], [0.125, 1.234]),
        (["1234.567", "1.234"], [1234.567, 1.234]),
        ([".5", "1.5E+03", "+7", "12."], [0.5, 1500, 7, 12]),
        (["12,-", "3,50"], [12, 3.5]),
        (["€ 1.234,00", "2,50 EUR", "€3"], [1234, 2.5, 3]),
        (["CHF 5", "Fr. 2.50"], [5, 2.5]),
        (["0", "0,00"], [0, 0]),
    ],
)
def test_amounts(read, cells, right):
    assert amounts(read(column_of("Total", cells))) == right


@pytest.mark.parametrize(
    "cell", ["-2,50", "2,50-", "(2,50)", "\u22122,50", "-€2,50", "€ -2,50", "(€2,50)", "EUR -2,50"]
)
def test_returns_are_set_aside_however_they_are_written(read, cell):
    result = read(column_of("Total", ["3,50", cell, "4,50"]))
    assert aside(result) == [(3, "Total is negative: a return or refund")]
    currency = "EUR" if "€" in cell or "EUR" in cell else "currency units"
    assert f"1 return or refund (-2.50 {currency}) set aside: money here is before returns" in result.notes


def test_the_money_of_rows_set_aside_is_noted_where_it_can_be_read(read):
    rows = "".join(f"{i};2024-01-05;1000,00;x\n" for i in range(9))
    bad = "a;soon;5,00;x\nb;soon;oops;x\nc;2024-01-05;-1500,50;x\nd;2024-01-05;-1,00;x\ne;2024-01-05;oops;x\n9;x\n"
    result = read(HEADER.replace("Total", "Total EUR") + rows + bad, columns={**COLUMNS, "amount_eur": "Total EUR"})
    assert set(result.notes) == {
        "2 rows set aside (5.00 EUR): InvoiceDate is not a date",
        "2 returns or refunds (-1,501.50 EUR) set aside: money here is before returns",
        "1 row set aside: Total EUR is not a number",
        "1 row set aside: has 2 cells where the header has 4; export it again with quotation marks, or with another "
        "delimiter: one inside a cell splits it",
    }


def test_a_file_of_negative_sales_is_refused(refuse):
    problem = refuse(column_of("Total", ["-1", "-2", "3"]))
    assert problem.column == "Total" and problem.rows == ((2, "-1"), (3, "-2"))
    assert "turn their sign around" in problem.remedy


@pytest.mark.parametrize(
    "cell", ["free", "12 34", "1,2,3.4.5", "1.23.4", "--5", "5 stars", "€5$", "1e999", "#DIV/0!", "12:30"]
)
def test_an_amount_that_is_none_is_set_aside(read, cell):
    result = read(column_of("Total", ["3.5", cell, "4.5"]))
    assert aside(result) == [(3, "Total is not a number")]


def test_amounts_that_can_be_read_both_ways_are_refused_until_the_reader_says(read, refuse):
    content = column_of("Total", ["1.234", "7", "2.500"])
    problem = refuse(content)
    assert (problem.column, problem.rows) == ("Total", ((2, "1.234"), (4, "2.500")))
    assert problem.columns == tuple({**COLUMNS, "amount_eur": f"Total, decimal {sign}"} for sign in ("comma", "point"))
    assert amounts(read(content, columns={**COLUMNS, "amount_eur": "Total, decimal comma"})) == [1234, 7, 2500]
    assert amounts(read(content, columns={**COLUMNS, "amount_eur": "Total, decimal point"})) == [1.234, 7, 2.5]


def test_amounts_that_contradict_each_other_are_refused_until_the_reader_says(read, refuse):
    content = column_of("Total", ["1.25", "2,50", "3.75"])
    assert {line for line, _ in refuse(content).rows} == {2, 3}
    assert aside(read(content, columns={**COLUMNS, "amount_eur": "Total, decimal point"})) == [
        (3, "Total is not a number")
    ]


@pytest.mark.parametrize(
    ("content", "column"),
    [
        (column_of("Total", ["€1,00", "$2,50", "3"]), "Total"),
        ("CustomerID;InvoiceDate;Total;Currency\n1;2024-01-05;1;EUR\n2;2024-01-05;1;USD\n", "Currency"),
    ],
)
def test_mixed_currencies_are_refused(refuse, content, column):
    problem = refuse(content)
    assert problem.column == column and len(problem.rows) == 2
    assert "EUR" in str(problem) and "USD" in str(problem)


@pytest.mark.parametrize(
    ("content", "currency"),
    [
        (column_of("Total", ["£1.00"]), "GBP"),
        (column_of("Total", ["1.00"]).replace("Total", "Total (SEK)"), "SEK"),
        ("CustomerID;InvoiceDate;Total;Currency\n1;2024-01-05;1;dkk\n", "DKK"),
        (column_of("Total", ["1.00"]), "currency units"),
    ],
)
def test_the_currency_is_what_the_file_says(read, content, currency):
    amount = "Total (SEK)" if "SEK" in content else "Total"
    assert read(content, columns={**COLUMNS, "amount_eur": amount}).currency == currency


# Rows -------------------------------------------------------------------------------------------------------------


def test_repeated_rows_are_set_aside_and_the_first_is_kept(read):
    result = read(HEADER + TWO + "1;2024-01-05;3,50;another note\n" + TWO)
    assert result.used == 3
    assert aside(result) == [(line, "repeats an earlier row in every column") for line in (5, 6)]
    assert any("export their order number" in note for note in result.notes)


@pytest.mark.parametrize(
    "name",
    [
        *("Summe", "GESAMT", "Gesamtsumme:", "Total", "totals", "Grand total", "Grand Total :", "Sum", "Subtotal"),
        *("Zwischensumme", "sub-total"),
    ],
)
def test_a_totals_row_is_set_aside_though_it_has_a_date(read, name):
    result = read(HEADER + TWO + f"{name};2024-12-31;7,75;\n")
    assert aside(result) == [(4, "looks like a totals row")]
    assert (
        "1 row set aside (7.75 currency units): looks like a totals row; leave totals out of the export" in result.notes
    )


@pytest.mark.parametrize("name", ["Totally Coffee", "Summer", "Gesamtschule Nord", "Sum 41", "subtotal-7"])
def test_a_customer_whose_name_begins_like_a_total_is_kept(read, name):
    assert ids(read(HEADER + TWO + f"{name};2024-12-31;7,75;\n"))[-1] == name


def test_a_total_without_an_id_is_set_aside(read):
    result = read("Note;CustomerID;InvoiceDate;Total\na;1;2024-01-05;3,50\nb;1;2024-01-06;3,50\nTotal:;;;7\n")
    assert aside(result) == [(4, "CustomerID is empty; it looks like a total")]


@pytest.mark.parametrize(
    ("rows", "money", "noted"), [(19, "999999,00", True), (19, "180,00", False), (18, "999999,00", False)]
)
def test_a_row_with_more_than_half_of_all_money_is_noted(read, rows, money, noted):
    content = HEADER + "".join(f"{i};2024-01-05;10,00;x\n" for i in range(rows)) + f"99;2024-01-05;{money};x\n"
    result = read(content)
    assert result.used == rows + 1
    assert (f"line {rows + 2} holds 100 % of all money: is it right?" in result.notes) == noted
    assert any("of all money" in note for note in result.notes) == noted


def test_one_customer_and_no_repeats(read):
    assert read(HEADER + "1;2024-01-05;1;x\n").used == 1


def test_a_row_set_aside_is_kept_as_it_was(read):
    result = read(HEADER + TWO + " 3 ;2024-01-05;oops;  kept  \n")
    assert result.set_aside.to_dict("records") == [
        {
            **{"line": 4, "reason": "Total is not a number", "CustomerID": "3 ", "InvoiceDate": "2024-01-05"},
            **{"Total": "oops", "Note": "kept  "},
        }
    ]


def test_every_distinct_cell_is_read_once(read, monkeypatch):
    from crkit import ownvalues

    seen = []
    plain = ownvalues._money
    monkeypatch.setattr(ownvalues, "_money", lambda text: seen.append(text) or plain(text))
    rows = "".join(f"{i};2024-01-05;{i % 10},50;x\n" for i in range(20_000))
    assert read(HEADER + rows).used == 20_000
    assert sorted(seen) == [f"{i},50" for i in range(10)]


# Lines, pieces and orders -----------------------------------------------------------------------------------------

RETAIL = "InvoiceNo;Quantity;InvoiceDate;UnitPrice;CustomerID\n"
RETAIL_LINES = "1;{};2024-01-05;2.50;a\n2;3;2024-02-05;1.25;b\nC2;{};2024-02-06;1.25;b\n"
RETAIL_COLUMNS = {"customer_id": "CustomerID", "ordered_at": "InvoiceDate", "amount_eur": "UnitPrice"}
MADE = """in pandas orders["line_total"] = orders["Quantity"] * orders["UnitPrice"], in a spreadsheet =B2*D2"""


def test_prices_of_a_piece_beside_quantities_are_noted_first(read):
    noted = read(RETAIL + RETAIL_LINES.format(12, -3), columns=RETAIL_COLUMNS).notes[0]
    assert "UnitPrice looks like the price of one piece, and Quantity is not always 1" in noted
    assert "1 row with a negative Quantity (a cancellation) counts as a purchase" in noted
    assert MADE in noted


@pytest.mark.parametrize(
    ("quantity", "price", "noted"),
    [
        *(("qty", "price", True), ("Menge", "Einzelpreis (EUR)", True), ("Anzahl", "Preis", True)),
        *(("Stückzahl", "Stückpreis", True), ("Units sold", "unit_price", True), ("Quantity", "UnitPrice", True)),
        *(("Quantity", "Total price", False), ("Menge", "Gesamtpreis", False), ("Note", "UnitPrice", False)),
        *(("Quantity", "Amount", False), ("Mengeneinheit", "Preis", False)),
    ],
)
def test_only_a_price_beside_a_quantity_looks_like_the_price_of_a_piece(read, quantity, price, noted):
    lines = RETAIL_LINES.format("kg", "kg").replace(";3;", ";kg;") if "einheit" in quantity else RETAIL_LINES
    content = (RETAIL + lines.format(12, 1)).replace("Quantity", quantity).replace("UnitPrice", price)
    notes = read(content, columns={**RETAIL_COLUMNS, "amount_eur": price}).notes
    assert any("price of one piece" in note for note in notes) == noted


def test_where_every_quantity_is_one_a_price_is_a_total(read, refuse):
    content = RETAIL + RETAIL_LINES.format(1, 1).replace(";3;", ";1.0;")
    assert read(content, columns=RETAIL_COLUMNS).notes == ()
    priced = refuse(content.replace("UnitPrice", "Price"), columns={}).columns
    assert priced[0]["amount_eur"] == "Price"


@pytest.mark.parametrize("amount", ["Quantity*UnitPrice", "UnitPrce", "amount_eur"])
def test_a_price_of_a_piece_is_not_suggested_as_the_amount(refuse, amount):
    content = RETAIL + RETAIL_LINES.format(12, -3)
    problem = refuse(content, columns={**RETAIL_COLUMNS, "amount_eur": amount})
    assert MADE in problem.advice
    assert problem.columns == ({**RETAIL_COLUMNS, "amount_eur": "line_total"},)


def test_a_total_beside_prices_and_quantities_is_suggested(refuse):
    content = RETAIL.replace("InvoiceNo", "Umsatz") + RETAIL_LINES.format(12, 3)
    assert refuse(content, columns={}).columns == ({**RETAIL_COLUMNS, "amount_eur": "Umsatz"},)


@pytest.mark.parametrize(
    "name",
    [
        *("Bruttobetrag", "Gesamtbetrag", "Rechnungsbetrag", "Nettobetrag", "Umsatz", "Nettoumsatz", "Bestellwert"),
        *("Rechnungssumme", "Endbetrag", "Warenwert", "Order Amount", "Bruttobetrag (EUR)", "total_usd"),
    ],
)
def test_an_amount_is_suggested_by_its_name(refuse, name):
    problem = refuse(f"Kundennr.;Bestelldatum;{name}\n1;2024-01-05;1\n", columns={})
    assert problem.columns[0]["amount_eur"] == name


ORDER = {**COLUMNS, "order_id": "No"}
ORDER_HEADER = "CustomerID;InvoiceDate;Total;Note;No\n"


def test_with_an_order_number_rows_are_repeats_if_they_are_read_alike(read):
    rows = [
        *("1;05.01.2024;18,41;a;B-1", "1;2024-01-05;18,41 €;a;B-1", " 1;05.01.2024;18,41;a;B-1"),
        *("1;05.01.2024;18,41;a;B-1", "1;05.01.2024;18,41;a;B-2", "1;05.01.2024;18,41 €;b;B-1"),
    ]
    result = read(ORDER_HEADER + "\n".join(rows), columns=ORDER)
    assert [line for line, _ in aside(result)] == [3, 4, 5]
    assert [reason for _, reason in aside(result)] == ["repeats an earlier row in every column"] * 3
    assert not any("order number" in note for note in result.notes)
    assert any("3 rows set aside (55.23 EUR): repeats an earlier row" in note for note in result.notes)


def test_without_an_order_number_rows_that_are_read_alike_are_kept(read):
    rows = "1;05.01.2024;18,41;a;B-1\n1;05.01.2024;18,41 €;a;B-1\n"
    assert read(ORDER_HEADER + rows).used == 2


def test_orders_with_the_amount_zero_are_noted(read):
    rows = "1;2024-01-05;0;a;{}\n1;2024-01-05;3;b;B-1\n2;2024-01-06;0,00;a;{}\n2;2024-01-06;0;c;{}\n"
    lines = read(ORDER_HEADER + rows.format("B-1", "B-2", "B-2"))
    assert "3 rows have the amount 0, and count as purchases" in lines.notes
    orders = read(ORDER_HEADER + rows.format("B-1", "B-2", "B-2"), columns=ORDER)
    assert "1 order has the amount 0, and counts as a purchase" in orders.notes
    assert not any("amount 0" in note for note in read(HEADER + TWO).notes)


# Headers and totals -----------------------------------------------------------------------------------------------


def test_a_longer_row_is_not_taken_for_the_header(refuse):
    problem = refuse("customer,date,total,\nA,03/04/2024,1.234,\nB,05/06/2024,£7,extra,field\n", columns={})
    assert "its columns are 'customer', 'date', 'total' (" in str(problem)
    assert problem.columns == ({"customer_id": "customer", "ordered_at": "date", "amount_eur": "total"},)
    unknown = refuse("a,b,c\n1,2,3\nB,05/06/2024,£7,extra,field\n", columns={})
    assert "its columns are 'a', 'b', 'c' (" in str(unknown)


def test_below_a_cover_the_header_is_found_though_no_name_is_mapped(refuse):
    problem = refuse("Sales report, all shops\n\nKunde;Datum;Umsatz\n1;2024-01-05;1\nx;y;z;a;b\n", columns={})
    assert "the columns on line 3 are 'Kunde', 'Datum', 'Umsatz'" in str(problem)


@pytest.mark.parametrize("row", ["A;03.04.2024;12,50", "A;2024-04-03 10:00;12", "A;Jan 3;12.50 EUR"])
def test_a_file_without_a_header_is_said_to_be_one(refuse, row):
    problem = refuse(f"{row}\n{row}\n")
    assert "line 1 looks like data, not like a header: 'A', " in str(problem)
    assert problem.remedy == "write the names of the columns into a line above it"


def test_every_reason_is_told_where_most_rows_cannot_be_used(refuse):
    rows = ["a;soon;1;x", ";2024-01-05;2;x", "b;later;3;x", "c;2024-01-05", "d;2024-01-05;4;x"]
    problem = refuse(HEADER + "\n".join(rows))
    assert (
        "4 of 5 rows cannot be used; in 2 of them InvoiceDate is not a date (line 2: 'soon'; line 4: 'later'); in 1 "
        "CustomerID is empty (line 3: ''); in 1 the row has 2 cells where the header has 4 (line 5: 'c;2024-01-05'). "
    ) in str(problem)
    assert problem.rows == ((2, "soon"), (4, "later"))


@pytest.mark.parametrize("label", ["", "Summe", "Total:"])
def test_a_total_among_the_rows_set_aside_is_told_apart(read, label):
    rows = "".join(f"x;{i};2024-01-05;10,50\n" for i in range(9)) + "x;;2024-01-05;10,50\n"
    result = read("Note;CustomerID;InvoiceDate;Total\n" + rows + f"{label};;;105,20\n")
    assert aside(result) == [(11, "CustomerID is empty"), (12, "CustomerID is empty; it looks like a total")]
    assert "1 row set aside (10.50 currency units): CustomerID is empty" in result.notes
    assert (
        "line 12 looks like a total row (105.20 currency units) and is set aside; leave totals out of the export"
        in result.notes
    )


def test_the_total_of_the_rows_used_is_a_total_too(read):
    rows = "".join(f"x;{i};2024-01-05;10,50\n" for i in range(9)) + "x;;2024-01-05;50,00\n"
    result = read("Note;CustomerID;InvoiceDate;Total\n" + rows + ";;;94,50\n")
    assert aside(result)[1] == (12, "CustomerID is empty; it looks like a total")


@pytest.mark.parametrize("money", ["90,00", "110,00", "-105,00"])
def test_a_large_amount_is_not_a_total(read, money):
    rows = "".join(f"x;{i};2024-01-05;10,50\n" for i in range(10))
    result = read("Note;CustomerID;InvoiceDate;Total\n" + rows + f";;2024-01-05;{money}\n")
    assert aside(result) == [(12, "CustomerID is empty")]


def test_two_equal_amounts_are_no_total(read):
    assert aside(read(HEADER + "1;2024-01-05;5,00;a\n;2024-01-06;5,00;b\n")) == [(3, "CustomerID is empty")]


def test_a_total_that_has_an_id_is_noted(read):
    rows = "".join(f"{i};2024-01-05;10,10;x\n" for i in range(20))
    result = read(HEADER + rows + "alle;2024-01-31;202,00;x\n")
    assert "line 22 holds 50 % of all money: is it right?" in result.notes


# A points ledger ---------------------------------------------------------------------------------------------------

LEDGER = {"entry_id": "Nr", "customer_id": "Kunde", "booked_at": "Datum", "kind": "Art", "points": "Punkte"}
LEDGER_HEADER = "Nr;Kunde;Datum;Art;Punkte;Gültig bis\n"


@pytest.fixture
def ledger(read):
    def ledger(*rows, columns=LEDGER, header=LEDGER_HEADER):
        return read(header + "".join(f"{row}\n" for row in rows), columns=columns, table="points", name="points.csv")

    return ledger


def booked(result):
    return list(zip(result.frame["kind"], result.frame["points"], strict=True))


def test_kinds_by_other_names_and_points_without_signs(ledger):
    result = ledger(
        "1;a;05.01.2024;Gutschrift;100;05.01.2025",
        "2;a;16.01.2024;POINTS_REDEEMED;40;",
        "3;a;17.01.2024;Verfall;10;",
        "4;a;18.01.2024;Korrektur;5;",
        columns={**LEDGER, "expires_at": "Gültig bis"},
    )
    assert booked(result) == [("earn", 100), ("redeem", -40), ("expire", -10), ("adjust", 5)]
    assert result.frame["expires_at"].notna().tolist() == [True, False, False, False]
    assert result.frame.dtypes.astype(str).to_dict() == {
        "entry_id": "str", "customer_id": "str", "booked_at": "datetime64[s]", "kind": "category", "points": "int64",
        "expires_at": "datetime64[s]",
    }  # fmt: skip
    said = " ".join(result.notes)
    assert "'Gutschrift' is read as earn, 'POINTS_REDEEMED' is read as redeem" in said
    assert "Punkte has no minus sign where points are redeemed or expire" in said
    assert "1 adjust entry without a minus sign is read as points added" in said


def test_a_cancellation_without_a_sign_among_adjustments_is_flagged(ledger):
    result = ledger(
        "1;a;2024-01-05;earn;100;",
        "2;a;2024-01-06;redeem;40;",
        "3;a;2024-01-07;adjust;-10;",
        "4;a;2024-01-08;Storno;30;",
        "5;a;2024-01-09;adjust;5;",
    )
    assert booked(result) == [("earn", 100), ("redeem", -40), ("adjust", -10), ("adjust", 30), ("adjust", 5)]
    assert any(
        note.startswith("2 adjust entries without a minus sign are read as points added") for note in result.notes
    )


def test_signs_that_contradict_the_kind_become_adjustments(ledger):
    result = ledger(
        "1;a;2024-01-05;earn;100;",
        "2;a;2024-01-06;redeem;-40;",
        "3;a;2024-01-07;earn;-30;",
        "4;a;2024-01-08;redeem;40;",
    )
    assert booked(result) == [("earn", 100), ("redeem", -40), ("adjust", -30), ("adjust", 40)]
    assert any(note.startswith("2 entries whose sign contradicts the kind") for note in result.notes)
    assert not any("minus" in note for note in result.notes)


def test_an_entry_number_that_comes_again(ledger):
    result = ledger(
        "1;a;2024-01-05;earn;100;",
        "1;a;2024-01-05;earn;100;x",
        "1;a;2024-01-05;earn;90;",
        "2;a;oops;earn;1;",
        "2;a;2024-01-06;earn;7;",
        "3;a;2024-01-06;earn;8;",
    )
    assert booked(result) == [("earn", 100), ("earn", 7), ("earn", 8)]
    assert aside(result) == [
        (3, "repeats an earlier entry, with its number"),
        (4, "has the number of an earlier entry and says something else"),
        (5, "Datum is not a date"),
    ]


def test_balances_and_totals_among_the_bookings_are_set_aside(ledger):
    result = ledger(
        "1;a;2024-01-05;earn;100;",
        "2;a;2024-01-31;Closing balance;100;",
        "3;a;2024-02-01;Zauber;1;",
        "4;Summe;2024-02-01;earn;100;",
        "5;a;2024-02-01;Opening Balance;20;",
        "6;a;2024-02-02;redeem;-30;",
    )
    assert booked(result) == [("earn", 100), ("adjust", 20), ("redeem", -30)]
    assert aside(result) == [
        (3, "Art names a balance, not a booking"),
        (4, "Art is none of earn, redeem, expire, adjust"),
        (5, "looks like a totals row"),
    ]
    named = ledger(
        "1;a;2024-01-05;earn;100;",
        header=LEDGER_HEADER.replace("Punkte", "Saldo"),
        columns={**LEDGER, "points": "Saldo"},
    )
    assert any(note.startswith("Saldo sounds like a running balance") for note in named.notes)


def test_entries_without_numbers_take_those_of_their_lines(ledger):
    columns = {name: theirs for name, theirs in LEDGER.items() if name != "entry_id"}
    result = ledger(
        "7;a;2024-01-05;earn;100;",
        "7;a;2024-01-05;earn;100;",
        "8;a;oops;earn;1;",
        "8;a;2024-01-06;earn;5;",
        columns=columns,
    )
    assert result.frame["entry_id"].tolist() == [2, 5]
    assert aside(result)[0] == (3, "repeats an earlier row in every column")
    assert any("map entry_id" in note for note in result.notes)
    assert "the entries have no number: each takes that of its line" in result.notes


def test_our_own_names_of_number_and_expiry_need_no_mapping(ledger):
    header = "entry_id,customer_id,booked_at,kind,points,expires_at\n"
    result = ledger("e1,a,2024-01-05,EARN,100,2025-01-05", header=header, columns=None)
    assert result.frame[["entry_id", "expires_at"]].astype(str).to_numpy().tolist() == [["e1", "2025-01-05"]]


def test_the_columns_of_a_ledger_are_suggested(refuse):
    problem = refuse("Buchung;Kunde;Datum;Art;Punkte\n1;a;2024-01-05;earn;1\n", columns=None, table="points")
    assert problem.columns == ({"customer_id": "Kunde", "booked_at": "Datum", "kind": "Art", "points": "Punkte"},)


# Properties -------------------------------------------------------------------------------------------------------

ORDERS = st.lists(
    st.tuples(
        st.text("ABCxyz0123456789-é", min_size=1, max_size=6).filter(lambda s: s.strip("-?") and s != "NA"),
        st.datetimes(datetime(2001, 1, 1), datetime(2024, 12, 31)).map(lambda t: t.replace(microsecond=0)),
        st.integers(0, 10_000_000),
    ),
    min_size=1,
    max_size=30,
)


def money(cents, decimal, thousands):
    whole, part = divmod(cents, 100)
    return f"{whole:,}".replace(",", thousands) + f"{decimal}{part:02}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=ORDERS,
    delimiter=st.sampled_from(",;\t|"),
    marks=st.sampled_from([(".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (".", "'")]),
    pattern=st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d %b %Y %I:%M:%S %p", "%Y%m%d"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_a_well_formed_file_is_read_as_it_was_meant(tmp_path, orders, delimiter, marks, pattern, encoding):
    file = tmp_path / "orders.csv"
    with file.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(["no", *COLUMNS.values()])
        for number, (who, when, cents) in enumerate(orders):
            writer.writerow([number, who, when.strftime(pattern), money(cents, *marks)])
    result = datasets.read_file(file, columns=COLUMNS, today=TODAY)
    truth = pd.DataFrame(
        {
            "customer_id": pd.Series([who for who, _, _ in orders], dtype="str"),
            "ordered_at": pd.Series(
                [datetime.strptime(when.strftime(pattern), pattern) for _, when, _ in orders], dtype="datetime64[s]"
            ),
            "amount_eur": np.array([cents / 100 for _, _, cents in orders]),
        }
    )
    pd.testing.assert_frame_equal(result.frame, truth)
    assert result.set_aside.empty and result.read == len(orders)


CELLS = st.one_of(
    st.sampled_from(
        ["", "1", "007", "12.0", "2024-01-05", "05/01/2024", "13/01/2024", "01/13/2024", "45296", "2999-01-01"]
    ),
    st.sampled_from(
        ["1,234", "1.234", "-5", "(5)", "€5", "$5", "5,5", "5.5", "Total", "nan", '"', "x;y", "a\nb", "1e400"]
    ),
    st.text(max_size=8),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=12), raw=st.booleans(), good=st.integers(0, 12))
def test_whatever_the_file_contains_the_counts_add_up_or_it_is_refused(tmp_path, rows, raw, good):
    file = tmp_path / "orders.csv"
    with file.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        stream.write(HEADER)
        for i in range(good):
            stream.write(f"g{i};2024-01-{i + 1:02};{i},25;x\n")
        for row in rows:
            if raw:
                stream.write(";".join(row) + "\n")
            else:
                csv.writer(stream, delimiter=";").writerow(row)
    try:
        result = datasets.read_file(file, columns=COLUMNS, today=TODAY)
    except FileProblem as problem:
        assert str(problem).startswith("orders.csv") and "Remedy: " in str(problem)
        return
    assert result.read == result.used + len(result.set_aside)
    assert len(result.set_aside) <= result.read / 2
    assert result.frame.notna().all(axis=None)
    assert (result.frame["amount_eur"] >= 0).all()
    assert (result.frame["ordered_at"] < "2025-01-01").all()
    assert result.set_aside["line"].is_unique and (result.set_aside["reason"] != "").all()
    if not raw:
        blank = sum(not any(cell.strip() for cell in row) for row in rows)
        assert result.read >= good + len(rows) - blank
