//! The JSON forms of the store's own endpoints under `/v4`, shared by server, clients and load tests.
//!
//! In reading order: [`publish`] (the publish conversation), [`release`] (moving pointers, withdrawing, history),
//! [`resolve`] (what a reference means), [`rights`], [`changes`] (the event feed), [`search`], [`account`], [`group`],
//! [`token`], [`login`] and [`trust`] (tokens of other issuers), [`audit`], and [`error`] (the one shape of a refusal).

pub mod account;
pub mod audit;
pub mod changes;
pub mod error;
pub mod group;
pub mod login;
pub mod publish;
pub mod release;
pub mod resolve;
pub mod rights;
pub mod search;
pub mod token;
pub mod trust;

/// The header that carries the fully qualified reference of what was answered, resources included.
///
/// Stream-qualified references never stand in v4's own `Entity-Id`: older clients cannot read them.
pub const ENTITY_VERSION: &str = "entity-version";

/// The header that carries a blob's SHA-384 in hex, as v4 and v5 clients expect it.
pub const CONTENT_SHA384: &str = "content-sha384";

/// The header that carries how many bytes of an upload the store has.
pub const UPLOAD_OFFSET: &str = "upload-offset";

/// The media type of a chunk map (`delta::chunk_map`).
pub const CHUNK_MAP: &str = "application/vnd.charm-store.chunk-map";

/// The media type of a recipe (`delta::recipe`).
pub const RECIPE: &str = "application/vnd.charm-store.recipe";

/// The media type of a pack of small blobs (`delta::pack`).
pub const PACK: &str = "application/vnd.charm-store.pack";
