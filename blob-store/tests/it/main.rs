//! What a blob store promises, on every kind of store, whatever goes wrong.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod body;
mod conformance;
mod crash;
mod faults;
mod place;
