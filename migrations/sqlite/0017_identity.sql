-- Who an account is at another issuer. Its name there may become somebody else's, its subject does not.
CREATE TABLE identity (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX identity_account ON identity (account_id);

-- The token by which it was made: whoever ends a leaked one ends what was made of it.
ALTER TABLE token ADD COLUMN made_by TEXT;

CREATE INDEX token_made_by ON token (made_by);

CREATE INDEX token_end ON token (expires_at);
