//! The API as a client sees it: requests go through the router, to a store on real databases and directories, and every
//! answer is held against `openapi.json`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop and say where")]

mod answer;
mod charm;
mod chunks;
mod clock;
mod contract;
mod place;
mod test_store;

mod audit;
mod bytes;
mod changes;
mod credentials;
mod damage;
mod document;
mod every_place;
mod grants;
mod groups;
mod hidden;
mod idle;
mod model;
mod patches;
mod paths;
mod proofs;
mod publishing;
mod recipes;
mod refusals;
mod releasing;
mod resolving;
mod rights;
mod searching;
mod simultaneous;
mod tokens;
mod transport;
mod uploads;
mod withdrawing;
