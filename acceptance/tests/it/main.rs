//! What the product promises, held against the real programs.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, in helpers as in tests")]

mod counted;
mod deploy;
mod exit_codes;
mod faults;
mod findings;
mod flat_memory;
mod flushed;
mod kill;
mod listening;
mod little;
mod oidc;
mod pointers;
mod proof;
mod pulled;
mod released;
mod resume;
mod rights;
mod searching;
mod server;
mod shared;
mod transcripts;
mod use_cases;
mod ways;
