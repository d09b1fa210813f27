-- A base is all revisions of one ~owner/name. Rights, pointers and promulgation are the base's, not a revision's.
CREATE TABLE base (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    acl TEXT NOT NULL,
    promulgated BOOLEAN NOT NULL DEFAULT FALSE,
    -- Repeats the log's last event of this base, so that an answer can be marked without searching the log.
    last_event BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);

-- A reference without an owner means one base or none.
CREATE UNIQUE INDEX base_promulgated ON base (name) WHERE promulgated;
