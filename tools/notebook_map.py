"""Write the README's table of notebooks from what the notebooks say about themselves; with --check, only compare."""

import sys
from pathlib import Path

from crkit import workbook

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN = "<!-- notebooks: this table is made by `make refresh` -->\n"
END = "<!-- end of notebooks -->"


def table() -> str:
    """The table: one row a notebook."""
    rows = ["| notebook | question | minutes | you will be able to |", "|---|---|---|---|"]
    for path in workbook.stored():
        lesson = workbook.describe(path)
        able = " · ".join(objective.rstrip(".,;") for objective in lesson.objectives)
        cells = [f"[{path.stem}](notebooks/{path.name})", lesson.question, str(lesson.minutes or ""), able]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def main(arguments: list[str]) -> int:
    """Write the table; with ``--check``, write nothing and return 1 if the README has another one."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + table() + END + after
    if text == wanted:
        return 0
    if "--check" in arguments:
        sys.stderr.write(f"README.md does not say what the notebooks say: run make refresh. It should hold:\n{table()}")
        return 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
