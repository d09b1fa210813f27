//! What was said and how much moved, in the order in which it happened.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

use super::message::Head;
use super::route::Route;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// A request, and what came of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What it was for.
    pub route: Route,
    /// What was asked for: path and query.
    pub target: String,
    /// The media type of the request's body.
    pub media: Option<String>,
    /// Whether the request said beforehand how long its body is.
    pub has_length: bool,
    /// How many bytes of the request's body have passed.
    pub up: u64,
    /// How many bytes of the answer's body have passed.
    pub down: u64,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the server said, on the routes of a publish; whether or not the client heard it.
    pub answer: Value,
    asked_at: u64,
    answered_at: Option<u64>,
}

/// All exchanges so far.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    exchanges: Vec<Exchange>,
    clock: u64,
}

impl Ledger {
    /// Writes down a request, and returns its number.
    pub(super) fn ask(&self, route: Route, target: &str, head: &Head) -> usize {
        let mut entries = self.entries();
        let asked_at = entries.tick();
        entries.exchanges.push(Exchange {
            route,
            target: target.to_owned(),
            media: head.header("content-type").map(str::to_owned),
            has_length: head.header("transfer-encoding").is_none(),
            up: 0,
            down: 0,
            status: None,
            answer: Value::Null,
            asked_at,
            answered_at: None,
        });
        entries.exchanges.len() - 1
    }

    pub(super) fn count(&self, exchange: usize, way: Way, n_bytes: u64) {
        let exchange = &mut self.entries().exchanges[exchange];
        match way {
            Way::Up => exchange.up += n_bytes,
            Way::Down => exchange.down += n_bytes,
        }
    }

    /// Writes down an answer.
    pub(super) fn answer(&self, exchange: usize, status: Option<u16>, body: &[u8]) {
        let mut entries = self.entries();
        let answered_at = Some(entries.tick());
        let exchange = &mut entries.exchanges[exchange];
        (exchange.status, exchange.answered_at) = (status, answered_at);
        exchange.answer = serde_json::from_slice(body).unwrap_or(Value::Null);
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.entries().exchanges.clone()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap()
    }
}

impl Entries {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

/// Returns the parts that were sent although the server had acknowledged them before.
pub(super) fn sent_twice(exchanges: &[Exchange]) -> Vec<String> {
    let mut acknowledged: HashMap<&str, Vec<(u64, u64)>> = HashMap::new();
    for exchange in exchanges.iter().filter(|it| matches!(it.route, Route::Part | Route::Progress)) {
        let (path, answers) = (exchange.path(), (exchange.answered_at, exchange.acknowledged()));
        if let (Some(at), Some(offset)) = answers {
            acknowledged.entry(path).or_default().push((at, offset));
        }
    }
    let parts = exchanges.iter().filter(|it| it.route == Route::Part && it.up > 0);
    let twice = parts.filter_map(|part| {
        let before = acknowledged.get(part.path())?.iter().filter(|(at, _)| *at < part.asked_at);
        let safe = before.map(|(_, offset)| *offset).max()?;
        (part.offset() < safe).then(|| format!("`{}`, when {safe} bytes were safe", part.target))
    });
    twice.collect()
}

impl Exchange {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }

    /// Returns where a part begins.
    pub fn offset(&self) -> u64 {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let offset = query.split('&').find_map(|it| it.strip_prefix("offset="));
        offset.and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    fn acknowledged(&self) -> Option<u64> {
        let is_good = self.status.is_some_and(|it| (200..300).contains(&it));
        is_good.then(|| self.answer["offset"].as_u64()).flatten()
    }
}
