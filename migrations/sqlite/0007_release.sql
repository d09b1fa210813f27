-- Releases are only ever added: the pointers' history, and the pairs that once were current, are read from them.
CREATE TABLE release (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    base_id INTEGER NOT NULL REFERENCES base (id),
    channel TEXT NOT NULL,
    revision_id INTEGER NOT NULL REFERENCES revision (id),
    released_by TEXT NOT NULL,
    released_at INTEGER NOT NULL,
    reason TEXT,
    event INTEGER NOT NULL REFERENCES event (seq)
) STRICT;

CREATE INDEX release_of_base ON release (base_id, event);

CREATE TABLE release_stream (
    release_id INTEGER NOT NULL REFERENCES release (id),
    stream TEXT NOT NULL,
    resource_revision_id INTEGER NOT NULL REFERENCES resource_revision (id),
    PRIMARY KEY (release_id, stream)
) STRICT;

-- Which pointers the release moved, and where each stood before; NULL if it is the pointer's first.
CREATE TABLE release_pointer (
    release_id INTEGER NOT NULL REFERENCES release (id),
    series TEXT NOT NULL,
    previous_release_id INTEGER REFERENCES release (id),
    PRIMARY KEY (release_id, series)
) STRICT;

CREATE TABLE head (
    base_id INTEGER NOT NULL REFERENCES base (id),
    channel TEXT NOT NULL,
    series TEXT NOT NULL,
    release_id INTEGER NOT NULL REFERENCES release (id),
    PRIMARY KEY (base_id, channel, series)
) STRICT;
