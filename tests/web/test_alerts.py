"""Alerts of saved searches on every open page: counted through the reader's View, released to nobody, gone with the
session, and costing nothing while nobody looks."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from foedus.faces.web.pages import live

from .chromium import IN_A_BROWSER
from .coalition import HIGH, MALWARE, World, csrf, start, stix


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node of these tests' own: they store much that the other tests would stumble over."""
    made, server, thread = start(tmp_path_factory.mktemp("alerts"))
    made.publish(MALWARE)
    yield made
    server.should_exit = True
    server.force_exit = True
    thread.join(10)
    made.node.close()


class Events:
    """What one open stream has said so far, read in a thread."""

    def __init__(self, client: httpx.Client, path: str) -> None:
        self.said: list[tuple[str, str]] = []
        self.beats = 0
        self._stream = client.stream("GET", path, headers={"accept": "text/event-stream"})
        self._response = self._stream.__enter__()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        name, data = "", []
        try:
            for line in self._response.iter_lines():
                self.beats += line.startswith(":")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    data.append(line[6:])
                elif not line and name:
                    self.said.append((name, "\n".join(data)))
                    name, data = "", []
        except httpx.HTTPError:
            return

    def totals(self) -> list[int]:
        return [int(re.findall(r'data-alerts-total="(\d+)"', data)[0]) for name, data in self.said if name == "alerts"]

    def close(self) -> None:
        self._response.close()


