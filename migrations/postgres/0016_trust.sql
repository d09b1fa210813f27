-- Jobs of other systems that may publish to a base, without a secret that could leak.
CREATE TABLE trust (
    id TEXT COLLATE "C" PRIMARY KEY,
    base_id BIGINT NOT NULL REFERENCES base (id),
    issuer TEXT COLLATE "C" NOT NULL,
    repository TEXT COLLATE "C" NOT NULL,
    -- Noted at the first use: whoever comes by the repository's name later is somebody else.
    repository_id TEXT COLLATE "C",
    workflow TEXT COLLATE "C" NOT NULL,
    -- Null where any will do.
    environment TEXT COLLATE "C",
    -- Null where it releases nothing.
    channel TEXT COLLATE "C",
    -- What the job does it does for this account, and never more than it may.
    account_id BIGINT NOT NULL REFERENCES account (id),
    created_at BIGINT NOT NULL
);

CREATE INDEX trust_base ON trust (base_id);

-- Tokens of other issuers that were exchanged: each is good for one.
CREATE TABLE used_token (
    issuer TEXT COLLATE "C" NOT NULL,
    token_id TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, token_id)
);

CREATE INDEX used_token_end ON used_token (expires_at);
