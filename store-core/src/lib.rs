//! The store as a library: what a controller embeds, and what the server, ingestion and tests drive.
//!
//! In reading order:
//!
//! 1. [`Store`] ([`store`](mod@store)): a database, a place for blobs, a clock, limits.
//! 2. [`access`](mod@access): from a reference to a base, as the caller may see it.
//! 3. [`publish`]: plan, receive, commit. [`inspect`](mod@inspect) reads what was sent.
//! 4. [`resolve`](mod@resolve), [`open`](mod@open): what a reference means, and its bytes. Nothing else grants access
//!    to bytes. [`chunks`](mod@chunks): what they are cut into; [`verified`](mod@verified): none leaves
//!    unchecked;
//!    [`patches`](mod@patches): what leads from one to another.
//! 5. [`release`](mod@release), [`withdraw`](mod@withdraw), [`history`](mod@history): pointers.
//! 6. [`rights`](mod@rights), [`transfer`](mod@transfer), [`changes`](mod@changes), [`audit`](mod@audit): who may do what,
//!    and what happened.
//! 7. [`search`](mod@search): an index that follows what happened.
//! 8. [`account`](mod@account), [`group`](mod@group), [`token`](mod@token), [`login`](mod@login), [`trust`](mod@trust):
//!    who is asking.
//! 9. [`housekeeping`](mod@housekeeping), [`background`](mod@background): what is done beside requests.

mod access;
mod account;
mod audit;
mod background;
mod changes;
mod chunks;
mod clock;
mod error;
mod group;
mod history;
mod housekeeping;
mod inspect;
mod limits;
mod login;
mod open;
mod patches;
pub mod publish;
mod quota;
mod release;
mod resolve;
mod rights;
mod search;
mod store;
mod token;
mod transfer;
mod trust;
mod unpack;
mod verified;
mod withdraw;

pub use account::{Account, Credentials};
pub use audit::AuditFilter;
pub use clock::{Clock, SystemClock};
pub use error::StoreError;
pub use housekeeping::Swept;
pub use limits::Limits;
pub use open::{Opened, What};
pub use search::HitArchive;
pub use store::{Store, StoreOptions};
