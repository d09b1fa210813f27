//! `charm-deploy` as it is run: the program against a small store on loopback.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, in helpers as in tests")]

mod crash;
mod deltas;
mod deploy;
mod hostile;
mod sample;
mod store;
mod unit;
