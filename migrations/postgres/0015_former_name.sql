-- What a base was called before it was transferred. Its references stay what they meant, and nobody else comes by the name.
CREATE TABLE former_name (
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    base_id BIGINT NOT NULL REFERENCES base (id),
    PRIMARY KEY (owner, name)
);
