-- Who did what, or tried to. What was done to a base is told by its event; this adds by which token, and what was refused.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    -- Null where the caller is not known.
    actor TEXT COLLATE "C",
    -- The identifier of the token, null where a password was given.
    token TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    allowed BOOLEAN NOT NULL,
    -- Why it was refused.
    reason TEXT,
    event BIGINT REFERENCES event (seq),
    body TEXT NOT NULL
);

CREATE INDEX audit_actor ON audit (actor, id);

CREATE INDEX audit_object ON audit (object, id);

CREATE INDEX audit_refused ON audit (id) WHERE allowed = FALSE;

-- Rows are added and never changed: not by a program with a fault, and not by one that was taken over.
CREATE FUNCTION audit_is_only_added_to() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to';
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to();

-- What was done to a base stands in its event alone.
CREATE FUNCTION event_is_only_added() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'events are only added';
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER event_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON event
FOR EACH STATEMENT EXECUTE FUNCTION event_is_only_added();
