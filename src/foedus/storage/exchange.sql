-- What a node remembers of its exchange with others. No projection: a copy of it belongs to every backup.

-- What each statement is here: the entry of the journal, the seal, and for what came from elsewhere its salt.
CREATE TABLE notes (id INTEGER PRIMARY KEY, note BLOB NOT NULL UNIQUE);
CREATE TABLE seals (
    seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, note INTEGER NOT NULL REFERENCES notes (id), place INTEGER NOT NULL,
    path BLOB NOT NULL, salt BLOB
);
CREATE UNIQUE INDEX seals_by_leaf ON seals (leaf);

-- Recalls: of a statement's leaf, as its originator stated it. What is recalled may come later, and is then refused.
CREATE TABLE recalls (
    id INTEGER PRIMARY KEY, leaf BLOB NOT NULL UNIQUE, originator TEXT NOT NULL, statement BLOB NOT NULL,
    seal BLOB NOT NULL, at INTEGER NOT NULL
);

-- Sender's side: up to which entry of the journal a channel has been looked at.
CREATE TABLE outlets (peer TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID;

-- Receiver's side: how far a peer's channel was taken.
CREATE TABLE places (
    peer TEXT PRIMARY KEY, size INTEGER NOT NULL, peaks BLOB NOT NULL, note BLOB NOT NULL, seen INTEGER NOT NULL,
    root BLOB NOT NULL, ahead INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE quarantine (
    peer TEXT NOT NULL, number INTEGER NOT NULL, sent BLOB NOT NULL, step INTEGER NOT NULL, reason TEXT NOT NULL,
    at INTEGER NOT NULL, settled TEXT NOT NULL DEFAULT '', PRIMARY KEY (peer, number)
) WITHOUT ROWID;
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY, peer TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, earlier BLOB NOT NULL,
    later BLOB NOT NULL
);

-- Signed receipts: the latest that a peer gave for our channel, and every recall that it has carried out.
CREATE TABLE receipts (peer TEXT PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL, note BLOB NOT NULL) WITHOUT ROWID;
