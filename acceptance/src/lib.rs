//! The harness of the acceptance tests: the real programs, and a store of its own for every test.
//!
//! 1. [`Server`]: a running `store-server`, with its data in a directory that goes away.
//! 2. [`User`]: somebody with a token, who runs `charm-publish` and `charm-deploy`.
//! 3. [`Run`]: how a program ended and what it said.
//! 4. [`Tree`]: a charm as its author keeps it. [`noise`]: contents that do not compress.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a harness whose ground gives way has failed its test"
)]

mod noise;
mod program;
mod run;
mod server;
mod tree;
mod user;

pub use noise::noise;
pub use program::program;
pub use run::Run;
pub use server::{Server, Settings};
pub use tree::Tree;
pub use user::User;
