-- A base is all revisions of one ~owner/name. Rights, pointers and promulgation are the base's, not a revision's.
CREATE TABLE base (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    acl TEXT NOT NULL,
    promulgated INTEGER NOT NULL DEFAULT FALSE,
    -- Repeats the log's last event of this base, so that an answer can be marked without searching the log.
    last_event INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    UNIQUE (owner, name)
) STRICT;

-- A reference without an owner means one base or none.
CREATE UNIQUE INDEX base_promulgated ON base (name) WHERE promulgated;
