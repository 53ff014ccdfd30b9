"""Administration and one's own account, through the pages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.node.conftest import World
from tests.web_writing.conftest import Browser

Sign = Callable[[str], Browser]


def test_a_person_is_added_cleared_and_let_in(people: World, browser: Sign) -> None:
    dora = browser("dora")
    dora.get("/admin/people/add")
    form = {
        "name": "lena", "display_name": "Lena Lind", "roles": ["analyst"], "language": "fr", "zone": "Europe/Helsinki",
        "clearance": "", "clearance_was": "", "clearance_level": "ALLIANCE RESTRICTED", "clearance_nation": "FIN",
    }  # fmt: skip
    made = dora.post("/admin/people/add", form)
    assert made.status_code == 303, made.text
    page = dora.get("/admin/people/lena").text
    assert "ALLIANCE RESTRICTED; " in page
    assert "Lena Lind" in page
    shown = dora.post("/admin/people/lena/link", {})
    link = re.search(r'id="secret">http://testserver\.local(/signin/link/[\w-]+)<', shown.text)
    assert link
    assert link[1] not in dora.get("/admin/people/lena").text
    people.clock.tick(5_000_000)
    dora.client.cookies.clear()
    assert dora.client.post(link[1], follow_redirects=False).status_code == 303


def test_what_is_wrong_with_an_account_is_said_and_nothing_is_lost(people: World, browser: Sign) -> None:
    dora = browser("dora")
    dora.get("/admin/people/add")
    answer = dora.post("/admin/people/add", {"name": "Lena!", "display_name": "Kept", "clearance": "ALLIANCE HUSH"})
    assert answer.status_code == 422
    assert "Kept" in answer.text
    assert "HUSH" in answer.text
    assert "Choose at least one role" in answer.text
    assert people.node.accounts.find("Lena!") is None


def test_a_changed_clearance_counts(people: World, browser: Sign) -> None:
    dora = browser("dora")
    dora.get("/admin/people/bob")
    part = dora.post("/admin/clearance/preview", {"clearance": "ALLIANCE SECRET for FIN", "clearance_was": ""})
    assert "SECRET" in part.text
    assert dora.post("/admin/people/bob/clearance", {"clearance": "ALLIANCE HUSH"}).status_code == 422
    done = dora.post("/admin/people/bob/clearance", {"clearance": "ALLIANCE SECRET for FIN", "clearance_was": "x"})
    assert done.status_code == 303
    people.clock.tick(2_000_000)
    assert "SECRET" in people.node.access.local("bob").clearances[0].classifications
    log = dora.get("/admin/log").text
    assert "clearance changed" in log
    assert "dora" in log


def test_an_account_is_deactivated_and_not_ones_own(people: World, browser: Sign) -> None:
    dora, bob = browser("dora"), browser("bob")
    assert bob.get("/").status_code == 200
    dora.get("/admin/people/bob")
    assert dora.post("/admin/people/bob/deactivate", {}).status_code == 303
    people.clock.tick(2_000_000)
    assert bob.get("/").status_code == 303
    assert dora.post("/admin/people/dora/deactivate", {}).status_code == 403
    assert dora.post("/admin/people/dora/roles", {"roles": ["reader"]}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/admin/people", "/admin/people/add", "/admin/people/anna", "/admin/log", "/admin/node", "/admin", "/policies"],
)
def test_administration_is_for_administrators(browser: Sign, path: str) -> None:
    assert browser("bob").get(path).status_code == 403


def test_analysts_change_nobody(people: World, browser: Sign) -> None:
    anna = browser("anna")
    anna.get("/publish")
    for action in ("roles", "clearance", "link", "deactivate", "password", "sessions"):
        assert anna.post(f"/admin/people/bob/{action}", {"roles": ["administrator"]}).status_code == 403
    assert people.node.accounts.get("bob").roles == {"reader"}


def test_my_own_token_is_shown_once_and_revoked(people: World, browser: Sign) -> None:
    bob = browser("bob")
    bob.get("/account")
    answer = bob.post("/account/token", {"name": "script", "days": "30", "scope": ["read"]})
    token = re.search(r'id="secret">(fds_[\w-]+)<', answer.text)
    assert token
    page = bob.get("/account").text
    assert token[1] not in page
    subject = people.node.access.token(token[1])
    assert subject is not None
    assert subject.scope == {"read"}
    assert bob.post("/account/token", {"name": "more", "days": "30", "scope": ["admin"]}).status_code == 422
    assert bob.post("/account/token", {"name": "long", "days": "99999", "scope": ["read"]}).status_code == 422
    number = re.search(r'name="token" value="(\d+)"', page)
    assert number
    assert browser("anna").get("/account").status_code == 200
    anna = browser("anna")
    anna.get("/account")
    assert anna.post("/account/revoke", {"token": number[1]}).status_code == 404
    assert bob.post("/account/revoke", {"token": number[1]}).status_code == 303
    people.clock.tick(2_000_000)
    assert people.node.access.token(token[1]) is None


def test_language_zone_and_password_of_my_own(people: World, browser: Sign) -> None:
    bob = browser("bob")
    bob.get("/account")
    assert bob.post("/account/profile", {"language": "fr", "zone": "Europe/Helsinki"}).status_code == 303
    people.clock.tick(2_000_000)
    assert "Mon compte" in bob.get("/account").text
    differ = bob.post("/account/password", {"new": "correct horse battery", "again": "incorrect"})
    assert differ.status_code == 422
    good = {"new": "correct horse battery", "again": "correct horse battery"}
    assert bob.post("/account/password", good).status_code == 303
    people.clock.tick(2_000_000)
    assert bob.get("/account").status_code == 200
    wrong = bob.post("/account/password", {**good, "current": "guess"})
    assert wrong.status_code == 422
    assert bob.post("/account/sessions", {}).status_code == 303
    people.clock.tick(2_000_000)
    assert bob.get("/account").status_code == 303


def test_the_node_is_checked(browser: Sign) -> None:
    dora = browser("dora")
    assert "foedus backup" in dora.get("/admin/node").text
    begun = dora.post("/admin/verify", {})
    assert begun.status_code == 303
    for _ in range(1_500):
        page = dora.get(begun.headers["location"]).text
        if "hx-trigger" not in page:
            break
        time.sleep(0.02)
    assert page.count("Sound: every entry") == 2
    assert browser("anna").get(begun.headers["location"]).status_code == 404


def test_policies_are_readable(browser: Sign) -> None:
    page = browser("dora").get("/policies").text
    assert "ALLIANCE" in page
    assert "DIFFUSION RESTREINTE" in page
    assert "TLP" in page
