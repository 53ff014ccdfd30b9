"""What every domain keeps to. The suite runs over whatever is discovered: a new domain needs no edit here."""

from __future__ import annotations

import ast
import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

import foedus.domains
from foedus.kernel.domain import Domain, Importer, RecordType, domains, say
from foedus.kernel.stix.validate import validate
from foedus.kernel.workflow import Workflow

ROOT = Path(foedus.domains.__file__).parent
DOMAINS = domains()
ALLOWED = ("foedus.kernel", "foedus.config")

each_domain = pytest.mark.parametrize("domain", DOMAINS, ids=lambda d: d.name)


def folder(domain: Domain) -> Path:
    """The folder a domain stands in."""
    for info in ROOT.iterdir():
        if (info / "__init__.py").is_file():
            module = importlib.import_module(f"foedus.domains.{info.name}")
            if module.DOMAIN is domain:
                return info
    raise AssertionError(f"{domain.name} has no folder")


def titled(domain: Domain) -> list[tuple[str, Any]]:
    """Everything with a title, and where it stands."""
    parts: list[tuple[str, Any]] = [(f"domain {domain.name}", domain)]
    parts += [(f"record {r.type}", r) for r in domain.records]
    for kind in ("verbs", "queries", "pages", "importers", "exporters"):
        parts += [(f"{kind} {getattr(p, 'name', '') or p.path}", p) for p in getattr(domain, kind)]
    return parts


def test_there_is_a_domain() -> None:
    assert DOMAINS


def test_no_two_domains_share_a_name_or_a_type() -> None:
    assert len({d.name for d in DOMAINS}) == len(DOMAINS)
    assert not [t for t, n in Counter(t for d in DOMAINS for t in d.types).items() if n > 1]


@each_domain
def test_everything_has_words_in_english_and_french(domain: Domain) -> None:
    for where, part in titled(domain):
        assert say(part.title, "en").strip() and part.title.get("fr", "").strip(), where
        for text in (getattr(part, "help", None) or {},):
            assert not text or (text.get("en") and text.get("fr")), where
    for record in domain.records:
        for entry in record.fields:
            assert entry["title"]["en"] and entry["title"]["fr"], f"{record.type}.{entry['name']}"
            for choice in entry.get("choices", ()):
                assert choice["title"]["en"] and choice["title"]["fr"], f"{record.type}.{entry['name']}"


@each_domain
def test_names_are_unique_and_fit_for_commands_and_addresses(domain: Domain) -> None:
    for kind in ("verbs", "queries", "importers", "exporters"):
        names = [p.name for p in getattr(domain, kind)]
        assert len(set(names)) == len(names), kind
        assert all(n and all(c.islower() or c.isdigit() or c == "-" for c in n) for n in names), names
    assert not {v.name for v in domain.verbs} & {q.name for q in domain.queries}
    assert len({r.type for r in domain.records}) == len(domain.records)
    assert {r.type for r in domain.records} <= set(domain.types)


@each_domain
def test_type_names_are_those_that_stix_allows(domain: Domain) -> None:
    for kind in domain.types:
        assert 3 <= len(kind) <= 250 and all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in kind)
        assert "--" not in kind


@each_domain
def test_types_of_our_own_are_defined(domain: Domain) -> None:
    ids = {d["id"] for d in domain.definitions}
    for record in domain.records:
        if record.extension is not None:
            assert record.extension["type"] == "extension-definition"
            assert record.extension["id"] in ids, record.type
            assert record.extension["created_by_ref"] in ids
            assert record.example is not None, f"{record.type} is ours and has no example"
            assert record.extension["id"] in record.example["extensions"]


@each_domain
def test_examples_pass_their_own_check(domain: Domain) -> None:
    shown = [r for r in domain.records if r.example is not None]
    assert shown
    for record in shown:
        assert record.example is not None and record.example["type"] == record.type
        assert record.check is None or record.check(record.example) == []
        assert validate(dict(record.example)) == []
        assert record.summary is None or record.summary(record.example).strip()


