//! The API as a client sees it: requests go through the router, to a store on real databases and directories, and every
//! answer is held against `openapi.json`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop and say where")]

mod answer;
mod audit;
mod bytes;
mod changes;
mod charm;
mod chunks;
mod clock;
mod contract;
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
mod place;
mod proofs;
mod publishing;
mod recipes;
mod refusals;
mod releasing;
mod resolving;
mod rights;
mod searching;
mod simultaneous;
mod test_store;
mod throttled;
mod tokens;
mod transfers;
mod transport;
mod uploads;
mod withdrawing;
