-- A set of (architecture or common, path), by the SHA-256 of its list. Many revisions share one.
CREATE TABLE shape (
    id BYTEA PRIMARY KEY CHECK (length(id) = 32),
    places TEXT NOT NULL
);

-- Counters stand apart from what they count, so that a number is not given again when its revision is gone.
-- The series of multi-series charms is the empty text: NULL would equal nothing, not even itself.
CREATE TABLE revision_counter (
    base_id BIGINT NOT NULL REFERENCES base (id),
    series TEXT COLLATE "C" NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (base_id, series)
);

CREATE TABLE revision (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base_id BIGINT NOT NULL REFERENCES base (id),
    series TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number BETWEEN 0 AND 2147483647),
    kind TEXT NOT NULL CHECK (kind IN ('charm', 'bundle')),
    blob_id BIGINT NOT NULL REFERENCES blob (id),
    tree_digest BYTEA NOT NULL CHECK (length(tree_digest) = 32),
    -- What metadata.yaml and its kin, or bundle.yaml, say, as JSON that nothing here looks into.
    entity TEXT NOT NULL,
    supported_series TEXT NOT NULL,
    default_stream TEXT COLLATE "C",
    published_by TEXT COLLATE "C" NOT NULL,
    published_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    withdrawn_reason TEXT,
    UNIQUE (base_id, series, number)
);

CREATE INDEX revision_blob ON revision (blob_id);

CREATE TABLE declared_shape (
    revision_id BIGINT NOT NULL REFERENCES revision (id),
    stream TEXT COLLATE "C" NOT NULL,
    shape_id BYTEA NOT NULL REFERENCES shape (id),
    PRIMARY KEY (revision_id, stream)
);

-- The list of an archive's files, read once, so that one file is served without reading the archive's directory.
-- It belongs to the bytes: two revisions with the same archive share it, and it goes when they go.
CREATE TABLE archive_file (
    blob_id BIGINT NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
    path TEXT COLLATE "C" NOT NULL,
    -- The order in the archive, which v4's manifests keep.
    ordinal BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('directory', 'file', 'link')),
    executable BOOLEAN NOT NULL,
    link_target TEXT,
    size BIGINT NOT NULL,
    compressed_size BIGINT NOT NULL,
    data_offset BIGINT NOT NULL,
    method BIGINT NOT NULL,
    crc32 BIGINT NOT NULL,
    sha256 BYTEA,
    PRIMARY KEY (blob_id, path)
);
