-- Bytes that a recipe made of what was there: received, and never sent. Negative where the recipe was the longer way.
ALTER TABLE upload ADD COLUMN saved INTEGER NOT NULL DEFAULT 0;
