//! Charm archives: built from an author's tree, read strictly by the store, laid out on a unit.
//!
//! Everything blocks, and nothing knows HTTP or the store. In reading order:
//!
//! 1. [`author_tree`]: an author's directory as plain data, what is ignored left out.
//! 2. [`mod@build`]: that tree as a zip file; the same tree makes the same bytes.
//! 3. [`archive`]: a zip file of unknown origin, read whole and refused at the first doubt; what is left is a
//!    table of [`entry`]s.
//! 4. [`entry_reader`]: the bytes of one entry, by its row of that table, checked as they pass.
//! 5. [`mod@unpack`]: an archive as files of a fresh directory.
//! 6. [`tree_digest`]: what makes two trees the same, however they were packed.
//! 7. [`limits`], [`error`]: what is too much, and what is wrong.
//!
//! Inside: `zip_format` has the records of the format, `path` the rules for one path, `tree_rules` those for
//! all paths and links of a tree together.

pub mod archive;
pub mod author_tree;
pub mod build;
pub mod entry;
pub mod entry_reader;
pub mod error;
pub mod limits;
pub mod tree_digest;
pub mod unpack;

mod hashing_writer;
mod mode;
mod path;
mod tree_rules;
mod zip_format;

pub use archive::Archive;
pub use build::{Built, build};
pub use entry::Entry;
pub use entry_reader::open_entry;
pub use error::ArchiveError;
pub use limits::ArchiveLimits;
pub use unpack::unpack;
