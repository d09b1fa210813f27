//! The domain's words as values: parsed once, correct ever after.
//!
//! Nothing here reads a file, opens a socket, asks a clock or knows a database. In reading order:
//!
//! 1. [`name`], [`digest`], [`series`], [`timestamp`]: the atoms.
//! 2. [`reference`]: `~joe/precise/mysql-25.devel.325` and what it is made of.
//! 3. [`shape`]: the files of a stream, declared ([`shape::Shape`]) and published ([`shape::Manifest`]).
//! 4. [`yaml`], [`metadata`], [`bundle`], [`resources_yaml`]: what authors write, read with file, line and mend.
//! 5. [`finding`]: what is wrong with it, all of it at once.
//! 6. [`tree`]: a charm's tree and its resources held against each other.
//! 7. [`rights`]: who may do what.
//! 8. [`resolve`]: from a reference to exactly one charm and its resources.

pub mod digest;
pub mod finding;
pub mod name;
pub mod reference;
pub mod release;
pub mod resolve;
pub mod rights;
pub mod series;
pub mod shape;
pub mod timestamp;
pub mod tree;
