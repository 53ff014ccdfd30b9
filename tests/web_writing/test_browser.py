"""Two journeys in a real Chromium: publish under a label that is built by clicking; import a faulty file."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from foedus.config import Limits, Settings
from foedus.faces.http.authentication import Authentication
from foedus.faces.http.site import site
from foedus.node import service
from foedus.node.node import Node
from tests.node.conftest import indicator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="the system has no Chromium")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, str]]:
    """A node with anna (SECRET, writes) and bob (UNCLASSIFIED, reads), on a free port."""
    data = tmp_path_factory.mktemp("writing") / "node"
    service.init(data, "FIN", "Finland", [])
    with service.people(data) as them:
        for name, role, clearance in (("anna", "analyst", "SECRET"), ("bob", "reader", "UNCLASSIFIED")):
            cleared = them.clearances([f"ALLIANCE {clearance} for FIN"])
            them.people.add(service.COMMAND_LINE, name, roles={role}, clearances=cleared)
    node = Node.open(Settings(data))
    limits = Limits(requests_per_minute_anonymous=100_000)
    app = site(node, Authentication(node.access, node.clock, limits), limits)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield node, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    node.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def sign_in(chromium: Any, served: tuple[Node, str], name: str, problems: list[str]) -> Any:
    """A page of this person; faults of script and refused loads are collected."""
    node, url = served
    page = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 900}, locale="en-GB").new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"/signin/link/{node.accounts.links.create(node.accounts.get(name).id)}")
    page.click("main button")
    page.wait_for_url(f"{url}/")
    return page


def test_a_report_is_published_under_a_label_and_bob_does_not_see_it(served: tuple[Node, str], chromium: Any) -> None:
    node, _ = served
    node.publish(node.access.local("anna"), [indicator(1, name="harbour pump beacon")], "ALLIANCE UNCLASSIFIED")
    problems: list[str] = []
    page = sign_in(chromium, served, "anna", problems)
    page.goto("/publish/report")
    page.fill("#f-name", "Night shift at the pumps")
    page.fill("#f-description", "Seen twice.")

    page.fill("#f-object_refs", "harb")
    page.wait_for_selector("[data-id]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".picked input:checked").count() == 1

    page.check("[data-level='ALLIANCE UNCLASSIFIED']")
    page.uncheck("[value='ALLIANCE/Only/permissive/FIN']")
    page.wait_for_selector("#label-shown:has-text('2 people here can see this')")
    assert page.locator("[value='ALLIANCE/Additional Sensitivity/restrictive/NUCLEAR']").is_disabled()
    assert "not with UNCLASSIFIED" in page.locator("#label-picker").inner_text()
    page.check("[data-level='ALLIANCE SECRET']")
    page.wait_for_selector("#label-shown:has-text('1 person here can see this')")
    assert page.locator("[value='ALLIANCE/Additional Sensitivity/restrictive/NUCLEAR']").is_enabled()
    assert page.input_value("#label-text") == "ALLIANCE SECRET"

    page.fill("#label-text", "ALLIANCE CONFIDENTIAL")  # TEXT moves the controls
    page.wait_for_selector("#label-shown:has-text('ALLIANCE CONFIDENTIAL')")
    assert page.locator("[data-level='ALLIANCE CONFIDENTIAL']").is_checked()

    page.click(".write-actions .button-main")
    page.wait_for_selector("h1:has-text('Night shift at the pumps')")
    assert "ALLIANCE CONFIDENTIAL" in page.locator(".banner").first.inner_text()
    address = page.url

    bob = sign_in(chromium, served, "bob", problems)
    assert bob.goto(address).status == 404
    bob.goto("/search?q=pumps")
    assert "Night shift" not in bob.content()
    assert problems == []


def test_a_faulty_file_is_imported_and_its_report_read(served: tuple[Node, str], chromium: Any, tmp_path: Path) -> None:
    problems: list[str] = []
    good, bad = indicator(21, name="good one"), {**indicator(22), "pattern": "[broken", "valid_from": "soon"}
    file = tmp_path / "two.json"
    bundle = {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": [good, bad]}
    file.write_text(json.dumps(bundle))
    page = sign_in(chromium, served, "anna", problems)
    page.goto("/import")
    page.set_input_files("#f-files", str(file))
    assert "two.json" in page.locator("[data-drop-names]").inner_text()
    page.click(".write-actions .button-main")
    page.wait_for_selector(".faults-table")
    table = page.locator(".faults-table").inner_text()
    assert "valid_from" in table
    assert "pattern" in table
    assert str(bad["id"]) in table
    with page.expect_download() as download:
        page.click("a[href$='/faults/csv']")
    assert "valid_from" in Path(download.value.path()).read_text()

    page.goto("/import")
    page.set_input_files("#f-files", str(file))
    page.check("[name=partial]")
    page.click(".write-actions .button-main")
    page.wait_for_selector("text=1 object was refused")
    assert "good one" in page.content()
    assert problems == []


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", ["/publish", "/publish/report", "/import", "/requests/ask", "/duplicates", "/account"])
def test_no_page_is_wider_than_its_window(served: tuple[Node, str], chromium: Any, path: str, width: int) -> None:
    problems: list[str] = []
    page = sign_in(chromium, served, "anna", problems)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []
