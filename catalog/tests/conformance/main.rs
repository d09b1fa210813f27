//! One suite for both databases: SQLite in a temporary directory, and PostgreSQL where `TEST_POSTGRES_URL` names a
//! server on which databases may be created.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop and say where")]

mod accounts;
mod audit;
mod bases;
mod blobs;
mod charms;
mod events;
mod fixtures;
mod groups;
mod leases;
mod migrations;
mod packs;
mod patches;
mod releases;
mod resources;
mod sessions;
mod snapshots;
mod test_database;
