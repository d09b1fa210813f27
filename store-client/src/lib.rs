//! The client of the store: every route as a typed method, and bytes that arrive whole or not at all.
//!
//! In reading order:
//!
//! 1. [`Store`] with [`Credentials`] and [`Options`]: one store, one caller. Its methods are the routes.
//! 2. [`ClientError`]: what went wrong, by what a caller can do about it.
//! 3. [`hash_file`]: what a file is.
//! 4. [`Publish`]: plan, prove, send, commit. `basis` and `recipe_up`: sending only what is new.
//! 5. [`Store::download`]: into a file, verified, resumed after an interruption. `delta_down`: fetching only what is new.
//! 6. [`Seeds`]: files that are kept on this machine for both.
//! 7. [`durable`]: what is on the disk before it is relied upon.
//! 8. [`Progress`]: how far both are; [`Traffic`]: what has travelled.
//!
//! Nothing here reads a configuration file, nor the environment but for `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
//! `NO_PROXY`; and no blob is ever held in memory but a pack of
//! small ones.

mod account;
mod basis;
mod call;
mod credentials;
mod delta_down;
mod download;
pub mod durable;
mod error;
mod file_part;
mod hash;
mod landing;
mod local_map;
mod login;
mod options;
mod pace;
mod pack;
mod part_size;
mod progress;
mod publish;
mod rate;
mod recheck;
mod recipe_up;
mod refusal;
mod retry;
mod routes;
mod seeds;
mod store;
mod traffic;
mod upload;

pub use credentials::{Credentials, CredentialsError};
pub use download::Item;
pub use error::ClientError;
pub use hash::{content_of, hash_file};
pub use login::{DeviceFlow, LoginError, job_token};
pub use options::Options;
pub use progress::{Event, Progress};
pub use publish::{Publish, Source};
pub use rate::{Rate, RateError};
pub use seeds::Seeds;
pub use store::Store;
pub use traffic::Traffic;
