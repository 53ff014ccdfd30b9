"""The first whole journey on one node: import under a label, two readers, versions, recall, restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foedus.kernel.errors import LabelRefused, NotFound, NotPermitted
from foedus.node.answers import PageQuery, SearchQuery
from tests.node.conftest import World, indicator

SECRET = "ALLIANCE SECRET for FIN"
LOW = "ALLIANCE UNCLASSIFIED for FIN"


def bundle(*objects: object) -> bytes:
    return json.dumps(
        {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": objects}
    ).encode()


def ids(page: object) -> list[str]:
    return [json.loads(body)["id"] for body in page.bodies]  # type: ignore[attr-defined]


def test_two_readers_see_different_things(world: World) -> None:
    anna, bob = world.person("anna", SECRET), world.person("bob", LOW, "reader")
    first, second = indicator(1, name="alpha sandstorm"), indicator(2, name="bravo sandstorm")
    assert world.node.ingest(anna, bundle(first), "ALLIANCE SECRET").stored == 1
    assert world.node.ingest(anna, bundle(second), "ALLIANCE UNCLASSIFIED").stored == 1
    world.settle()

    high, low = world.node.view(anna, "test"), world.node.view(bob, "test")
    assert ids(high.page(PageQuery())) == [first["id"], second["id"]]
    assert ids(low.page(PageQuery())) == [second["id"]]
    assert high.get(str(first["id"])).obj == first
    with pytest.raises(NotFound):
        low.get(str(first["id"]))
    assert high.search(SearchQuery("sandstorm")).total == 2
    answer = low.search(SearchQuery("sandstorm"))
    assert (answer.total, [r.id for r in answer.results]) == (1, [second["id"]])
    assert {f.value: f.count for f in answer.facets["type"]} == {"indicator": 1}
    assert (high.count(), low.count()) == (2, 1)


def test_what_is_imported_twice_is_there_once(world: World) -> None:
    anna = world.person("anna", SECRET)
    data = bundle(*(indicator(n) for n in range(50)))
    assert world.node.ingest(anna, data, "ALLIANCE RESTRICTED").stored == 50
    again = world.node.ingest(anna, data, "ALLIANCE RESTRICTED")
    assert (again.stored, again.known) == (0, 50)
    assert world.node.view(anna, "test").count() == 50


def test_the_latest_version_is_the_latest_that_the_reader_may_see(world: World) -> None:
    anna, bob = world.person("anna", SECRET), world.person("bob", LOW, "reader")
    old, new = indicator(1), indicator(1, name="newer", modified="2026-03-01T00:00:00.000Z")
    world.node.ingest(anna, bundle(old), "ALLIANCE UNCLASSIFIED")
    world.node.ingest(anna, bundle(new), "ALLIANCE SECRET")
    assert world.node.view(anna, "t").get(str(old["id"])).obj["name"] == "newer"
    assert world.node.view(bob, "t").get(str(old["id"])).obj["name"] == old["name"]
    assert len(world.node.view(anna, "t").versions(str(old["id"]))) == 2
    assert len(world.node.view(bob, "t").versions(str(old["id"]))) == 1


def test_large_imports_are_cut_into_commits_by_number_and_by_bytes() -> None:
    from foedus.config import Limits
    from foedus.kernel.ports import Kind
    from foedus.node.ingest import batches
    from foedus.node.writer import Draft

    drafts = [Draft(Kind.RECORD, b"{}", b"x" * size, None) for size in [10] * 7 + [400, 10, 900, 10]]
    cut = list(batches(drafts, Limits(batch_entries=5, batch_bytes=2_000)))
    assert [draft for batch in cut for draft in batch] == drafts
    assert [len(batch) for batch in cut] == [5, 4, 1, 1]


def test_faults_keep_everything_out_unless_partial_is_asked_for(world: World) -> None:
    anna = world.person("anna", SECRET)
    bad = {**indicator(2), "modified": "yesterday"}
    report = world.node.ingest(anna, bundle(indicator(1), bad), "ALLIANCE RESTRICTED")
    assert (report.stored, report.refused) == (0, 2)
    assert [f.object_id for f in report.faults] == [bad["id"]]
    assert world.node.view(anna, "t").count() == 0
    report = world.node.ingest(anna, bundle(indicator(1), bad), "ALLIANCE RESTRICTED", partial=True)
    assert (report.stored, report.refused) == (1, 1)
    assert world.node.view(anna, "t").count() == 1


def test_an_invalid_label_is_refused_with_the_rule_it_breaks(world: World) -> None:
    anna = world.person("anna", SECRET)
    with pytest.raises(LabelRefused) as refused:
        world.node.ingest(anna, bundle(indicator(1)), "ALLIANCE SEKRET")
    assert "SECRET" in str(refused.value)
    assert world.node.journal.size == 0


def test_unmarked_objects_get_the_writers_most_restrictive_label(world: World) -> None:
    anna, bob = world.person("anna", SECRET), world.person("bob", LOW, "reader")
    report = world.node.ingest(anna, bundle(indicator(1)))
    assert report.notices and "default" in report.notices[0]
    assert world.node.view(anna, "t").count() == 1
    assert world.node.view(bob, "t").count() == 0


def test_a_record_keeps_its_own_marking_and_the_given_label(world: World) -> None:
    """TLP:RED and a label together: both must permit."""
    anna = world.person("anna", SECRET)
    red = world.person("rita", SECRET + " + TLP RED")
    marked = indicator(1, object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"])
    assert world.node.ingest(anna, bundle(marked), "ALLIANCE RESTRICTED").stored == 1
    assert world.node.view(anna, "t").count() == 0
    assert world.node.view(red, "t").count() == 1


def test_a_reader_may_not_write(world: World) -> None:
    bob = world.person("bob", LOW, "reader")
    with pytest.raises(NotPermitted):
        world.node.ingest(bob, bundle(indicator(1)), "ALLIANCE UNCLASSIFIED")


def test_recall_leaves_nothing_behind(world: World) -> None:
    anna = world.person("anna", SECRET)
    word = "zyxwvutsrq"
    world.node.ingest(anna, bundle(indicator(1, name=f"the {word} affair")), "ALLIANCE RESTRICTED")
    world.settle()
    stix_id = str(indicator(1)["id"])
    assert world.node.view(anna, "t").search(SearchQuery(word)).total == 1
    assert world.node.recall(anna, stix_id, "mistake") == 1
    world.settle()
    with pytest.raises(NotFound):
        world.node.view(anna, "t").get(stix_id)
    assert world.node.view(anna, "t").search(SearchQuery(word)).total == 0
    assert not world.node.verify()["journal"].damage
    world.node.close()
    left = [path for path in _files(world.folder) if word.encode() in path.read_bytes()]
    assert left == []
    world.node = world.open()
    assert world.node.view(anna, "t").count() == 0


def test_a_restart_changes_no_answer(world: World) -> None:
    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(*(indicator(n) for n in range(30))), "ALLIANCE RESTRICTED")
    world.settle()
    before = world.node.view(anna, "t").page(PageQuery())
    world.reopen()
    after = world.node.view(anna, "t").page(PageQuery())
    assert (before.bodies, before.first, before.last) == (after.bodies, after.first, after.last)
    world.settle()
    assert world.node.view(anna, "t").search(SearchQuery("indicator")).total == 30


def test_reindex_gives_the_same_answers(world: World) -> None:
    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(*(indicator(n) for n in range(30))), "ALLIANCE RESTRICTED")
    world.settle()
    view = world.node.view(anna, "t")
    before = [r.id for r in view.search(SearchQuery("number 7")).results], view.page(PageQuery()).bodies
    world.node.reindex()
    world.settle()
    view = world.node.view(anna, "t")
    assert before == ([r.id for r in view.search(SearchQuery("number 7")).results], view.page(PageQuery()).bodies)


def test_publishing_points_at_the_label_and_shows_at_once(world: World) -> None:
    anna, bob = world.person("anna", SECRET), world.person("bob", LOW, "reader")
    (done,) = world.node.publish(anna, [indicator(1, name="published thing")], "ALLIANCE RESTRICTED")
    found = world.node.view(anna, "t").get(done.id)
    (marking,) = found.obj["object_marking_refs"]
    assert world.node.view(anna, "t").get(marking).type == "marking-definition"
    with pytest.raises(NotFound):
        world.node.view(bob, "t").get(marking)
    assert world.node.view(anna, "t").search(SearchQuery("published")).total == 1


def test_widened_clearance_is_released_late_and_no_poller_misses_it(world: World) -> None:
    anna, bob = world.person("anna", SECRET), world.person("bob", LOW, "reader")
    world.node.ingest(anna, bundle(indicator(1)), "ALLIANCE SECRET")
    world.clock.tick()
    world.node.ingest(anna, bundle(indicator(2)), "ALLIANCE UNCLASSIFIED")
    first = world.node.view(bob, "t").page(PageQuery())
    assert ids(first) == [indicator(2)["id"]]
    world.clock.tick()
    world.node.accounts.set_clearances("bob", anna.clearances, by="test")
    world.clock.tick(5_000_000)
    bob = world.node.access.local("bob")
    late = world.node.view(bob, "t").page(PageQuery(added_after=first.last))
    assert ids(late) == [indicator(1)["id"]]
    world.reopen()
    assert world.node.view(bob, "t").page(PageQuery(added_after=first.last)).first == late.first


def test_labels_are_searched_by_their_words(world: World) -> None:
    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(indicator(1, name="alpha word")), "ALLIANCE SECRET Releasable to Sweden")
    world.node.ingest(anna, bundle(indicator(2, name="bravo word")), "ALLIANCE RESTRICTED")
    world.settle()
    view = world.node.view(anna, "t")
    found = {
        text: [r.id for r in view.search(SearchQuery(text)).results]
        for text in ("word label:SECRET", "word -label:SECRET", 'word label:"releasable to sweden"')
    }
    one, two = str(indicator(1)["id"]), str(indicator(2)["id"])
    assert list(found.values()) == [[one], [two], [one]]


def test_the_reason_names_what_of_the_clearance_met_the_label(world: World) -> None:
    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(indicator(1)), "ALLIANCE SECRET Releasable to Finland")
    (english,) = world.node.view(anna, "t").why(str(indicator(1)["id"]), "en")
    (french,) = world.node.view(anna, "t").why(str(indicator(1)["id"]), "fr")
    assert english.reason.startswith("Your ALLIANCE clearance includes SECRET.") and "Finland" in english.reason
    assert french.reason.startswith("Votre habilitation ALLIANCE comprend SECRET.") and "Finlande" in french.reason


STATEMENT = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": "marking-definition--00000000-0000-4000-8000-0000000000aa",
    "created": "2026-01-01T00:00:00.000Z",
    "definition_type": "statement",
    "definition": {"statement": "Copyright 2026"},
}


def test_a_marking_that_is_defined_later_hides_until_then(world: World) -> None:
    """A feed may send objects before the definition that they point at: nobody sees them yet, nobody misses them."""
    anna = world.person("anna", SECRET)
    early = [indicator(n, object_marking_refs=[STATEMENT["id"]]) for n in range(3)]
    world.node.ingest(anna, bundle(*early))
    world.clock.tick()
    world.node.ingest(anna, bundle(indicator(9)))
    first = world.node.view(anna, "t").page(PageQuery())
    assert ids(first) == [indicator(9)["id"]]
    world.clock.tick()
    world.node.ingest(anna, bundle(STATEMENT))
    world.clock.tick()
    late = world.node.view(anna, "t").page(PageQuery(added_after=first.last))
    assert sorted(ids(late)) == sorted([STATEMENT["id"], *(str(one["id"]) for one in early)])
    world.reopen()
    again = world.node.view(anna, "t").page(PageQuery(added_after=first.last))
    assert (again.bodies, again.first, again.last) == (late.bodies, late.first, late.last)


def test_every_release_is_recorded(world: World) -> None:
    anna, carl = world.person("anna", SECRET), world.person("carl", SECRET, "auditor")
    world.node.ingest(anna, bundle(indicator(1)), "ALLIANCE SECRET")
    world.node.view(anna, "web").get(str(indicator(1)["id"]))
    (note, *_) = world.node.releases(carl)
    assert (note["subject"], note["face"], note["count"]) == ("anna", "web", 1)
    audience = world.node.view(anna, "web").audience(str(indicator(1)["id"]))
    assert {s.subject for s in audience.seen} == {"anna"}
    assert audience.can_see == ["anna", "carl"]
    with pytest.raises(NotPermitted):
        world.node.releases(anna)


def test_backup_and_restore(world: World, tmp_path: Path) -> None:
    from foedus.node import service

    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(*(indicator(n) for n in range(20))), "ALLIANCE RESTRICTED")
    world.node.backup(str(tmp_path / "copy"))
    world.node.ingest(anna, bundle(indicator(99)), "ALLIANCE RESTRICTED")
    restored = service.restore(tmp_path / "copy", tmp_path / "again")
    assert restored["entries"] == 21  # twenty records and the definition of their label
    assert service.verify(tmp_path / "again")["sound"]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_independent_script_verifies_a_nodes_journal(world: World) -> None:
    """Records, label definitions and tombstones: every kind of entry that a node writes."""
    import subprocess
    import sys

    from foedus.node import setup

    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(*(indicator(n) for n in range(5))), "ALLIANCE RESTRICTED")
    world.node.recall(anna, str(indicator(1)["id"]))
    key = str(setup.load(world.folder)[1].journal.verifier)
    script = Path(__file__).resolve().parents[2] / "tools" / "verify_journal.py"
    done = subprocess.run(
        [sys.executable, script, world.folder / "journal", key], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
