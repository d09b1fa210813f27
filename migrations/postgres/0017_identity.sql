-- Who an account is at another issuer. Its name there may become somebody else's, its subject does not.
CREATE TABLE identity (
    issuer TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identity_account ON identity (account_id);

-- The token by which it was made: whoever ends a leaked one ends what was made of it.
ALTER TABLE token ADD COLUMN made_by TEXT COLLATE "C";

CREATE INDEX token_made_by ON token (made_by);

CREATE INDEX token_end ON token (expires_at);
