//! The index through its front door: [`relevance`] says whether people find what they look for, [`behaviour`] what
//! holds whatever is asked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop and say where")]

mod behaviour;
mod collection;
mod relevance;
