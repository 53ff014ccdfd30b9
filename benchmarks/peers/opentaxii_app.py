"""OpenTAXII 0.9.3 as its documentation runs it: gunicorn, SQLite, bearer tokens (JWT). Runs in the peers' environment.

    python opentaxii_app.py     makes API root, collection, account; prints {"root", "collection", "token"}
    gunicorn opentaxii_app:app  serves them

One thing is mended: its JSON encoder knows no UUID, so that every TAXII 2.1 collection answers 500 as it comes from
PyPI; here UUIDs are encoded as text. SQLite may wait two minutes for its lock, so that concurrent posts succeed.
Basic authentication is off: it would cost a password hash a request.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import types
import warnings

warnings.simplefilter("ignore")

FOLDER = os.environ["BENCH_FOLDER"]


def configuration() -> dict[str, object]:
    """The settings, the secret drawn once per run and kept in the run's own folder."""
    path = os.path.join(FOLDER, "secret")
    if not os.path.exists(path):
        with open(path, "w") as out:
            out.write(secrets.token_hex(32))
    with open(path) as kept:
        secret = kept.read()
    return {
        "support_basic_auth": False,
        "auth_api": {
            "class": "opentaxii.auth.sqldb.SQLDatabaseAPI",
            "parameters": {
                "db_connection": f"sqlite:///{FOLDER}/auth.db?timeout=120",
                "create_tables": True,
                "secret": secret,
            },
        },
        "taxii1": None,
        "taxii2": {
            "title": "bench",
            "max_content_length": 64 * 1024 * 1024,
            "public_discovery": True,
            "allow_custom_properties": True,
            "persistence_api": {
                "class": "opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI",
                "parameters": {"db_connection": f"sqlite:///{FOLDER}/data.db?timeout=120", "create_tables": True},
            },
        },
        "logging": {"opentaxii": "error", "root": "error"},
    }


def application() -> tuple[object, object]:
    """The Flask application and OpenTAXII's server object."""
    from opentaxii.config import ServerConfig
    from opentaxii.middleware import create_app
    from opentaxii.server import TAXIIServer
    from opentaxii.taxii2 import http
    from opentaxii.utils import configure_logging

    http.json = types.SimpleNamespace(dumps=functools.partial(json.dumps, default=str))
    config = ServerConfig(extra_configs=[configuration()])
    configure_logging(config["logging"])
    server = TAXIIServer(config)
    return create_app(server), server


def prepare() -> dict[str, str]:
    """An API root, a collection and an administrator with a token."""
    flask_app, server = application()
    with flask_app.app_context():
        store = server.servers.taxii2.persistence.api
        root = store.add_api_root(title="bench", default=True)
        collection = store.add_collection(root.id, "everything")
        accounts = server.auth.api
        password = secrets.token_hex(16)
        accounts.create_account("bench", password, is_admin=True)
        account = next(a for a in accounts.get_accounts() if a.username == "bench")
        account.is_admin = True
        accounts.update_account(account, None)
        token = accounts.authenticate("bench", password)
    return {"root": str(root.id), "collection": str(collection.id), "token": token}


if __name__ == "__main__":
    print(json.dumps(prepare()))
else:
    app, _ = application()
