-- Releases are only ever added: the pointers' history, and the pairs that once were current, are read from them.
CREATE TABLE release (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base_id BIGINT NOT NULL REFERENCES base (id),
    channel TEXT COLLATE "C" NOT NULL,
    revision_id BIGINT NOT NULL REFERENCES revision (id),
    released_by TEXT COLLATE "C" NOT NULL,
    released_at BIGINT NOT NULL,
    reason TEXT,
    event BIGINT NOT NULL REFERENCES event (seq)
);

CREATE INDEX release_of_base ON release (base_id, event);

CREATE TABLE release_stream (
    release_id BIGINT NOT NULL REFERENCES release (id),
    stream TEXT COLLATE "C" NOT NULL,
    resource_revision_id BIGINT NOT NULL REFERENCES resource_revision (id),
    PRIMARY KEY (release_id, stream)
);

-- Which pointers the release moved, and where each stood before; NULL if it is the pointer's first.
CREATE TABLE release_pointer (
    release_id BIGINT NOT NULL REFERENCES release (id),
    series TEXT COLLATE "C" NOT NULL,
    previous_release_id BIGINT REFERENCES release (id),
    PRIMARY KEY (release_id, series)
);

CREATE TABLE head (
    base_id BIGINT NOT NULL REFERENCES base (id),
    channel TEXT COLLATE "C" NOT NULL,
    series TEXT COLLATE "C" NOT NULL,
    release_id BIGINT NOT NULL REFERENCES release (id),
    PRIMARY KEY (base_id, channel, series)
);
