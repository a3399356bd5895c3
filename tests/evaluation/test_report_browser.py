"""The report in a browser: what its script does, and what its pages look like to a reader and to a screen reader."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from report_example import case_names, write_example

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
EVIL = 'benign_"><img src=x onerror=alert(1)>'
CASES = [EVIL, *case_names(8)]  # the third run misses benign_00 and sees lesions in both normal images
CONTRAST = """() => {
  const luminance = ([r, g, b]) => [r, g, b].map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [r, g, b, alpha = 1] = numbers(getComputedStyle(one).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const ratios = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility()) continue;
    const [one, other] = [numbers(getComputedStyle(element).color), ground(element)].map(luminance);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    ratios.push([ratio, `${element.tagName}.${element.className}: ${node.textContent.trim()}`]);
  }
  return ratios;
}"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"needs a browser, none of {', '.join(NAMES)} is installed")
    arguments = [*QUIET, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example(tmp_path_factory.mktemp("report"), CASES)


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """Open the report; it must not complain, nor ask for anything."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: trouble.append(request.url) if asks(request.url) else None)
    page.goto(report.as_uri())
    yield page
    page.close()
    assert trouble == []


def asks(url: str) -> bool:
    return not url.startswith("data:") and not url.endswith("/report.html")


def names(page: Page) -> list[str]:
    """Name the cards that are shown, in their order."""
    return page.locator(".card:visible h3").all_inner_texts()


def order_of(table: Locator, column: int) -> list[str]:
    return table.locator(f"tbody tr > :nth-child({column})").all_inner_texts()


def number(text: str) -> float:
    return float(re.match(r"[+−]?[\d.]+", text)[0].replace("−", "-"))  # type: ignore[index]  # noqa: RUF001


# Tables


def test_numbers_are_sorted_as_numbers(page: Page) -> None:
    table = page.get_by_role("table", name="Cases with lesion: mean ± SD over cases")
    heading = table.get_by_role("columnheader", name="HD95 (px)")
    expect(heading).to_have_attribute("aria-sort", "none")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    falling = [number(text) for text in order_of(table, 8)]
    assert falling == sorted(falling, reverse=True)
    assert len(set(falling)) == 3
    heading.get_by_role("button").press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert [number(text) for text in order_of(table, 8)] == falling[::-1]
    table.get_by_role("columnheader", name="run").get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "none")
    assert order_of(table, 1) == ["nnUNetTrainer", "nnUNetTrainerTaichi", "nnUNetTrainerUNet"]


def test_blanks_and_large_numbers_are_sorted_last_and_first(page: Page) -> None:
    table = page.get_by_role("table", name="Cases with lesion: mean ± SD over cases")
    page.evaluate(
        """() => {
          const cells = [...document.querySelectorAll("table")[0].tBodies[0].rows].map((row) => row.cells[7]);
          [["9.50", 9.5], ["", null], ["10.2", 10.2]].forEach(([text, value], index) => {
            cells[index].textContent = text;
            if (value === null) delete cells[index].dataset.value; else cells[index].dataset.value = value;
          });
        }"""
    )
    button = table.get_by_role("columnheader", name="HD95 (px)").get_by_role("button")
    button.click()
    assert order_of(table, 8) == ["10.2", "9.50", ""]
    button.click()
    assert order_of(table, 8) == ["9.50", "10.2", ""]


# Gallery


def test_the_largest_win_comes_first_and_the_run_can_be_chosen(page: Page) -> None:
    def gains() -> list[float]:
        return [number(re.sub("^[▲▼=] ", "", text)) for text in page.locator(".card:visible .gain").all_inner_texts()]

    assert gains() == sorted(gains(), reverse=True)
    assert gains()[0] > 0
    page.get_by_label("Compare nnUNetTrainer with").select_option("nnUNetTrainerUNet")
    page.get_by_label("Order").select_option("largest loss first")
    assert gains() == sorted(gains())
    assert gains()[:2] == [-1, -1]
    expect(page.locator(".card:visible").first.get_by_role("img").nth(1)).to_have_accessible_name(
        re.compile(r"normal_0[37], nnUNetTrainerUNet: false alarm \(100 px\)")
    )
    page.get_by_label("Order").select_option("case name")
    assert names(page) == [EVIL, *sorted(case_names(8))]


def test_filters_tell_how_many_are_shown(page: Page) -> None:
    status = page.locator("#shown")
    expect(status).to_have_role("status")
    expect(status).to_have_text("9 of 9 cases")
    page.get_by_label("Compare nnUNetTrainer with").select_option("nnUNetTrainerUNet")
    show = page.get_by_role("combobox", name="Show", exact=True)
    for choice, expected in {
        "missed lesions": ["benign_00"],
        "false alarms": ["normal_03", "normal_07"],
        "losses": ["benign_00", "normal_03", "normal_07"],
    }.items():
        show.select_option(choice)
        assert sorted(names(page)) == expected
        expect(status).to_have_text(f"{len(expected)} of 9 cases")
    show.select_option("all cases")
    page.get_by_label("Class").select_option("normal")
    assert sorted(names(page)) == ["normal_03", "normal_07"]
    page.get_by_label("Class").select_option("all")
    page.get_by_role("searchbox", name="Case name").fill("BENIGN_0")
    assert len(names(page)) == 6
    page.get_by_label("Dice up to").fill("0.5")
    assert names(page) == ["benign_00"]
    page.get_by_label("Dice from").fill("0.4")
    expect(status).to_have_text("0 of 9 cases")
    expect(page.get_by_text("No case is like this")).to_be_visible()


def test_enter_enlarges_arrows_go_on_and_escape_returns(page: Page) -> None:
    page.get_by_role("searchbox", name="Case name").fill("benign")
    shown = names(page)
    opener = page.get_by_role("button", name=shown[0], exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=shown[0])
    expect(dialog).to_be_visible()
    assert dialog.get_by_role("img").count() == 3
    expect(page.locator("#enlarged-place")).to_have_text(f"1 of {len(shown)}")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name=shown[1])).to_be_visible()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name=shown[-1])).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_click_on_a_picture_enlarges_it(page: Page) -> None:
    picture = page.locator(".card .panel svg").nth(2)
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".card:visible button").nth(2)).to_be_focused()  # the first was of the second card


def test_contours_are_drawn_over_the_picture(page: Page) -> None:
    panel = page.locator(".card", has_text="benign_01").locator(".panel").first
    boxes = panel.locator("use").evaluate_all("uses => uses.map((use) => use.getBBox().width)")
    assert len(boxes) == 5
    assert all(width > 5 for width in boxes)
    dashes = [
        panel.locator(f".{kind}").evaluate("use => getComputedStyle(use).strokeDasharray")
        for kind in ("truth", "prediction")
    ]
    assert dashes[0] == "none" != dashes[1]


# For everyone


def test_a_name_that_is_html_stays_text(page: Page) -> None:
    assert page.locator("img[src=x]").count() == 0
    assert EVIL in names(page)
    page.get_by_role("button", name=EVIL, exact=True).click()
    expect(page.get_by_role("dialog", name=EVIL)).to_be_visible()


def test_everything_has_a_name(page: Page) -> None:
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "combobox", "searchbox", "spinbutton", "image", "link", "table", "navigation", "form", "region"}
    seen = set()
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in named and not node["ignored"]:
            seen.add(role)
            assert node["name"]["value"].strip(), node
    assert seen == named
    pictures = page.get_by_role("img").evaluate_all("all => all.map((one) => one.ariaLabel ?? one.alt)")
    assert f"{EVIL}, nnUNetTrainer: Dice" in " | ".join(pictures)


def test_the_skip_link_is_first_and_leads_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.locator(".card button").first.click()
    ratios = page.evaluate(CONTRAST)
    assert len(ratios) > 200
    assert min(ratios)[0] >= 4.5, min(ratios)


@pytest.mark.parametrize("enlarged", [False, True])
def test_a_phone_scrolls_down_alone(page: Page, enlarged: bool) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    if enlarged:
        page.locator(".card button").first.click()
        assert page.evaluate(
            "(() => { const box = document.querySelector('dialog'); return box.scrollWidth <= box.clientWidth; })()"
        )
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("[...document.querySelectorAll('.scroll')].some((box) => box.scrollWidth > box.clientWidth)")


def test_paper_has_no_controls(page: Page) -> None:
    page.emulate_media(media="print")
    for hidden in (".controls", "nav", ".skip", "dialog"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator(".card").count() == page.locator(".card:visible").count() == len(CASES)
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every((box) => getComputedStyle(box).overflow === 'visible')"
    )
