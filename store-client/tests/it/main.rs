//! Transfers against a store that breaks off, forgets and lies, and through proxies that do. The real store is in the
//! acceptance tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod deltas;
mod flow;
mod proxy;
mod stub;
mod transfer;
