CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    -- A robot has tokens and no password.
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    -- An account is never removed: its name stands in histories, and nobody else may come by it.
    disabled_at INTEGER
) STRICT;

CREATE TABLE account_group (
    account_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT;

CREATE TABLE token (
    id TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id),
    scope TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX token_account ON token (account_id);

-- The keys are here and not in a file, so that every server of a store accepts the tokens of the others.
CREATE TABLE signing_key (
    id TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    private_key BLOB NOT NULL,
    public_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- A retired key signs nothing more; what it signed stays good until it expires.
    retired_at INTEGER
) STRICT;
