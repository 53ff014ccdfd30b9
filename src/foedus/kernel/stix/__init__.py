"""STIX 2.1 (OASIS standard): what an object must be, checked in one pass that names every fault.

    >>> [fault.code for fault in validate({"type": "mutex", "id": "mutex--1"})]
    ['invalid-identifier', 'missing-property']

`validate` checks a tree that strict JSON reading gave (see `canonical`). Open vocabularies are open; unknown
properties and types are welcome where their names are valid, and nothing is ever changed.

    vocabulary  closed lists            values  addresses, hashes, URLs, languages
    checks      checks and how to combine them  plan  the checks of one type
    common      shared properties       domain_objects, observables, observable_extensions  the tables of types
    markings    selectors and marking definitions   patterns  indicator patterns   upgrade  STIX 2.0 to 2.1
"""

from __future__ import annotations

from foedus.kernel.stix.upgrade import upgrade
from foedus.kernel.stix.validate import UPGRADE_HINT, is_stix20, validate

__all__ = ["UPGRADE_HINT", "is_stix20", "upgrade", "validate"]
