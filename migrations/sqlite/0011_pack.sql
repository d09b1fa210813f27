-- A blob that came in a pack has an object as any other, of which no byte is its own: they are in the object of the
-- pack, which goes once no other names it.
ALTER TABLE object ADD COLUMN pack_key TEXT REFERENCES object (key);

CREATE INDEX object_in_pack ON object (pack_key) WHERE pack_key IS NOT NULL;
