-- What leads from one blob to another in fewer bytes. A publish wants it, a job makes it, and it goes with either of
-- the two: it is never the only copy of anything.
CREATE TABLE patch (
    -- No foreign keys: each would lock its blob, in an order of its own, and publishers that hold others would wait for
    -- each other in a circle.
    from_blob_id INTEGER NOT NULL,
    to_blob_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'made', 'useless')),
    -- Counted before each attempt, so that one which takes its server down is not tried for ever.
    attempts INTEGER NOT NULL,
    wanted_at INTEGER NOT NULL,
    -- Of the recipe, once it is made.
    sha256 BLOB CHECK (length(sha256) = 32),
    blake3 BLOB CHECK (length(blake3) = 32),
    size INTEGER,
    object_key TEXT REFERENCES object (key),
    PRIMARY KEY (from_blob_id, to_blob_id)
) STRICT;

CREATE INDEX patch_to ON patch (to_blob_id);
CREATE INDEX patch_wanted ON patch (wanted_at) WHERE state = 'wanted';
