-- A set of (architecture or common, path), by the SHA-256 of its list. Many revisions share one.
CREATE TABLE shape (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    places TEXT NOT NULL
) STRICT;

-- Counters stand apart from what they count, so that a number is not given again when its revision is gone.
-- The series of multi-series charms is the empty text: NULL would equal nothing, not even itself.
CREATE TABLE revision_counter (
    base_id INTEGER NOT NULL REFERENCES base (id),
    series TEXT NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (base_id, series)
) STRICT;

CREATE TABLE revision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    base_id INTEGER NOT NULL REFERENCES base (id),
    series TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 2147483647),
    kind TEXT NOT NULL CHECK (kind IN ('charm', 'bundle')),
    blob_id INTEGER NOT NULL REFERENCES blob (id),
    tree_digest BLOB NOT NULL CHECK (length(tree_digest) = 32),
    -- What metadata.yaml and its kin, or bundle.yaml, say, as JSON that nothing here looks into.
    entity TEXT NOT NULL,
    supported_series TEXT NOT NULL,
    default_stream TEXT,
    published_by TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    withdrawn_at INTEGER,
    withdrawn_reason TEXT,
    UNIQUE (base_id, series, number)
) STRICT;

CREATE INDEX revision_blob ON revision (blob_id);

CREATE TABLE declared_shape (
    revision_id INTEGER NOT NULL REFERENCES revision (id),
    stream TEXT NOT NULL,
    shape_id BLOB NOT NULL REFERENCES shape (id),
    PRIMARY KEY (revision_id, stream)
) STRICT;

-- The list of an archive's files, read once, so that one file is served without reading the archive's directory.
-- It belongs to the bytes: two revisions with the same archive share it, and it goes when they go.
CREATE TABLE archive_file (
    blob_id INTEGER NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    -- The order in the archive, which v4's manifests keep.
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('directory', 'file', 'link')),
    executable INTEGER NOT NULL,
    link_target TEXT,
    size INTEGER NOT NULL,
    compressed_size INTEGER NOT NULL,
    data_offset INTEGER NOT NULL,
    method INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    sha256 BLOB,
    PRIMARY KEY (blob_id, path)
) STRICT;
