//! What each route does: extract, call the store, render.

pub(crate) mod account;
pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod group;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod publish;
pub(crate) mod release;
pub(crate) mod resolve;
pub(crate) mod resources;
pub(crate) mod rights;
pub(crate) mod search;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod withdraw;
