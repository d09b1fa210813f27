-- Bases and accounts stand here by name: the base of a first publish does not exist yet, and a robot that a trusted
-- issuer vouches for has no account.
CREATE TABLE publish_session (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'abandoned')),
    -- The answer to the commit, given again to a client that lost it.
    result TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX publish_session_open ON publish_session (expires_at) WHERE state = 'open';
CREATE INDEX publish_session_of_account ON publish_session (account) WHERE state = 'open';

CREATE TABLE upload (
    session_id TEXT NOT NULL REFERENCES publish_session (id) ON DELETE CASCADE,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    blake3 BLOB NOT NULL CHECK (length(blake3) = 32),
    size INTEGER NOT NULL,
    -- No foreign key: the object may be swept while the session's record is kept.
    object_key TEXT NOT NULL,
    -- What the writer of the bytes needs in order to go on; opaque here.
    state BLOB NOT NULL,
    received INTEGER NOT NULL,
    -- Compared and counted up by every part: of two writers with the same offset, one wins.
    version INTEGER NOT NULL,
    blob_id INTEGER REFERENCES blob (id) ON DELETE SET NULL,
    PRIMARY KEY (session_id, sha256)
) STRICT;

CREATE INDEX upload_object ON upload (object_key);
CREATE INDEX upload_blob ON upload (blob_id);

CREATE TABLE challenge (
    session_id TEXT NOT NULL REFERENCES publish_session (id) ON DELETE CASCADE,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    account TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (session_id, sha256)
) STRICT;

-- Checking a proof reads the whole blob, and asking for it costs nothing: so an account has a budget.
CREATE TABLE proof_budget (
    account TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (account, window_start)
) STRICT;
