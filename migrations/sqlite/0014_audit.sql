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

CREATE INDEX audit_actor ON audit (actor, id);

CREATE INDEX audit_object ON audit (object, id);

CREATE INDEX audit_refused ON audit (id) WHERE allowed = FALSE;

-- Rows are added and never changed: not by a program with a fault, and not by one that was taken over.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;

-- `INSERT OR REPLACE` removes a row without a word to the trigger above.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;

-- What was done to a base stands in its event alone.
CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are only added');
END;

CREATE TRIGGER event_is_not_removed BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are only added');
END;

CREATE TRIGGER event_is_not_replaced BEFORE INSERT ON event WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'events are only added');
END;
