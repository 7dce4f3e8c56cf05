"""Look at the slides of the lessons in Chromium: does each fit, is every text large enough, is the network left alone?

    python tools/check_slides.py [--pictures FOLDER] [TOPIC ...]

Exit status 1 if anything is wrong.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from crkit import slides, workbook

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
]
MEASURE = """() => {
    const slide = Reveal.getCurrentSlide(), frame = slide.getBoundingClientRect(), scale = Reveal.getScale();
    const found = {wide: 0, high: 0, small: Infinity, what: "", text: slide.innerText.trim().slice(0, 60), shown: 0};
    for (const node of slide.querySelectorAll("*")) {
        if (node.closest("aside")) continue;
        const box = node.getBoundingClientRect();
        if (!box.width || !box.height) continue;
        const needed = (box.left - frame.left) / scale + node.scrollWidth;
        found.wide = Math.max(found.wide, (box.right - frame.left) / scale, needed);
        found.high = Math.max(found.high, (box.bottom - frame.top) / scale);
        const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
        if (own || node.tagName === "IMG") found.shown += 1;
        const size = parseFloat(getComputedStyle(node).fontSize);
        if (own && size < found.small) { found.small = size; found.what = node.textContent.trim().slice(0, 40); }
    }
    return found;
}"""
UNFOLD = "() => Reveal.getCurrentSlide().querySelectorAll('details').forEach(fold => { fold.open = true; })"


def problems(browser: Browser, file: Path, pictures: Path | None = None) -> Iterator[str]:
    """What is wrong with the slides in a file, one line each; every folded answer is unfolded first."""
    context = browser.new_context(viewport={"width": slides.WIDTH, "height": slides.HEIGHT}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else asked.append(request.url)
    )
    page.on("pageerror", lambda error: asked.append(f"the script fails: {error}"))
    page.goto(file.as_uri())
    page.wait_for_function("() => window.Reveal && Reveal.isReady()")
    page.evaluate("() => Reveal.configure({fragments: false})")
    number = page.evaluate("() => Reveal.getTotalSlides()")
    for place in range(1, number + 1):
        page.evaluate(UNFOLD)
        found = page.evaluate(MEASURE)
        name = f"{file.stem}, slide {place} of {number} ({found['text']!r})"
        if not found["shown"]:
            yield f"{name}: it is empty"
        if found["wide"] > slides.WIDTH + 1 or found["high"] > slides.HEIGHT + 1:
            yield f"{name}: it needs {found['wide']:.0f} x {found['high']:.0f} pixels"
        if found["shown"] and found["small"] < slides.SMALLEST_PX:
            yield f"{name}: {found['what']!r} is written at {found['small']:.0f} px"
        if pictures:
            page.screenshot(path=pictures / f"{file.stem}-{place:02}.png")
        page.evaluate("() => Reveal.next()")
    yield from (f"{file.stem}: {request}" for request in asked)
    context.close()


def main() -> int:
    """Check the lessons that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for topic in options.topics or [workbook.topic_of(path) for path in workbook.stored()]:
            for problem in problems(browser, slides.write(topic, folder), options.pictures):
                print(problem)
                wrong += 1
        browser.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
