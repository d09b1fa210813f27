//! Tokens of other issuers: who says so, with which key, for whom.
//!
//! In reading order:
//!
//! 1. [`IssuerSettings`] ([`settings`](mod@settings)): which issuers are trusted, and what their claims mean.
//! 2. [`Issuers`] ([`issuers`](mod@issuers)): from a token to what it [vouches for](Vouched).
//! 3. [`keys`](mod@keys): an issuer's keys, fetched with bounds and kept.
//! 4. [`OidcError`]: why a token is refused.
//!
//! Nothing here knows accounts, rights or the database: that a token is good says who vouches for what, and no more.

mod error;
mod issuers;
mod keys;
mod settings;
mod vouched;

pub use error::OidcError;
pub use issuers::Issuers;
pub use settings::{Algorithm, IssuerSettings, JobClaims, UserClaims};
pub use vouched::{Job, User, Vouched};
