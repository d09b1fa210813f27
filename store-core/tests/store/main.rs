//! The store as a library, where HTTP does not reach: sweeps, crashes, races, and long histories.
//!
//! On SQLite and a local directory always; on PostgreSQL and in a bucket as well where `TEST_POSTGRES_URL` and
//! `TEST_S3_ENDPOINT` name servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop and say where")]

mod audit;
mod bucket;
mod clock;
mod crash;
mod feed;
mod histories;
mod packs;
mod patches;
mod place;
mod proofs;
mod publisher;
mod rights;
mod sample;
mod searching;
mod snapshots;
mod sweep;
