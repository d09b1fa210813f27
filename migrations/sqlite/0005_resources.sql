-- Like revision_counter, of a stream's resource revisions.
CREATE TABLE stream (
    base_id INTEGER NOT NULL REFERENCES base (id),
    name TEXT NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (base_id, name)
) STRICT;

CREATE TABLE resource_revision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    base_id INTEGER NOT NULL REFERENCES base (id),
    stream TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 2147483647),
    shape_id BLOB NOT NULL REFERENCES shape (id),
    manifest_digest BLOB NOT NULL CHECK (length(manifest_digest) = 32),
    n_files INTEGER NOT NULL,
    size INTEGER NOT NULL,
    published_by TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    withdrawn_at INTEGER,
    withdrawn_reason TEXT,
    UNIQUE (base_id, stream, number)
) STRICT;

CREATE TABLE resource_file (
    resource_revision_id INTEGER NOT NULL REFERENCES resource_revision (id),
    tree TEXT NOT NULL,
    path TEXT NOT NULL,
    blob_id INTEGER NOT NULL REFERENCES blob (id),
    executable INTEGER NOT NULL,
    PRIMARY KEY (resource_revision_id, tree, path)
) STRICT;

CREATE INDEX resource_file_blob ON resource_file (blob_id);

-- Which resources a charm revision was first published with. One row for each of its streams: the first wins.
CREATE TABLE together (
    revision_id INTEGER NOT NULL REFERENCES revision (id),
    stream TEXT NOT NULL,
    resource_revision_id INTEGER NOT NULL REFERENCES resource_revision (id),
    PRIMARY KEY (revision_id, stream)
) STRICT;
