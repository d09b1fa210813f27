CREATE TABLE account (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    -- A robot has tokens and no password.
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    -- An account is never removed: its name stands in histories, and nobody else may come by it.
    disabled_at BIGINT
);

CREATE TABLE account_group (
    account_id BIGINT NOT NULL REFERENCES account (id),
    name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE token (
    id TEXT COLLATE "C" PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES account (id),
    scope TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    last_used_at BIGINT
);

CREATE INDEX token_account ON token (account_id);

-- The keys are here and not in a file, so that every server of a store accepts the tokens of the others.
CREATE TABLE signing_key (
    id TEXT COLLATE "C" PRIMARY KEY,
    algorithm TEXT NOT NULL,
    private_key BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    -- A retired key signs nothing more; what it signed stays good until it expires.
    retired_at BIGINT
);
