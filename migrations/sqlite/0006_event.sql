-- Followers read by number with a cursor, so a number must never become visible after a higher one, and none may be
-- left out. A sequence promises neither. This row is taken until the commit, and a rollback takes the number back.
CREATE TABLE event_counter (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;

INSERT INTO event_counter (id, last) VALUES (1, 0);

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    base_id INTEGER REFERENCES base (id),
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
