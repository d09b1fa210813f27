//! The publish conversation: what is there already, what has to be proved or sent, and all of it or nothing.

mod bases;
mod commit;
mod pack;
mod plan;
mod proof;
mod receive;
mod recipe;
mod session;
mod spool;

pub(crate) use session::Plan;
