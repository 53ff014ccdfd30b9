"""CSV and workbooks of indicators, in and out."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.domains.intelligence.formats import csvtable, tlp, workbook
from foedus.domains.intelligence.formats.limits import TableLimits
from foedus.domains.intelligence.formats.values import KINDS, normalise, pattern, read_pattern, refang

DAY = 86_400_000_000


def read(text: str, **more):
    return csvtable.read(text.encode(), **more)


def codes(faults, notice=False):
    return [f.code for f in faults if f.notice is notice]


def test_a_table_as_people_write_it():
    objects, faults = read(
        "Type;Valeur;Titre;valid from;Confidence;TLP;Tags\n"
        "ip;203.0.113[.]7;relay;2026-01-01;70 %;amber+strict;water; \n"
        ";hxxps://evil[.]example/a;;2026-01-01T01:00:00+01:00;;white;\n"
        "sha-256;" + "A" * 64 + ";;2026-02;;;\n"
    )
    assert codes(faults) == []
    assert [o["pattern"] for o in objects] == [
        "[ipv4-addr:value = '203.0.113.7']",
        "[url:value = 'https://evil.example/a']",
        f"[file:hashes.'SHA-256' = '{'a' * 64}']",
    ]
    assert objects[0]["object_marking_refs"] == [tlp.TLP2["amber+strict"]]
    assert objects[1]["object_marking_refs"] == [tlp.TLP2["clear"]]
    assert objects[1]["valid_from"] == "2026-01-01T00:00:00.000Z" and objects[0]["confidence"] == 70
    assert codes(faults, notice=True) == ["refanged", "refanged"]


def test_every_bad_row_is_named_with_its_column():
    objects, faults = read(
        "type,value,confidence,valid_from,valid_until,tlp,reliability,credibility\n"
        "ip,999.1.1.1,,,,,,\n"
        "ip,203.0.113.1,101,2026-01-01,,,,\n"
        "ip,203.0.113.2,,gestern,,,,\n"
        "ip,203.0.113.3,,2026-01-02,2026-01-01,,,\n"
        "ip,203.0.113.4,,2026-01-01,,purple,,\n"
        "thing,x,,2026-01-01,,,,\n"
        "ip,,,2026-01-01,,,,\n"
        "ip,203.0.113.5,,2026-01-01,,,G,\n"
        "ip,203.0.113.6,,2026-01-01,,,B,2\n"
    )
    bad = [f for f in faults if not f.notice]
    assert [f.path for f in bad] == [
        "value",
        "confidence",
        "valid_from",
        "valid_until",
        "tlp",
        "type",
        "value",
        "reliability",
    ]
    assert [int(f.message.split()[1].rstrip(",")) for f in bad] == list(range(2, 10))
    assert len(objects) == 1 and objects[0]["extensions"]


def test_importing_twice_gives_the_same_and_other_content_another_record():
    text = "type,value,name\nip,203.0.113.1,a\nip,203.0.113.1,b\nip,203.0.113.1,a\n"
    first, faults = read(text, now=20 * DAY + 5)
    again, _ = read(text, now=20 * DAY + 7)
    later, _ = read(text, now=21 * DAY)
    assert first == again and len(first) == 2
    assert codes(faults, notice=True) == ["repeated-row"]
    assert [o["id"] for o in later] == [o["id"] for o in first] and later[0]["modified"] > first[0]["modified"]


def test_encodings_and_separators():
    for text, encoding in (("value\tname\n203.0.113.1\té", "utf-16"), ("value|name\n203.0.113.1|é", "cp1252")):
        (made,), faults = csvtable.read(text.encode(encoding))
        assert made["name"] == "é" and "encoding" in codes(faults, notice=True)
    (made,), _ = csvtable.read(b'\xef\xbb\xbfvalue,name\r\n203.0.113.1,"two\r\nlines"')
    assert made["name"] == "two\r\nlines"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a,b\n1,2", "no-header"),
        ("value,value\n1,2", "repeated-column"),
        ("", "empty"),
        ("value\n", "empty"),
        ('value,name\n203.0.113.1,"open', "not-a-table"),
        ("value\n203.0.113.1,more\n", "too-many-cells"),
        ("value\n\0\n", "not-a-table"),
    ],
)
def test_what_is_no_table(text, code):
    assert code in codes(read(text)[1])


def test_limits_are_kept():
    text = "value\n" + "203.0.113.1\n203.0.113.2\n203.0.113.3\n"
    objects, faults = read(text, limits=TableLimits(rows=2))
    assert len(objects) == 2 and codes(faults) == ["too-many-rows"]
    assert codes(read("value\n" + "x" * 99, limits=TableLimits(cell=50))[1]) == ["too-large"]


def test_no_spreadsheet_runs_what_we_write():
    record = read("value,name\n203.0.113.1,x\n", now=DAY)[0][0]
    for evil in ("=1+1", "+1", "-1", "@SUM(A1)", "'=1+1", "''=1"):
        record["name"] = evil
        cells = csvtable.write([record]).decode().splitlines()[1].split(",")
        assert cells[2] == "'" + evil
        assert csvtable.read(csvtable.write([record]))[0] == [record]
        data = workbook.write([record])
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        assert sheet["C2"].data_type == "s" and sheet["C2"].value == evil
        assert workbook.read(data)[0] == [record]


def test_complex_patterns_come_back_whole():
    record = read("type,value\nstix,[ipv4-addr:value = '203.0.113.1'] AND [url:value = 'http://x.example/']\n", now=DAY)
    assert record[1] == []
    assert csvtable.read(csvtable.write(record[0]))[0] == record[0]
    yara = {**record[0][0], "pattern_type": "yara", "pattern": 'rule x {\n strings: $a = "b"\n condition: $a }'}
    assert csvtable.read(csvtable.write([yara]))[0] == [yara]


_name = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30).map(str.strip).filter(bool)


@settings(max_examples=60, deadline=None)
@given(_name, _name, st.integers(0, 100), st.sampled_from(tlp.ORDER), st.integers(0, 2**31))
def test_out_and_in_again_is_the_same(name, label, confidence, colour, second):
    (record,), _ = csvtable.read(b"value\n203.0.113.1\n", now=second * 1_000_000)
    record |= {"name": name, "confidence": confidence, "object_marking_refs": [tlp.TLP2[colour]]}
    record["labels"] = [label.replace(";", "") or "x"]
    record["labels"] = [record["labels"][0].strip() or "x"]
    assert csvtable.read(csvtable.write([record]))[0] == [record]
    assert workbook.read(workbook.write([record]))[0] == [record]


@given(st.binary(max_size=300))
def test_no_bytes_make_the_readers_raise(data):
    for module in (csvtable, workbook):
        objects, faults = module.read(data)
        assert objects or faults
        module.sniff(data)


def _zip(*parts: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            archive.writestr(name, data)
    return out.getvalue()


def test_a_zip_bomb_and_entities_are_refused_before_they_are_opened():
    bomb = _zip(("xl/workbook.xml", b" " * 40_000_000))
    assert codes(workbook.read(bomb)[1]) == ["too-large"]
    assert codes(workbook.read(bomb, limits=TableLimits(workbook_bytes=1000))[1]) == ["too-large"]
    many = _zip(*((f"xl/{i}.xml", b"<a/>") for i in range(20)))
    assert codes(workbook.read(many, limits=TableLimits(workbook_parts=10))[1]) == ["too-large"]
    for encoding in ("utf-8", "utf-16"):
        entities = '<?xml version="1.0"?>' + " " * 70_000 + '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
        assert codes(workbook.read(_zip(("xl/workbook.xml", entities.encode(encoding))))[1]) == ["document-type"]
    broken = workbook.write([])[:-40]
    assert codes(workbook.read(broken)[1]) == ["not-a-workbook"]


def test_workbooks_as_people_make_them():
    book = openpyxl.Workbook()
    book.active.append(["a note", None])
    sheet = book.create_sheet("IOC")
    sheet.append([None, None])
    sheet.append(["Type", "Value", "Valid from", "Confidence"])
    import datetime

    sheet.append(["asn", 65000, datetime.datetime(2026, 1, 1, 12), 70.0])
    out = io.BytesIO()
    book.save(out)
    (made,), faults = workbook.read(out.getvalue())
    assert made["pattern"] == "[autonomous-system:number = 65000]" and made["confidence"] == 70
    assert made["valid_from"] == "2026-01-01T12:00:00.000Z" and codes(faults) == []


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("hxxp://a[.]b/c", "http://a.b/c"),
        ("HXXPS[://]a(dot)b", "https://a.b"),
        ("a[at]b{.}c", "a@b.c"),
        ("203.0.113[.]7", "203.0.113.7"),
        ("2001[:]db8::1", "2001:db8::1"),
        ("fxp://a.b", "ftp://a.b"),
        ("http://a.b/hxxp", "http://a.b/hxxp"),
        ("C:\\Temp\\x", "C:\\Temp\\x"),
    ],
)
def test_refang(written, plain):
    assert refang(written) == plain


@given(st.text(min_size=1, max_size=50))
def test_patterns_read_back(value):
    for kind in ("file-name", "mutex"):
        if KINDS[kind].path and value.strip():
            assert read_pattern(pattern(kind, value)) == (kind, value)


def test_only_online_values_are_refanged():
    (made,), faults = read("type,value\nregkey,HKLM\\Software\\.x\n", now=DAY)
    assert made["name"] == "HKEY_LOCAL_MACHINE\\Software\\.x" and "refanged" not in codes(faults, notice=True)


def test_normal_forms():
    assert normalise("ip", "2001:DB8::0001") == ("ipv6-addr", "2001:db8::1")
    assert normalise("cidr", "203.0.113.9/24") == ("ipv4-addr", "203.0.113.0/24")
    assert normalise("domain", "Evil.Example.") == ("domain-name", "evil.example")
    assert normalise("mac", "AA-BB-CC-00-11-22") == ("mac-addr", "aa:bb:cc:00:11:22")
    assert normalise("", "203.0.113.999") is None
    assert normalise("asn", "AS 4294967296") is None
