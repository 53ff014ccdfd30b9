-- The projection of typed links: which entry says that one id points at another. Ids are seeded 64-bit hashes
-- (hashing.py), kinds the hash of their name, so that the order of rows never depends on what came first.
-- Each table is the covering index of one direction; rows go in sorted by its key.
CREATE TABLE IF NOT EXISTS forward (
    source INTEGER NOT NULL, kind INTEGER NOT NULL, target INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (source, kind, target, seq)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS backward (
    target INTEGER NOT NULL, kind INTEGER NOT NULL, source INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (target, kind, source, seq)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS kinds (code INTEGER PRIMARY KEY, name TEXT NOT NULL);

-- `cursor`: entries below it are in. Moves in the transaction that puts them in.
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO state VALUES ('cursor', 0);
