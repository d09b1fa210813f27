-- A background job is done by the one server that holds its lease; another takes over when the lease runs out.
CREATE TABLE lease (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
);
