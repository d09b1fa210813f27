//! The harness of the acceptance tests: the real programs, and a store of its own for every test.
//!
//! 1. [`Server`]: a running `store-server`, with its data in a directory that goes away.
//! 2. [`User`]: somebody with a token, who runs `charm-publish` and `charm-deploy`.
//! 3. [`Run`]: how a program ended and what it said.
//! 4. [`Tree`]: a charm as its author keeps it. [`noise`]: contents that do not compress.
//! 5. [`Proxy`]: a way to the store on which bytes are counted and things go wrong. [`Chance`]: when they do.
//! 6. [`Disk`]: what would be left of a disk if the power went, by what a program asked of the system.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a harness whose ground gives way has failed its test"
)]

mod chance;
mod disk;
pub mod issuer;
mod noise;
mod program;
mod proxy;
mod run;
mod server;
mod tree;
mod user;

pub use chance::{Chance, seed};
pub use disk::{Attached, Disk, Losses, Strace};
pub use noise::noise;
pub use program::program;
pub use proxy::{Exchange, Fault, Hold, Point, Proxy, Route};
pub use run::Run;
pub use server::{Server, Settings};
pub use tree::Tree;
pub use user::User;
