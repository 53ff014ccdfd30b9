-- accounts.sqlite: people, their credentials and what they keep. Times are microseconds since 1970 UTC.
-- Secrets stand here only as hashes: passwords under argon2id; links, sessions and tokens, which are random, under SHA-256.

CREATE TABLE account (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    roles        TEXT NOT NULL,               -- JSON array, sorted
    active       INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created      INTEGER NOT NULL,
    language     TEXT NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'fr')),
    zone         TEXT NOT NULL DEFAULT 'UTC',
    password     TEXT                         -- argon2id in PHC form; NULL: cannot sign in by password
) STRICT;

-- The order in which records were released to somebody depends on this history: it only grows.
CREATE TABLE clearance (
    account    INTEGER NOT NULL REFERENCES account (id),
    since      INTEGER NOT NULL,
    clearances TEXT NOT NULL,                 -- JSON array of kernel.label.Clearance
    PRIMARY KEY (account, since)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER clearance_is_history_update BEFORE UPDATE ON clearance
BEGIN SELECT RAISE(ABORT, 'clearances are history: they are never rewritten'); END;
CREATE TRIGGER clearance_is_history_delete BEFORE DELETE ON clearance
BEGIN SELECT RAISE(ABORT, 'clearances are history: they are never deleted'); END;
CREATE TRIGGER clearance_is_history_insert BEFORE INSERT ON clearance
WHEN NEW.since <= (SELECT coalesce(max(since), -1) FROM clearance WHERE account = NEW.account)
BEGIN SELECT RAISE(ABORT, 'clearances are history: a new one begins after the last'); END;

CREATE TABLE link (                           -- one-time sign-in links
    hash    BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account (id),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX link_account ON link (account);

CREATE TABLE session (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES account (id),
    csrf    TEXT NOT NULL,
    created INTEGER NOT NULL,
    seen    INTEGER NOT NULL,                 -- written at most once a minute
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX session_account ON session (account);

CREATE TABLE token (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES account (id),
    name    TEXT NOT NULL,
    scope   TEXT NOT NULL,                    -- JSON array, sorted
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL DEFAULT 0,       -- written at most once a minute; 0: never
    revoked INTEGER                           -- when; NULL: in force
) STRICT;
CREATE INDEX token_account ON token (account);

-- Failed sign-ins by the hash of the name that was tried, whether there is such an account or not.
CREATE TABLE failure (
    name    BLOB PRIMARY KEY,
    known   INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    locked  INTEGER NOT NULL DEFAULT 0        -- until this moment
) STRICT, WITHOUT ROWID;
CREATE INDEX failure_last ON failure (last);

CREATE TABLE identity (                       -- OpenID Connect
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    account INTEGER NOT NULL REFERENCES account (id),
    bound   INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE saved_search (
    account INTEGER NOT NULL REFERENCES account (id),
    name    TEXT NOT NULL,
    query   TEXT NOT NULL,
    notify  INTEGER NOT NULL CHECK (notify IN (0, 1)),
    cursor  TEXT NOT NULL DEFAULT '',         -- how far its owner has been told; opaque here
    created INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE mark (                           -- how far somebody has looked: "home", "d/council"
    account INTEGER NOT NULL REFERENCES account (id),
    topic   TEXT NOT NULL,
    value   TEXT NOT NULL,                    -- opaque here
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, topic)
) STRICT, WITHOUT ROWID;

CREATE TABLE administration (                 -- who changed which account, and when
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    account TEXT NOT NULL,
    action  TEXT NOT NULL,
    detail  TEXT NOT NULL                     -- JSON object, never a secret
) STRICT;

CREATE TRIGGER administration_is_history_update BEFORE UPDATE ON administration
BEGIN SELECT RAISE(ABORT, 'the administrative log is never rewritten'); END;
CREATE TRIGGER administration_is_history_delete BEFORE DELETE ON administration
BEGIN SELECT RAISE(ABORT, 'the administrative log is never deleted'); END;
