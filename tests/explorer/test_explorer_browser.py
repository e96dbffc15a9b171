"""The explorer in a real browser, opened from disk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from explorer_pages import page_of
from fakes import fake_run
from test_explorer_page import NASTY

from unbench.store.results import Store

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait


class Page:
    """One page in the browser."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser = browser
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # of the pages before
        browser.get(path.as_uri())
        self.until(lambda: browser.execute_script("return document.documentElement.dataset.ready"))

    def until(self, condition: Any) -> None:
        WebDriverWait(self.browser, 30).until(lambda _: condition())

    def all(self, selector: str) -> list[Any]:
        return list(self.browser.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def choose(self, selector: str, text: str) -> None:
        Select(self.one(selector)).select_by_visible_text(text)

    def chosen(self, selector: str) -> str:
        return str(Select(self.one(selector)).first_selected_option.text)

    def labels(self) -> list[str]:
        """Of the rows below the pinned ones, in order."""
        return [row.get_attribute("data-label") for row in self.all("#board tbody:last-child tr")]

    def column(self, title: str) -> list[str]:
        heads = [head.text.rstrip(" ▲▼") for head in self.all("#board thead th")]
        place = heads.index(title)
        return [
            row.find_elements(By.CSS_SELECTOR, "th, td")[place].text for row in self.all("#board tbody:last-child tr")
        ]

    def tab_to(self, selector: str, most: int = 200) -> None:
        """Presses Tab until an element that fits has the focus."""
        for _ in range(most):
            if self.browser.execute_script("return document.activeElement.matches(arguments[0])", selector):
                return
            self.press(Keys.TAB)
        raise AssertionError(f"Tab does not reach {selector}")

    def press(self, *keys: str) -> None:
        self.browser.switch_to.active_element.send_keys(*keys)

    def requests(self) -> list[str]:
        """Addresses that were asked for, the page and what is inside it aside."""
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        assert any(url.startswith("file:") for url in urls), "the log must have seen the page itself"
        return [url for url in urls if not url.startswith(("file:", "data:"))]

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture(scope="module")
def reference_path(reference_page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(reference_page, "utf-8")
    return path


@pytest.fixture
def reference(browser: Any, reference_path: Path) -> Page:
    opened = Page(browser, reference_path)
    opened.choose("#select-dataset", "digits")
    opened.choose("#select-scenario", "random10")
    opened.until(lambda: len(opened.all("#plot path[tabindex]")) > 10)
    return opened


def opened(browser: Any, store: Store) -> Page:
    path = store.folder.parent / "explorer.html"
    path.write_text(page_of(store.folder), "utf-8")
    return Page(browser, path)


def test_it_draws_without_a_request_or_a_complaint(reference: Page) -> None:
    assert reference.all("#plot svg") and len(reference.all(".panels svg")) == 6
    assert len(reference.all(".images img")) == 12
    reference.until(lambda: all(i.get_property("naturalWidth") for i in reference.all(".images img")[:4]))
    assert reference.requests() == []
    assert reference.complaints() == []
    assert reference.browser.execute_script("return performance.getEntriesByName('interactive').length") == 1


def test_the_policy_stops_what_a_string_might_smuggle_in(reference: Page) -> None:
    script = """
        const done = arguments[0];
        const run = document.createElement('script');
        run.textContent = 'window.smuggled = 1';
        document.body.append(run);
        fetch('http://127.0.0.1:9/').then(() => done('fetched'), () => done(window.smuggled ?? 'stopped'));
    """
    assert reference.browser.execute_async_script(script) == "stopped"
    assert any("Content Security Policy" in complaint for complaint in reference.complaints())


def test_a_heading_sorts_by_pointer_and_by_key(reference: Page) -> None:
    def numbers() -> list[float]:
        return [float(text.split(" ")[0]) for text in reference.column("TA")]

    reference.one("[data-focus='sort test_acc']").click()
    assert numbers() == sorted(numbers()) and len(set(numbers())) > 5
    assert reference.one("#board th[aria-sort='ascending']").text.startswith("TA")
    # The focus stays where it was, though the table is drawn anew.
    reference.press(Keys.ENTER)
    assert numbers() == sorted(numbers(), reverse=True)
    assert [head.text for head in reference.all("#board th[aria-sort='descending']")] == ["TA"]
    assert reference.one("#board tbody.pinned tr").get_attribute("data-label") == "retrain"


def test_the_filter_and_the_families_choose_rows(reference: Page) -> None:
    everything = set(reference.labels())
    reference.one("#filter").send_keys("BOUND")
    assert set(reference.labels()) == {"boundary_shrink", "boundary_expand"}
    reference.one("#filter").send_keys(Keys.BACKSPACE * 5)
    reference.one("#methods summary").click()
    reference.one("#methods button[aria-label='none: post-hoc']").click()
    assert set(reference.labels()) == {"knn", "ridge", "munkey", "sisa", "rac", "none"}
    reference.until(lambda: len(reference.all("#plot path[tabindex]")) == 7)
    reference.one("#methods button[aria-label='all: post-hoc']").click()
    assert set(reference.labels()) == everything


def test_metrics_of_shadow_models_have_intervals_and_say_why_they_are_not_paired(reference: Page) -> None:
    reference.one("#metrics summary").click()
    reference.one("#metrics input[data-name='ulira_auroc']").click()
    reference.one("#intervals").click()
    cells = dict(zip(reference.labels(), reference.column("ulira_auroc"), strict=True))
    assert re.fullmatch(r"\d\d\.\d\d\s*\[\d\d\.\d\d, \d\d\.\d\d\]", cells["ga"])
    assert cells["scrub"].startswith("–")
    why = reference.one("#board tr[data-label='scrub'] .missing[title*='unbench shadow']")
    assert "no evaluated shadow models" in why.get_attribute("title")
    difference = reference.one("#metrics-compared tr[data-metric='ulira_auroc'] td:nth-child(4) .missing")
    assert "no seeds to compare on" in difference.get_attribute("title")


def test_metrics_can_be_chosen_and_missing_ones_say_why_on_focus(reference: Page) -> None:
    reference.one("#metrics summary").click()
    reference.one("#metrics input[data-name='memory_entries']").click()
    assert sum(text != "–" for text in reference.column("memory_entries")) == 1
    dash = reference.one("tr[data-label='ft'] td .missing")
    reference.browser.execute_script("arguments[0].focus()", dash)
    tip = reference.one(".tip")
    assert tip.is_displayed() and tip.text == dash.get_attribute("title") == "does not apply to this method"


def test_two_methods_are_compared_by_keyboard_alone(reference: Page) -> None:
    reference.browser.execute_script("document.activeElement.blur()")
    reference.tab_to("[data-focus='row ft']")
    reference.press(Keys.ENTER)
    reference.tab_to("[data-focus='row ga']")
    reference.press(Keys.ENTER)
    assert (reference.chosen("#side-A"), reference.chosen("#side-B")) == ("ga", "ft")
    assert reference.one("#status").get_attribute("textContent") == "Comparing ga with ft"
    row = reference.one("#metrics-compared tr[data-metric='test_acc']").text
    assert "within noise" in row or "beyond noise" in row
    # Enter on a point of the plot does the same.
    reference.until(lambda: reference.all("#plot path[data-label='scrub']"))
    reference.tab_to("#plot path[data-label='scrub']")
    reference.press(Keys.ENTER)
    assert (reference.chosen("#side-A"), reference.chosen("#side-B")) == ("scrub", "ga")
    assert "no per-example outputs" in reference.one("#compared [data-side='A']").text
    assert reference.complaints() == []


def test_a_difference_changes_its_sign_when_the_sides_are_swapped(reference: Page) -> None:
    def difference() -> tuple[float, list[float]]:
        text = reference.all("#metrics-compared tr[data-metric='avg_gap'] td")[2].text
        mean, ends = text.split("\n")
        return float(mean), [float(end) for end in ends.strip("[]").split(", ")]

    mean, ends = difference()
    reference.one("#swap").click()
    assert difference() == (-mean, [-ends[1], -ends[0]]) and mean != 0
    assert ends[0] < mean < ends[1]


def test_a_click_on_a_point_selects_it_and_zooming_changes_the_axes(reference: Page) -> None:
    def ticks() -> list[str]:
        return [label.get_attribute("textContent") for label in reference.all("#plot .role-axis-label text")]

    reference.browser.execute_script("document.getElementById('plot').scrollIntoView()")
    reference.one("#plot path[data-label='rac']").click()
    reference.until(lambda: reference.chosen("#side-A") == "rac")
    before = ticks()
    reference.one("#zoom-in").click()
    reference.until(lambda: ticks() and ticks() != before)
    reference.one("#zoom-reset").click()
    reference.until(lambda: ticks() == before)


def test_images_can_be_narrowed_to_those_that_the_methods_see_differently(reference: Page) -> None:
    reference.choose("#side-A", "ft")
    reference.choose("#side-B", "retrain")
    said = reference.one("label:has(#differ)").text
    reference.one("#differ").click()
    cards = reference.all(".images li")
    assert 0 < len(cards) <= 12 and f"only the {len(cards)} on" in said
    for card in cards:
        a, b = (cell.text for cell in card.find_elements(By.CSS_SELECTOR, "tbody tr:nth-child(2) td"))
        assert a.split()[:2] != b.split()[:2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_colour_schemes(browser: Any, reference_path: Path, scheme: str) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    page = Page(browser, reference_path)
    found = browser.execute_script(
        "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor, colour('soft'), colour('link')]"
    )
    ink, paper, soft, link = (_luminance(text) for text in found)
    assert (paper > ink) == (scheme == "light")
    for text in (ink, soft, link):
        assert (max(text, paper) + 0.05) / (min(text, paper) + 0.05) > 4.5  # WCAG 2.2, level AA
    assert page.complaints() == []


def _luminance(text: str) -> float:
    if text.startswith("#"):
        parts = [int(text[place : place + 2], 16) for place in (1, 3, 5)]
    else:
        parts = [int(part) for part in text[text.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in parts)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_narrow_window_needs_no_scrolling_sideways(browser: Any, reference_path: Path) -> None:
    size = {"width": 480, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        Page(browser, reference_path)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 480
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_markup_in_names_is_shown_as_it_is(browser: Any, store: Store) -> None:
    fake_run(store, NASTY, 0)
    fake_run(store, "<b>bold</b>", 0)
    page = opened(browser, store)
    assert set(page.labels()) == {NASTY, "<b>bold</b>"}
    assert "<b>bold</b>" in page.one("#board tbody:last-child").text
    assert not page.all("#board b, #compared img[src='x'], #compared b")
    assert page.complaints() == []


def test_one_seed_has_no_interval_and_says_why(browser: Any, store: Store) -> None:
    for method in ("ft", "none"):
        fake_run(store, method, 0)
    page = opened(browser, store)
    page.one("#intervals").click()
    note = page.one("tr[data-label='ft'] td .interval .missing")
    assert note.get_attribute("title") == "no interval: it needs at least two seeds"


def test_failed_runs_and_runs_without_outputs_say_so(browser: Any, store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False)
    fake_run(store, "ga", 0, status="failed", error="out of memory")
    page = opened(browser, store)
    assert "out of memory" in page.one("tr[data-label='ga'] td .missing").get_attribute("title")
    page.choose("#side-A", "ft")
    page.choose("#side-B", "ga")
    text = page.one("#compared").text
    assert "no per-example outputs are stored for its runs" in text
    assert "no run ended well: seed 0: failed: out of memory" in text
    assert page.complaints() == []


def test_presets_are_chosen_between_and_never_together(browser: Any, store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, test_acc=10.0)
    fake_run(store, "ft", 1, outputs=False, test_acc=20.0, preset="paper")
    page = opened(browser, store)
    assert page.column("TA") == ["10.00"]
    page.choose("#select-preset", "paper")
    assert page.column("TA") == ["20.00"]


def test_empty_results_say_that_there_are_none(browser: Any, store: Store) -> None:
    page = opened(browser, store)
    assert page.one("main").text == "No runs are stored in these results."
    assert page.complaints() == []
