//! The publish conversation: what is there already, what has to be proved or sent, and all of it or nothing.

mod commit;
mod pack;
mod plan;
mod proof;
mod receive;
mod session;

pub(crate) use session::Plan;
