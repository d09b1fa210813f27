-- A group is here so that it can be told from a misspelt one, and be empty. It is never removed: its name stands in
-- rights, and whoever came by it again would have them.
CREATE TABLE user_group (
    name TEXT COLLATE "C" PRIMARY KEY
);

INSERT INTO user_group (name) SELECT DISTINCT name FROM account_group;

-- Whether the member says who else is one.
ALTER TABLE account_group ADD COLUMN manager BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX account_group_name ON account_group (name);

-- Users and groups share one space of names: a user of a group's name would own what is the group's.
CREATE TABLE principal (
    name TEXT COLLATE "C" PRIMARY KEY,
    is_group BOOLEAN NOT NULL
);

INSERT INTO principal (name, is_group) SELECT name, TRUE FROM user_group;

INSERT INTO principal (name, is_group) SELECT name, FALSE FROM account WHERE TRUE ON CONFLICT (name) DO NOTHING;
