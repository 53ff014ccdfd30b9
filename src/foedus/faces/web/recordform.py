"""Records as forms: fields of a domain's RecordType to draw, and what was sent back to a STIX object. Pure.

All faults come at once, each beside its field, in the writer's language where the form itself finds them. A value that
the writer did not touch stays exactly as the record had it, to the last digit of its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from markupsafe import Markup

from foedus.faces.web.formdata import Form
from foedus.faces.web.language import Words, words
from foedus.faces.web.readable import STIX_ID
from foedus.faces.web.saying import said
from foedus.kernel.domain import say
from foedus.kernel.errors import Fault
from foedus.kernel.ids import format_time, timestamp

Field = Mapping[str, Any]
SOURCE_PARTS = ("source_name", "external_id", "url", "description")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPLIT = re.compile(r"[\n;]+")
_MOST_ROWS = 200
_SPARE_ROWS = 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """One field as a page shows it. `values`: texts; `rows`: sources; `other`: own words of an open choice."""

    name: str
    title: str
    widget: str
    required: bool
    values: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    types: tuple[str, ...]
    open: bool
    other: str
    rows: tuple[Mapping[str, str], ...]
    faults: tuple[Markup, ...]

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def lines(self) -> str:
        return "\n".join(self.values)


def draw(
    fields: Sequence[Field], values: Form, lang: str, faults: Iterable[Fault] = ()
) -> tuple[tuple[Drawn, ...], tuple[Fault, ...]]:
    """The fields to show, and the faults that belong to none of them."""
    by_field: dict[str, list[Markup]] = {}
    loose = []
    for fault in faults:
        home = _home(fields, fault.path)
        if home:
            by_field.setdefault(home, []).append(said(words(lang), fault))
        else:
            loose.append(fault)
    return tuple(_drawn(f, values, lang, by_field.get(f["name"], [])) for f in fields), tuple(loose)


def _home(fields: Sequence[Field], path: str) -> str:
    """The field that a fault's path speaks of; the extension as a whole belongs to its first field."""
    plain = path.partition("[")[0]
    names = [str(f["name"]) for f in fields]
    if plain in names:
        return plain
    inside = [n for n in names if plain.startswith(f"{n}.")]
    return next(iter(inside or [n for n in names if plain and n.startswith(f"{plain}.")]), "")


def _drawn(field: Field, values: Form, lang: str, faults: list[Markup]) -> Drawn:
    name, widget = str(field["name"]), str(field["widget"])
    choices = tuple((str(c["value"]), say(c["title"], lang)) for c in field.get("choices", ()))
    known = {value for value, _ in choices}
    given = values.all(name) if widget not in ("textarea",) else [values.raw(name)]
    if widget in ("list", "references"):
        given = [one for value in given for one in _parts(value)]
    other = ", ".join(v for v in [*given, *values.all(f"{name}.other")] if v not in known) if field.get("open") else ""
    rows = _rows(values, name) if widget == "references-external" else []
    blank = [dict.fromkeys(SOURCE_PARTS, "")] * _SPARE_ROWS if widget == "references-external" else []
    return Drawn(
        name,
        say(field["title"], lang),
        widget,
        bool(field.get("required")),
        tuple(v for v in given if not choices or v in known),
        choices,
        tuple(field.get("types", ())),
        bool(field.get("open")),
        other,
        (*rows, *blank),
        tuple(dict.fromkeys(faults)),
    )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in _SPLIT.split(text.replace("\r\n", "\n")) if part.strip()]


def _rows(values: Form, name: str) -> list[dict[str, str]]:
    """Rows of sources that say something."""
    rows = []
    for number in range(_MOST_ROWS):
        if f"{name}.{number}.{SOURCE_PARTS[0]}" not in values:
            break
        row = {part: values.text(f"{name}.{number}.{part}") for part in SOURCE_PARTS}
        if any(row.values()):
            rows.append(row)
    return rows


# From a record to what a form shows


def fill(fields: Sequence[Field], obj: Mapping[str, Any], zone: tzinfo) -> Form:
    """The form that shows this record."""
    out: dict[str, list[str]] = {}
    for field in fields:
        name, value = str(field["name"]), _get(obj, str(field["name"]))
        if field["widget"] == "references-external":
            for number, row in enumerate(value if isinstance(value, list) else []):
                for part in SOURCE_PARTS:
                    out[f"{name}.{number}.{part}"] = [str(row.get(part, ""))]
        elif value is not None:
            out[name] = _texts(field, value, zone)
    return Form(out)


def _texts(field: Field, value: Any, zone: tzinfo) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if field["widget"] == "datetime":
        return [local(str(value), zone)]
    return [str(value)]


