//! One file per sub-command.

pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod group;
pub(crate) mod ingest;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod reindex;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod user;