def until(holds: Callable[[], Any], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@pytest.fixture
def opened() -> Iterator[Callable[[httpx.Client, str], Events]]:
    streams: list[Events] = []

    def open_stream(client: httpx.Client, path: str = "/live/alerts") -> Events:
        streams.append(Events(client, path))
        return streams[-1]

    yield open_stream
    for one in streams:
        one.close()


@contextmanager
def saved(client: httpx.Client, name: str, query: str, *, notify: bool = True) -> Iterator[None]:
    token = csrf(client.get("/account"))
    form = {"_csrf": token, "name": name, "query": query, **({"notify": "1"} if notify else {})}
    assert client.post("/search/save", data=form).status_code == 303
    yield
    assert client.post("/searches", data={"_csrf": token, "name": name, "do": "forget"}).status_code == 303


def test_the_bell_counts_what_the_reader_may_see_and_what_notifies(world: World, opened: Callable[..., Events]) -> None:
    client = world.client("rolf")
    with saved(client, "Quokkas", "q=quokka"), saved(client, "Silent", "q=quokka", notify=False):
        events = opened(client)
        until(lambda: events.totals() == [0])
        world.publish(stix("malware", 301, name="Hidden quokka", is_family=False), label=HIGH)
        world.publish(stix("malware", 302, name="Plain quokka", is_family=False))
        until(lambda: events.totals()[-1] == 1)
        time.sleep(0.5)
        assert events.totals() == [0, 1]
        name, words = events.said[-1]
        assert name == "alerts" and "Quokkas" in words and "Silent" not in words and "quokka" not in words


def test_counting_alerts_releases_nothing(world: World, opened: Callable[..., Events]) -> None:
    client = world.client("rolf")
    with saved(client, "Wombats", "q=wombat"):
        events = opened(client)
        until(lambda: events.totals() == [0])
        before = world.node.released.journal.size
        world.publish(stix("malware", 303, name="Plain wombat", is_family=False))
        until(lambda: events.totals()[-1] == 1)
        notes = world.node.releases(world.node.access.local("iris"), limit=20)
        assert world.node.released.journal.size - before <= len(notes)
        new = notes[: world.node.released.journal.size - before]
        assert [n for n in new if n["subject"] == "rolf"] == []


def test_a_saved_search_of_a_month_counts_that_month_only(world: World, opened: Callable[..., Events]) -> None:
    client = world.client("rolf")
    with saved(client, "March", "q=bandicoot&month=2026-03"):
        events = opened(client)
        until(lambda: events.totals() == [0])
        for number, month in ((304, "02"), (305, "03")):
            at = f"2026-{month}-15T08:00:00.000Z"
            world.publish(
                stix("malware", number, name="Plain bandicoot", is_family=False) | {"created": at, "modified": at}
            )
        until(lambda: events.totals()[-1] == 1)
        assert "2" not in events.totals()


def test_a_stream_ends_with_its_session_and_says_so(world: World, opened: Callable[..., Events]) -> None:
    client = world.client("ned")
    events = opened(client)
    until(lambda: events.totals() == [0])
    client.post("/signout", data={"_csrf": csrf(client.get("/account"))})
    world.publish(stix("malware", 306, name="Something", is_family=False))
    until(lambda: events.said[-1][0] == "ended")


def test_who_is_not_signed_in_is_told_that_the_session_has_ended(world: World) -> None:
    answer = world.client().get("/live/alerts", headers={"accept": "text/event-stream"})
    assert (answer.status_code, answer.text) == (200, "event: ended\ndata: \n\n")
    assert "www-authenticate" not in answer.headers


def test_the_rhythm_of_a_stream_tells_nothing_of_hidden_records(
    world: World, opened: Callable[..., Events], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.4)
    monkeypatch.setattr(live, "_PAUSE", 0.05)
    events = opened(world.client("ned"))
    end = time.monotonic() + 2.2
    number = 310
    while time.monotonic() < end:  # something hidden is stored more often than the stream beats
        world.publish(stix("malware", number := number + 1, name="Hidden", is_family=False), label=HIGH)
        time.sleep(0.1)
    assert 4 <= events.beats <= 6
    assert [name for name, _ in events.said] == ["alerts"]


def test_more_than_a_page_of_news_is_counted_and_not_released(world: World, opened: Callable[..., Events]) -> None:
    client = world.client("rolf")
    after = world.node.view(world.subjects["rolf"], "web").latest_release()
    made = [stix("malware", 400 + n, name=f"Numbat {n}", is_family=False) for n in range(240)]
    world.publish(*made)
    events = opened(client, f"/live?search=1&q=numbat&after={after}")
    until(lambda: any(name == "many" for name, _ in events.said))
    assert [(name, data) for name, data in events.said if name != "alerts"] == [("many", "240")]


# -- in a browser


def in_a_browser(test: Callable[..., None]) -> Callable[..., None]:
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


@in_a_browser
def test_an_alert_shows_on_a_page_that_has_nothing_to_do_with_it(signed_in: Callable[..., Any], world: World) -> None:
    with saved(world.client("rolf"), "Dingoes", "q=dingo"):
        page = signed_in("rolf")
        with page.expect_response("**/live/alerts"):
            page.goto(f"/records/{MALWARE['id']}")
        page.wait_for_function("window.foedusSay && document.querySelector('[data-alerts-total]')")
        page.wait_for_timeout(400)
        assert page.locator(".bell-count").count() == 0
        world.publish(stix("malware", 321, name="Hidden dingo", is_family=False), label=HIGH)
        world.publish(stix("malware", 322, name="Plain dingo", is_family=False))
        page.wait_for_selector("[data-alert-note]:not([hidden])")
        assert page.inner_text(".bell-count") == "1"
        assert "1 new hit" in page.inner_text("#say")
        assert page.locator("#say").get_attribute("aria-live") == "polite"
        assert page.locator("[data-alert-note]").evaluate("e => getComputedStyle(e).animationName") == "none"
        page.click("[data-alert-note] >> text=Show the alerts")
        page.wait_for_url("**/searches#alerts")
        assert "Plain dingo" in page.inner_text("main") and "Hidden dingo" not in page.inner_text("main")


@in_a_browser
def test_a_hidden_tab_has_no_stream_and_catches_up_when_it_is_shown(
    signed_in: Callable[..., Any], world: World
) -> None:
    hide = "h => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => h});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page = signed_in("anna")
    until(lambda: world.node.live._waiting)
    open_now = len(world.node.live._waiting)
    page.evaluate(hide, True)

    def gone() -> bool:
        world.node.live.notify()  # a turn, at which the server finds out
        time.sleep(0.1)
        return len(world.node.live._waiting) < open_now

    until(gone)
    world.publish(stix("malware", 323, name="While nobody looked", is_family=False))
    page.evaluate(hide, False)
    page.wait_for_selector("#news >> text=While nobody looked")


@in_a_browser
def test_a_page_says_that_its_session_is_over(signed_in: Callable[..., Any], world: World) -> None:
    page = signed_in("iris")
    page.goto("/requests")
    page.wait_for_timeout(300)
    world.node.accounts.sessions.end_all(world.node.accounts.get("iris").id)
    world.node.live.notify()
    page.wait_for_selector("#ended:not([hidden])", timeout=20_000)
    assert page.get_attribute("#ended a", "href") == "/signin?next=%2Frequests"
