"""medallion 3.0.0 with its memory back end under gunicorn. Runs in the peers' environment.

It knows Basic authentication only and compares the password as plain text, so that costs it nothing.
"""

from __future__ import annotations

import json
import os

FOLDER = os.environ["BENCH_FOLDER"]
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
TAXII = "application/taxii+json;version=2.1"


def data() -> dict[str, object]:
    """One API root with one empty collection."""
    return {
        "discovery": {"title": "bench", "default": "/bench/", "api_roots": ["/bench/"]},
        "bench": {
            "information": {"title": "bench", "versions": [TAXII], "max_content_length": 64 * 1024 * 1024},
            "status": [],
            "collections": [
                {
                    "id": COLLECTION,
                    "title": "everything",
                    "can_read": True,
                    "can_write": True,
                    "media_types": ["application/stix+json;version=2.1"],
                    "objects": [],
                    "manifest": [],
                }
            ],
        },
    }


def application() -> object:
    """The Flask application."""
    from medallion import application_instance, register_blueprints, set_config

    file = os.path.join(FOLDER, "data.json")
    with open(file, "w") as out:
        json.dump(data(), out)
    config = {
        "users": {"bench": os.environ["BENCH_PASSWORD"]},
        "taxii": {"max_page_size": 1000},
        "backend": {
            "module": "medallion.backends.memory_backend",
            "module_class": "MemoryBackend",
            "filename": file,
        },
    }
    for name in ("users", "taxii", "backend"):
        set_config(application_instance, name, config)
    register_blueprints(application_instance)
    return application_instance


app = application()