@each_domain
def test_definitions_are_valid_stix(domain: Domain) -> None:
    for definition in domain.definitions:
        assert validate(dict(definition)) == []


@each_domain
def test_checks_and_summaries_survive_anything(domain: Domain) -> None:
    for record in domain.records:
        for wrong in _spoilt(record):
            if record.check is not None:
                assert all(f.code and f.message for f in record.check(wrong))
            if record.summary is not None:
                assert isinstance(record.summary(wrong), str)


def _spoilt(record: RecordType) -> list[dict[str, Any]]:
    base = dict(record.example or {"type": record.type, "id": f"{record.type}--x"})
    out: list[dict[str, Any]] = [{}]
    for name in {*base, "extensions", *(f["name"].split(".")[0] for f in record.fields)}:
        out += [{**base, name: value} for value in (None, 1, "", "x", [], [1], {}, {"x": 1}, True)]
    return out


@each_domain
def test_forms_are_complete(domain: Domain) -> None:
    for record in domain.records:
        names = [f["name"] for f in record.fields]
        assert len(set(names)) == len(names), record.type
        for entry in record.fields:
            assert entry["widget"]
            assert (entry["widget"] in ("choice", "choices")) == bool(entry.get("choices")), entry["name"]
            values = [c["value"] for c in entry.get("choices", ())]
            assert len(set(values)) == len(values)


@each_domain
def test_commands_give_a_schema_and_reject_what_they_do_not_know(domain: Domain) -> None:
    for part in (*domain.verbs, *domain.queries):
        assert issubclass(part.command, msgspec.Struct), part.name
        schema = msgspec.json.schema(part.command)
        assert json.dumps(schema)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"no such field": 1}, part.command)


@each_domain
def test_workflows_are_walked_by_verbs(domain: Domain) -> None:
    names = {v.name for v in domain.verbs}
    for flow in domain.workflows:
        assert isinstance(flow, Workflow)
        assert flow.name in domain.types
        assert {s.action for s in flow.steps} <= names
        for step in flow.steps:
            assert flow.take(step.source, step.action) == step


@each_domain
def test_readme_shows_the_tables(domain: Domain) -> None:
    readme = (folder(domain) / "README.md").read_text("utf-8")
    for flow in domain.workflows:
        assert flow.mermaid() in readme, f"the diagram of {flow.name} is not that of its table:\n{flow.mermaid()}"
    for part in (*domain.verbs, *domain.queries):
        assert f"`{part.name}`" in readme, f"{part.name} is not explained"


@each_domain
def test_imports_nothing_but_the_kernel(domain: Domain) -> None:
    home = f"foedus.domains.{folder(domain).name}"
    for file in folder(domain).rglob("*.py"):
        if "tests" in file.relative_to(folder(domain)).parts:
            continue
        for name in _imported(ast.parse(file.read_text("utf-8"))):
            if name.startswith("foedus"):
                assert name.startswith((*ALLOWED, home)), f"{file.name} imports {name}"
            assert name.partition(".")[0] not in IMPURE, f"{file.name} imports {name}: a domain does no I/O"


IMPURE = {"socket", "sqlite3", "subprocess", "random", "secrets", "time", "httpx", "requests", "threading", "asyncio"}


def _imported(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


@each_domain
def test_templates_exist(domain: Domain) -> None:
    for page in domain.pages:
        assert (folder(domain) / "templates" / page.template).is_file()


IMPORTERS = [(d.name, i) for d in DOMAINS for i in d.importers]


@pytest.mark.parametrize("importer", [i for _, i in IMPORTERS], ids=[f"{d}-{i.name}" for d, i in IMPORTERS])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'{"a":',
        b"[" * 5000,
        b"PK\x03\x04rubbish",
        "é".encode("latin-1"),
        b"a,b\n1",
    ],
    ids=repr,
)
def test_importers_answer_rubbish_with_faults(importer: Importer, data: bytes) -> None:
    assert importer.sniff(data) in (True, False)
    objects, faults = importer.read(data)
    assert objects == [] and faults
    assert all(f.code and f.message for f in faults)
