-- What a base was called before it was transferred. Its references stay what they meant, and nobody else comes by the name.
CREATE TABLE former_name (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    base_id INTEGER NOT NULL REFERENCES base (id),
    PRIMARY KEY (owner, name)
) STRICT;
