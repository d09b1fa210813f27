-- Jobs of other systems that may publish to a base, without a secret that could leak.
CREATE TABLE trust (
    id TEXT PRIMARY KEY,
    base_id INTEGER NOT NULL REFERENCES base (id),
    issuer TEXT NOT NULL,
    repository TEXT NOT NULL,
    -- Noted at the first use: whoever comes by the repository's name later is somebody else.
    repository_id TEXT,
    workflow TEXT NOT NULL,
    -- Null where any will do.
    environment TEXT,
    -- Null where it releases nothing.
    channel TEXT,
    -- What the job does it does for this account, and never more than it may.
    account_id INTEGER NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX trust_base ON trust (base_id);

-- Tokens of other issuers that were exchanged: each is good for one.
CREATE TABLE used_token (
    issuer TEXT NOT NULL,
    token_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, token_id)
) STRICT;

CREATE INDEX used_token_end ON used_token (expires_at);
