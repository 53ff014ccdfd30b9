"""The pages in a real browser: live news, keyboard, graph, charts, colours; no page breaks its own content policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .chromium import IN_A_BROWSER
from .coalition import HIGH, INDICATOR, MALWARE, REPORT, World, stix

pytestmark = IN_A_BROWSER

Open = Callable[..., Any]


def test_a_record_that_arrives_slides_in_and_its_hidden_sibling_does_not(signed_in: Open, world: World) -> None:
    reader, analyst = signed_in("rolf"), signed_in("anna")
    world.publish(stix("malware", 201, name="Hidden arrival", is_family=False), label=HIGH)
    world.publish(stix("malware", 202, name="Plain arrival", is_family=False))
    reader.wait_for_selector("#news >> text=Plain arrival")
    analyst.wait_for_selector("#news >> text=Hidden arrival")
    assert "Hidden arrival" not in reader.content()
    chip = reader.locator("#news .chip").first
    assert chip.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(29, 79, 145)"


def test_news_waits_behind_a_button_while_somebody_reads(signed_in: Open, world: World) -> None:
    page = signed_in("anna", width=390)
    page.evaluate("window.scrollTo(0, 500)")
    before = page.evaluate("window.scrollY")
    assert before > 100
    world.publish(stix("malware", 203, name="Patient arrival", is_family=False))
    page.wait_for_selector("[data-live-button]", state="visible")
    assert page.evaluate("window.scrollY") == before
    assert "Patient arrival" not in page.inner_text("#news")
    page.click("[data-live-button]")
    page.wait_for_selector("#news >> text=Patient arrival")


def test_a_search_is_told_of_new_hits_only(signed_in: Open, world: World) -> None:
    page = signed_in("anna")
    page.goto("/search?q=dredger")
    world.publish(stix("malware", 204, name="Quiet worm", is_family=False))
    world.publish(stix("malware", 205, name="Dredger worm", is_family=False))
    page.wait_for_selector("[data-live-button]", state="visible")
    assert page.inner_text("[data-live-count]") == "1"
    page.click("[data-live-button]")
    page.wait_for_selector("text=Dredger worm")


def test_the_keyboard_reaches_everything(signed_in: Open) -> None:
    page = signed_in()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "top-q"
    page.keyboard.type("waterworks")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=waterworks")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("[data-row]").nth(1).get_attribute("aria-selected") == "true"
    page.keyboard.press("k")
    assert page.locator("[data-row]").nth(0).get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    page.wait_for_url("**/records/**")
    page.keyboard.press("?")
    assert page.locator("#shortcuts").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/")


def test_the_graph_expands_by_keyboard_and_names_every_marking(signed_in: Open) -> None:
    page = signed_in()
    page.goto(f"/graph?id={MALWARE['id']}")
    page.wait_for_selector(f"g.node[aria-label='Indicator: {INDICATOR['name']}']")
    before = page.locator("g.node").count()
    assert "ALLIANCE SECRET" in page.inner_text("[data-graph-banner] >> nth=0")
    page.locator(f"g.node[aria-label='Report: {REPORT['name']}']").dispatch_event("focus")
    page.click("[data-side-expand]")
    page.wait_for_selector("g.node.open >> nth=1")
    assert page.locator("g.node").count() >= before


def test_charts_are_drawn_and_their_tables_stay(signed_in: Open) -> None:
    page = signed_in()
    page.wait_for_selector(".chart-canvas canvas")
    assert page.locator("[data-chart] table").count() >= 1
    page.goto("/timeline?q=waterworks")
    page.wait_for_selector(".chart-canvas canvas")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_pages_fit_their_width_and_their_text_can_be_read(signed_in: Open, width: int, dark: bool) -> None:
    page = signed_in(width=width, dark=dark)
    for path in (
        "/",
        "/search?q=waterworks",
        f"/records/{REPORT['id']}",
        f"/records/{REPORT['id']}/history",
        "/timeline",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(LOW_CONTRAST) == [], path


# Every visible text against the nearest opaque background: WCAG 2.2, 1.4.3 (AA, 4.5:1).
LOW_CONTRAST = """() => {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (css) => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = css; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const out = [];
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim()) || !node.offsetParent) continue;
    if (node.closest('svg, .vh, .skip, dialog, [disabled]')) continue;
    let under = node, back = [0, 0, 0, 0];
    for (; under && back[3] < 250; under = under.parentElement) back = rgba(getComputedStyle(under).backgroundColor);
    if (back[3] < 250) back = [255, 255, 255, 255];
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(back)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) out.push(`${node.className || node.tagName}: ${node.textContent.trim().slice(0, 20)} ${ratio}`);
  }
  return out;
}"""
