-- Who did what, or tried to. What was done to a base is told by its event; this adds by which token, and what was refused.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    -- Null where the caller is not known.
    actor TEXT,
    -- The identifier of the token, null where a password was given.
    token TEXT,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    -- Why it was refused.
    reason TEXT,
    event INTEGER REFERENCES event (seq),
    body TEXT NOT NULL
) STRICT;

CREATE INDEX audit_actor ON audit (actor);

CREATE INDEX audit_object ON audit (object);

-- Rows are added and never changed: not by a program with a fault, and not by one that was taken over.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;
