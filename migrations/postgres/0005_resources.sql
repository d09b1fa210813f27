-- Like revision_counter, of a stream's resource revisions.
CREATE TABLE stream (
    base_id BIGINT NOT NULL REFERENCES base (id),
    name TEXT COLLATE "C" NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (base_id, name)
);

CREATE TABLE resource_revision (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base_id BIGINT NOT NULL REFERENCES base (id),
    stream TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number BETWEEN 0 AND 2147483647),
    shape_id BYTEA NOT NULL REFERENCES shape (id),
    manifest_digest BYTEA NOT NULL CHECK (length(manifest_digest) = 32),
    n_files BIGINT NOT NULL,
    size BIGINT NOT NULL,
    published_by TEXT COLLATE "C" NOT NULL,
    published_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    withdrawn_reason TEXT,
    UNIQUE (base_id, stream, number)
);

CREATE TABLE resource_file (
    resource_revision_id BIGINT NOT NULL REFERENCES resource_revision (id),
    tree TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    blob_id BIGINT NOT NULL REFERENCES blob (id),
    executable BOOLEAN NOT NULL,
    PRIMARY KEY (resource_revision_id, tree, path)
);

CREATE INDEX resource_file_blob ON resource_file (blob_id);

-- Which resources a charm revision was first published with. One row for each of its streams: the first wins.
CREATE TABLE together (
    revision_id BIGINT NOT NULL REFERENCES revision (id),
    stream TEXT COLLATE "C" NOT NULL,
    resource_revision_id BIGINT NOT NULL REFERENCES resource_revision (id),
    PRIMARY KEY (revision_id, stream)
);
