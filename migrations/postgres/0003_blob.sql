-- A row stands here, pending, before the first byte is written: what a crash leaves behind is known without listing
-- a bucket. Keys are random and never used twice, so that a sweep cannot take what a new upload just stored.
CREATE TABLE object (
    key TEXT COLLATE "C" PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'live', 'deleting')),
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Live objects are the most by far, and no sweep looks for them.
CREATE INDEX object_not_live ON object (changed_at) WHERE state <> 'live';

CREATE TABLE blob (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Each digest alone is unique, which is more than the pair being so: a pair of which one half is another blob's
    -- is a collision, and never gets in.
    sha256 BYTEA NOT NULL UNIQUE CHECK (length(sha256) = 32),
    blake3 BYTEA NOT NULL UNIQUE CHECK (length(blake3) = 32),
    size BIGINT NOT NULL CHECK (size >= 0),
    -- Costs more than the pair together, so it may come later, by a job.
    sha384 BYTEA CHECK (length(sha384) = 48),
    object_key TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES object (key),
    created_at BIGINT NOT NULL,
    -- Moved on whenever an upload or a publish finds the blob: the sweep's grace period counts from here.
    last_named_at BIGINT NOT NULL
);

CREATE INDEX blob_last_named ON blob (last_named_at);
CREATE INDEX blob_without_sha384 ON blob (id) WHERE sha384 IS NULL;
