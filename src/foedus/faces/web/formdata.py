"""What a form sent: every value of every field, blank ones and repeated names included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from litestar.datastructures import UploadFile

from foedus.faces.web.visit import AnyRequest
from foedus.kernel.errors import Fault, Refused

_MAX_FIELDS = 5_000


@dataclass(frozen=True, slots=True)
class Form:
    """The texts of a form by field name; `files` what it uploaded, as (name, content)."""

    fields: Mapping[str, list[str]] = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()

    def text(self, name: str) -> str:
        """The first value without white space around it, "" where there is none."""
        values = self.fields.get(name)
        return values[0].strip() if values else ""

    def raw(self, name: str) -> str:
        """The first value as it was typed, with the line ends of a text file."""
        values = self.fields.get(name)
        return values[0].replace("\r\n", "\n").replace("\r", "\n") if values else ""

    def all(self, name: str) -> list[str]:
        """Every value that says something."""
        return [v.strip() for v in self.fields.get(name, []) if v.strip()]

    def checked(self, name: str) -> bool:
        return bool(self.all(name))

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def items(self) -> Iterator[tuple[str, str]]:
        """Every pair, to send the form on unchanged."""
        for name, values in self.fields.items():
            for value in values:
                yield name, value


async def read_form(request: AnyRequest) -> Form:
    """The form of a request. Raises Refused for one with more than 5,000 fields."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(request)
    fields: dict[str, list[str]] = {}
    try:
        body = (await request.body()).decode("utf-8")
        for name, value in parse_qsl(body, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"):
            fields.setdefault(name, []).append(value)
    except ValueError as error:
        raise Refused([Fault("unreadable-form", "the form has too many fields or is not UTF-8")]) from error
    return Form(fields)


async def _multipart(request: AnyRequest) -> Form:
    fields: dict[str, list[str]] = {}
    files: list[tuple[str, bytes]] = []
    for name, value in (await request.form()).multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            if value.filename or content:
                files.append((value.filename, content))
        elif isinstance(value, str):
            fields.setdefault(name, []).append(value)
    return Form(fields, tuple(files))
