"""The template environment: escaping on, undefined names are errors, one set of globals."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from foedus.faces.web import times
from foedus.faces.web.families import family, icon
from foedus.faces.web.prose import pattern, prose
from foedus.faces.web.static_files import static_url
from foedus.node.roles import ROLES


@cache
def environment() -> Environment:
    """Compiled once. Templates of the pages stand in `templates/`."""
    made = Environment(
        loader=PackageLoader("foedus.faces.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals.update(static_url=static_url, family=family, type_icon=icon, read_time=times.read, place=place)
    made.filters.update(role_name=role_name, pattern=pattern, prose=prose)
    return made


def role_name(role: str, lang: str) -> str:
    """A role in words."""
    known = ROLES.get(role)
    return known.title.get(lang, known.title["en"]) if known else role


def place(latitude: object, longitude: object) -> str:
    """`60.1699° N, 24.9384° E`; as they are where they are no numbers."""
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
        return f"{abs(latitude):.4f}° {north}, {abs(longitude):.4f}° {east}"
    return f"{latitude}, {longitude}"
