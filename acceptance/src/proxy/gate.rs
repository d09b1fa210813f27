//! What happens to an exchange on its way: rules, and the gates at which they strike.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::ledger::{Ledger, Way};
use super::route::Route;

/// Where in an exchange something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// After so many bytes of the request's body.
    Up(u64),
    /// When the server has done what it was asked to and answered, and before the client hears of it.
    Answer,
    /// After so many bytes of the answer's body.
    Down(u64),
    /// As soon as the request takes longer.
    Lasting(Duration),
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection breaks.
    Cut,
    /// Nothing moves until the test says so; then the connection breaks.
    Hold(Arc<Hold>),
    /// A byte arrives as another.
    Flip,
    /// The proxy answers that, and asks nobody, where a request is as long as [`Point::Up`] says.
    Refuse(u16),
}

/// What happens to requests of a kind, and how often.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) route: Route,
    pub(super) point: Point,
    pub(super) fault: Fault,
    n_left: AtomicU32,
}

impl Rule {
    pub(super) fn new(route: Route, point: Point, fault: Fault, n_times: u32) -> Self {
        Self { route, point, fault, n_left: n_times.into() }
    }

    /// Says whether it still strikes, and counts it.
    pub(super) fn strikes(&self) -> bool {
        self.n_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1)).is_ok()
    }

    pub(super) fn is_over(&self) -> bool {
        self.n_left.load(Ordering::SeqCst) == 0
    }
}

/// A connection that stands still where a test wants it to.
#[derive(Debug, Default)]
pub struct Hold {
    state: Mutex<Holding>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Holding {
    #[default]
    Ahead,
    Still,
    Released,
}

impl Hold {
    /// Says whether the connection has come to stand.
    pub fn is_reached(&self) -> bool {
        *self.state.lock().unwrap() != Holding::Ahead
    }

    /// Lets the connection break; one that has not come there yet passes.
    pub fn release(&self) {
        *self.state.lock().unwrap() = Holding::Released;
        self.changed.notify_all();
    }

    /// Stands still, if the test still wants that, and says whether it did.
    fn stand(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        if *state == Holding::Released {
            return false;
        }
        *state = Holding::Still;
        drop(self.changed.wait_while(state, |it| *it == Holding::Still).unwrap());
        true
    }
}

/// One direction of an exchange: what passes is counted, and a rule may strike.
#[derive(Debug)]
pub(super) struct Gate {
    ledger: Arc<Ledger>,
    exchange: usize,
    way: Way,
    rule: Option<Arc<Rule>>,
    began: Instant,
    n_passed: u64,
    flips: bool,
}

impl Gate {
    pub(super) fn new(ledger: &Arc<Ledger>, exchange: usize, way: Way, rule: Option<Arc<Rule>>) -> Self {
        let (ledger, began) = (ledger.clone(), Instant::now());
        Self { ledger, exchange, way, rule, began, n_passed: 0, flips: false }
    }

    /// Returns how many bytes may pass before something happens, which it does if that is none.
    pub(super) fn room(&mut self) -> io::Result<u64> {
        let Some(rule) = self.rule.clone() else { return Ok(u64::MAX) };
        let room = match (rule.point, self.way) {
            _ if matches!(rule.fault, Fault::Refuse(_)) => u64::MAX,
            (Point::Up(at), Way::Up) | (Point::Down(at), Way::Down) => at - self.n_passed,
            (Point::Lasting(limit), _) => limit.saturating_sub(self.began.elapsed()).as_millis().into_room(),
            _ => u64::MAX,
        };
        if room > 0 {
            return Ok(room);
        }
        self.rule = None;
        self.strike(&rule)?;
        Ok(u64::MAX)
    }

    /// Counts what passes.
    pub(super) fn see(&mut self, bytes: &mut [u8]) {
        if std::mem::take(&mut self.flips) {
            bytes[0] ^= 1;
        }
        self.n_passed += bytes.len() as u64;
        self.ledger.count(self.exchange, self.way, bytes.len() as u64);
    }

    /// Lets happen what is to happen once the answer is there.
    pub(super) fn answer(&mut self) -> io::Result<()> {
        match self.rule.clone() {
            Some(rule) if rule.point == Point::Answer => self.strike(&rule),
            _ => Ok(()),
        }
    }

    fn strike(&mut self, rule: &Rule) -> io::Result<()> {
        if !rule.strikes() {
            return Ok(());
        }
        match &rule.fault {
            Fault::Flip => {
                self.flips = true;
                return Ok(());
            }
            Fault::Hold(hold) if !hold.stand() => return Ok(()),
            Fault::Hold(_) | Fault::Cut | Fault::Refuse(_) => {}
        }
        Err(ErrorKind::ConnectionAborted.into())
    }
}

/// A deadline has passed or not: it says nothing of bytes.
trait IntoRoom {
    fn into_room(self) -> u64;
}

impl IntoRoom for u128 {
    fn into_room(self) -> u64 {
        if self == 0 { 0 } else { u64::MAX }
    }
}