def local(stamp: str, zone: tzinfo) -> str:
    """A STIX timestamp for `<input type="datetime-local" step="1">` in this zone; as it is where it is none."""
    try:
        at = datetime.fromtimestamp(timestamp(stamp) // 1_000_000, UTC).astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return stamp
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def _get(obj: Mapping[str, Any], name: str) -> Any:
    value: Any = obj
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


# From a form to a record


def read(
    fields: Sequence[Field], form: Form, before: Mapping[str, Any], zone: tzinfo, t: Words
) -> tuple[dict[str, Any], list[Fault]]:
    """`before` with what the form says of its fields, and the form's own faults. Unknown properties stay."""
    obj: dict[str, Any] = {**before}
    faults: list[Fault] = []
    shown_before = fill(fields, before, zone)
    for field in fields:
        name = str(field["name"])
        if field["widget"] == "references-external":
            _put(obj, name, _sources(form, name, _get(before, name)) or None)
            continue
        if _same(field, shown_before, form):
            continue
        value = _value(field, form, zone, t, faults)
        _put(obj, name, value)
        if value is None and field.get("required") and not any(f.path == name for f in faults):
            faults.append(Fault("form-required", t("form.required"), path=name))
    for field in fields:
        name = str(field["name"])
        empty = _get(obj, name) in (None, "", [])
        if field.get("required") and empty and not any(f.path == name for f in faults):
            faults.append(Fault("form-required", t("form.required"), path=name))
    return _without_empty_extensions(obj, fields), faults


def _same(field: Field, before: Form, form: Form) -> bool:
    """Whether the form says of this field what it was shown with, so that the record's own value stands."""
    name = str(field["name"])
    if name not in before or name not in form or form.all(f"{name}.other"):
        return False
    if field["widget"] == "textarea":
        return before.raw(name) == form.raw(name)
    said = form.all(name)
    if field["widget"] in ("list", "references"):
        said = [one for value in said for one in _parts(value)]
    return before.all(name) == said


def _value(field: Field, form: Form, zone: tzinfo, t: Words, faults: list[Fault]) -> Any:
    name, widget = str(field["name"]), field["widget"]
    if widget == "textarea":
        return form.raw(name).strip() or None
    if widget in ("list", "references"):
        values = list(dict.fromkeys(one for value in form.all(name) for one in _parts(value)))
        if widget == "references":
            faults += [_no_id(t, name, one) for one in values if not STIX_ID.match(one)]
        return values or None
    if widget == "choices":
        own = [w.strip() for w in form.text(f"{name}.other").split(",") if w.strip()]
        return list(dict.fromkeys([*form.all(name), *own])) or None
    text = (form.text(f"{name}.other") if field.get("open") else "") or form.text(name)
    if not text:
        return None
    if widget == "reference" and not STIX_ID.match(text):
        faults.append(_no_id(t, name, text))
        return text
    if widget == "datetime":
        return _moment(text, zone, t, name, faults)
    if widget == "number" or field.get("number"):
        return _number(text, t, name, faults)
    if field.get("boolean"):
        return text == "true"
    return text


def _no_id(t: Words, name: str, text: str) -> Fault:
    return Fault("no-record-chosen", t("form.no_id", text=text[:80]), path=name)


def _moment(text: str, zone: tzinfo, t: Words, name: str, faults: list[Fault]) -> str:
    """`2026-03-14T09:05` in the writer's zone, or a full timestamp, as a STIX timestamp."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        at = (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
        since = at - _EPOCH
    except (ValueError, OverflowError):
        faults.append(Fault("form-time", t("form.time"), path=name))
        return text
    return format_time((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _number(text: str, t: Words, name: str, faults: list[Fault]) -> Any:
    plain = text.replace("\u202f", "").replace("\u00a0", "").replace(",", ".")
    try:
        return int(plain) if re.fullmatch(r"[+-]?\d{1,18}", plain) else float(plain)
    except ValueError:
        faults.append(Fault("form-number", t("form.number"), path=name))
        return text


def _sources(form: Form, name: str, before: Any) -> list[dict[str, Any]]:
    """External references, in place: hashes and own properties of an existing one stay with its row."""
    out: list[dict[str, Any]] = []
    old = before if isinstance(before, list) else []
    for number in range(_MOST_ROWS):
        if f"{name}.{number}.{SOURCE_PARTS[0]}" not in form:
            break
        row = {part: form.text(f"{name}.{number}.{part}") for part in SOURCE_PARTS}
        if not any(row.values()):
            continue
        rest = {k: w for k, w in old[number].items() if k not in SOURCE_PARTS} if number < len(old) else {}
        out.append({**{k: w for k, w in row.items() if w}, **rest})
    return out


def _put(obj: dict[str, Any], name: str, value: Any) -> None:
    """Set or take away a property by its dotted name, without touching the record that `obj` was made from."""
    *path, last = name.split(".")
    here = obj
    for part in path:
        inner = here.get(part)
        if inner is None and value is None:
            return
        here[part] = {**inner} if isinstance(inner, Mapping) else {}
        here = here[part]
    if value is None:
        here.pop(last, None)
    else:
        here[last] = value


def _without_empty_extensions(obj: dict[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """A property extension that the form fills says that it is one; one that says nothing more goes."""
    ours = {str(f["name"]).split(".")[1] for f in fields if str(f["name"]).startswith("extensions.")}
    extensions = {**obj.get("extensions", {})} if isinstance(obj.get("extensions"), Mapping) else {}
    for key in ours & set(extensions):
        said = {k: w for k, w in extensions[key].items() if k not in ("extension_type", "grading_reason")}
        if said:
            extensions[key] = {"extension_type": "property-extension", **extensions[key]}
        else:
            del extensions[key]
    if extensions:
        return {**obj, "extensions": extensions}
    return {k: w for k, w in obj.items() if k != "extensions"}
