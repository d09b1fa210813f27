//! Immutable bytes by key, in a local directory or in a bucket of an S3-compatible object store.
//!
//! Nothing here knows what the bytes mean, who may have them, or which blob lies under which key: the catalog maps a
//! pair of digests to an [`ObjectKey`], and keeps the [`UploadState`] of what is still coming. In reading order:
//!
//! 1. [`key`]: the names of objects, and the layout of a store.
//! 2. [`store`]: a [`BlobStore`], and what it does to an object as a whole. [`location`] says where one is.
//! 3. [`sums`]: digests of bytes that come piece by piece, with pauses across which a server may die.
//! 4. [`upload`]: stage, flush, verify, then name.
//! 5. [`read`] and [`reader`]: ranges as a stream, or as a file for blocking code.
//! 6. [`rehash`]: proofs of possession, and digests that are wanted later.
//! 7. [`derived`]: what can be made again from an object, kept beside it.
//! 8. [`probe`]: whether a store would work.
//!
//! The two kinds of store are `local` and `remote`.

pub mod derived;
pub mod error;
pub mod key;
pub mod location;
pub mod probe;
pub mod read;
pub mod reader;
pub mod rehash;
pub mod store;
pub mod sums;
pub mod upload;

mod blocking;
mod local;
mod remote;

pub use derived::Derived;
pub use error::{BlobError, BodyError};
pub use key::ObjectKey;
pub use reader::{BlobReader, BlockReader, Blocks};
pub use remote::Bucket;
pub use store::BlobStore;
pub use sums::Sums;
pub use upload::UploadState;
