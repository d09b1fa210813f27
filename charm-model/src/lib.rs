//! The domain's words as values: parsed once, correct ever after.
//!
//! Nothing here reads a file, opens a socket, asks a clock or knows a database. In reading order:
//!
//! 1. [`name`], [`digest`], [`series`], [`timestamp`]: the atoms.
//! 2. [`mod@reference`]: `~joe/precise/mysql-25.devel.325` and what it is made of.
//! 3. [`shape`]: the files of a stream, declared ([`shape::Shape`]) and published ([`shape::Manifest`]).
//! 4. [`yaml`], [`metadata`], [`resources_yaml`], [`charm`], [`bundle`], [`entity`]: what authors write.
//! 5. [`finding`]: what is wrong with it, all of it at once, each with file, line and mend.
//! 6. [`tree`], [`check`]: an author's tree, and whether it holds what it declares.
//! 7. [`rights`], [`scope`], [`grant`]: who may do what.
//! 8. [`resolve`]: from a reference to exactly one charm and its resources.
//! 9. [`proof`]: that somebody has the bytes whose digests they name.

pub mod bundle;
pub mod charm;
pub mod check;
pub mod digest;
pub mod entity;
pub mod finding;
pub mod grant;
pub mod metadata;
pub mod name;
pub mod proof;
pub mod reference;
pub mod release;
pub mod resolve;
pub mod resources_yaml;
pub mod rights;
pub mod scope;
pub mod series;
pub mod shape;
pub mod timestamp;
pub mod tree;
pub mod yaml;
