//! Who published what, where the pointers stand, who may, and what happened: every SQL statement of the system.
//!
//! One body of queries serves SQLite and PostgreSQL. Everything goes through a [`Transaction`], which
//! [`Database::read`] and [`Database::write`] begin; its methods are found by noun:
//!
//! 1. The seam: [`database`], [`migration`], [`transaction`], [`error`]; the values of rows: [`id`], [`document`].
//! 2. What is published: [`base`], [`charm`], [`archive`], [`resources`], and what they consist of: [`object`],
//!    [`blob`], many at once in [`contents`] and [`pack`]; and what leads from one to another: [`patch`].
//! 3. Where the pointers stand: [`release`], [`history`], and [`snapshot`], which resolving works on.
//! 4. What happened: [`event`], [`audit`].
//! 5. The publish conversation: [`session`], [`upload`], [`challenge`].
//! 6. Who may speak: [`account`], [`group`], [`token`], [`trust`], [`signing_key`]; and which server does a job: [`lease`].
//!
//! Two rules keep writers from waiting for each other in a circle: lock the base before anything else of it is
//! written ([`Transaction::lock_base`]), and append the event late, since its counter is held until the commit.

mod column;
mod shape;

pub mod account;
pub mod archive;
pub mod audit;
pub mod base;
pub mod blob;
pub mod challenge;
pub mod charm;
pub mod contents;
pub mod database;
pub mod document;
pub mod error;
pub mod event;
pub mod group;
pub mod history;
pub mod id;
pub mod lease;
pub mod migration;
pub mod object;
pub mod pack;
pub mod patch;
pub mod release;
pub mod resources;
pub mod session;
pub mod signing_key;
pub mod snapshot;
pub mod token;
pub mod transaction;
pub mod trust;
pub mod upload;

pub use database::Database;
pub use document::Document;
pub use error::CatalogError;
pub use id::Id;
pub use transaction::Transaction;
