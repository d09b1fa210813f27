//! Why the store refuses, by what the caller can do about it.

use blob_store::BlobError;
use catalog::CatalogError;
use charm_model::digest::Digests;
use charm_model::finding::Finding;
use charm_model::grant::GrantError;
use charm_model::reference::{BaseId, Reference};
use charm_model::release::ReleaseError;
use charm_model::resolve::ResolveError;
use charm_model::rights::{Caller, Right, RightsError};
use thiserror::Error;

/// Why the store refuses, or cannot.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No such entity, or none that the caller may know of: nobody can tell which.
    #[error("no matching charm or bundle for {}", .0.to_url())]
    NoEntity(Box<Reference>),
    /// The entity is there, and not this file of it.
    #[error("{0}")]
    NoFile(String),
    /// What is named is a directory or a link, whose bytes are nothing to serve.
    #[error("`{0}` is not a regular file")]
    Listing(String),
    /// The caller may know of the base, and the reference means nothing in it.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Credentials are missing or no good.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller lacks the right.
    #[error("access denied for user \"{user}\": `{right}` on {base} is needed")]
    Denied {
        /// Who asks.
        user: String,
        /// For what.
        right: Right,
        /// Of which base.
        base: BaseId,
    },
    /// The caller may know of it, and may not do that; or the token at hand is too narrow for it.
    #[error("{0}")]
    Forbidden(String),
    /// No such group, token or user, or none that the caller may know of.
    #[error("{0}")]
    Unknown(String),
    /// What was sent is not what the store takes.
    #[error("{}", summary(.0))]
    Invalid(Vec<Finding>),
    /// A request that makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// A grant that no class can hold.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// Rights, scopes or names that cannot be read.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// A limit is exceeded.
    #[error("{what} is {found}; the store takes at most {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The owner may have no more bytes here.
    #[error("~{owner} would have more than the {limit} bytes here that it may have")]
    Quota {
        /// Whose bases they are in.
        owner: charm_model::name::UserName,
        /// How many there may be, every revision in full.
        limit: u64,
    },
    /// No such publish session of this caller.
    #[error("there is no open publish session `{0}` of yours")]
    NoSession(String),
    /// The blob is not part of the session's plan.
    #[error("{0} is not part of this publish: plan again with it")]
    NotPlanned(charm_model::digest::Sha256),
    /// A part does not begin where the store's bytes end.
    #[error("the part begins at {found}, the store has {expected} bytes")]
    Offset {
        /// How many bytes the store has.
        expected: u64,
        /// Where the part begins.
        found: u64,
    },
    /// A recipe that cannot be followed, or may not be.
    #[error("the recipe cannot be followed: {0}")]
    Recipe(#[source] delta::DeltaError),
    /// No patch leads from that blob to this one, or none that is worth its way.
    #[error("no patch from {0} is kept")]
    NoPatch(charm_model::digest::Sha256),
    /// A patch from that blob to this one is wanted, and nobody has tried to make it yet.
    #[error("the patch from {0} is still to be made")]
    NoPatchYet(charm_model::digest::Sha256),
    /// Another request is sending the same blob in the same session.
    #[error("another request is sending this blob in this session: try again in a moment")]
    Busy,
    /// One digest of the pair is another blob's.
    #[error("one of the digests {} and {} is another blob's", .0.sha256, .0.blake3)]
    Collision(Digests),
    /// A release that does not fit.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The pointer is not where the caller believes.
    #[error("expected {expected} to be current, and {} is", .current.as_deref().unwrap_or("nothing"))]
    NotCurrent {
        /// What the caller believes.
        expected: String,
        /// What is current.
        current: Option<String>,
    },
    /// The rights are not what the caller believes.
    #[error("somebody has changed these rights meanwhile")]
    RightsChanged,
    /// A withdrawal of what is current.
    #[error("{id} is current in {}", channels.join(", "))]
    YankCurrent {
        /// What should have been withdrawn.
        id: Box<Reference>,
        /// Where it is current, as `channel (series)`.
        channels: Vec<String>,
    },
    /// What is stored is not the blob any more. Nothing of the damaged bytes leaves the store.
    #[error("blob `{sha256}` is damaged, from byte `{offset}` on or behind")]
    Damaged {
        /// The blob.
        sha256: charm_model::digest::Sha256,
        /// Where the first bytes begin that are not as they were.
        offset: u64,
    },
    /// A patch could not be made.
    #[error("the patch could not be made")]
    Patch(#[source] delta::DeltaError),
    /// Bytes could not be stored or read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Rows could not be stored or read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// An archive could not be read, for no fault of its own.
    #[error("the archive could not be read")]
    Archive(#[source] charm_archive::ArchiveError),
    /// A document that the store itself wrote cannot be read.
    #[error("stored document cannot be read")]
    Document(#[from] serde_json::Error),
    /// A token could not be made.
    #[error("token could not be made")]
    Token(#[source] jsonwebtoken::errors::Error),
    /// The first search index is still being made.
    #[error("error performing search: the index is being made")]
    NoIndex,
    /// The search index failed.
    #[error("error performing search")]
    Search(#[from] search_index::SearchError),
    /// The keys of a trusted issuer cannot be had now.
    #[error(transparent)]
    Issuer(#[from] oidc::OidcError),
    /// A blocking task was cut off.
    #[error("a task of the store was cut off")]
    Task(#[from] tokio::task::JoinError),
    /// The machine gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

impl StoreError {
    pub(crate) fn login_needed() -> Self {
        Self::Unauthenticated("authentication failed: missing HTTP auth header".to_owned())
    }

    /// Refuses a token that is good for less than its user may.
    pub(crate) fn narrow_token(why: &str) -> Self {
        Self::Forbidden(format!("this token is not good for that: {why}"))
    }

    /// Refuses a caller who may know of the base and lacks the right.
    pub(crate) fn denied(caller: &Caller, right: Right, base: &BaseId) -> Self {
        match caller.name() {
            None => Self::login_needed(),
            Some(user) => Self::Denied { user: user.to_owned(), right, base: base.clone() },
        }
    }
}

fn summary(findings: &[Finding]) -> String {
    match findings {
        [] => "what was sent is not valid".to_owned(),
        [only] => only.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    }
}
