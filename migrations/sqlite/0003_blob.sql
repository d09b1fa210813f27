-- A row stands here, pending, before the first byte is written: what a crash leaves behind is known without listing
-- a bucket. Keys are random and never used twice, so that a sweep cannot take what a new upload just stored.
CREATE TABLE object (
    key TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'live', 'deleting')),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Live objects are the most by far, and no sweep looks for them.
CREATE INDEX object_not_live ON object (changed_at) WHERE state <> 'live';

CREATE TABLE blob (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Each digest alone is unique, which is more than the pair being so: a pair of which one half is another blob's
    -- is a collision, and never gets in.
    sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
    blake3 BLOB NOT NULL UNIQUE CHECK (length(blake3) = 32),
    size INTEGER NOT NULL CHECK (size >= 0),
    -- Costs more than the pair together, so it may come later, by a job.
    sha384 BLOB CHECK (length(sha384) = 48),
    object_key TEXT NOT NULL UNIQUE REFERENCES object (key),
    created_at INTEGER NOT NULL,
    -- Moved on whenever an upload or a publish finds the blob: the sweep's grace period counts from here.
    last_named_at INTEGER NOT NULL
) STRICT;

CREATE INDEX blob_last_named ON blob (last_named_at);
CREATE INDEX blob_without_sha384 ON blob (id) WHERE sha384 IS NULL;
