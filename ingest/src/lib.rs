//! Every way in but a publish over HTTP.
//!
//! 1. [`tree`](mod@tree): an author's tree on this machine, published into the store in-process.
//! 2. [`git`](mod@git): a branch of a git repository, which becomes such a tree.
//!
//! An upstream store and an offline export will stand beside them.

mod error;
mod git;
mod tree;

pub use error::IngestError;
pub use git::GitSource;
pub use tree::{Destination, publish_tree};
