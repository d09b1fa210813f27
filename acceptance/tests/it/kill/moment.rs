//! When somebody is killed, and who.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use acceptance::{Hold, Point, Proxy, Route};

/// A moment that has not come by then does not come.
const DEADLINE: Duration = Duration::from_mins(1);

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Client,
    Server,
    Both,
}

impl Victim {
    pub(super) const ALL: [Self; 3] = [Self::Client, Self::Server, Self::Both];

    pub(super) fn is_client(self) -> bool {
        self != Self::Server
    }

    pub(super) fn is_server(self) -> bool {
        self != Self::Client
    }
}

/// When.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// At a point of the next request of a kind, which stands still there.
    At(Route, Point),
    /// When something new lies somewhere, as soon as that is noticed.
    Appears(Place),
    /// After a time.
    After(Duration),
}

/// Where something appears.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Among the files that a store is receiving.
    Staged,
    /// Among a store's whole objects.
    Named,
    /// Among the files that somebody is fetching.
    Part,
    /// Among a unit's trees.
    Tree,
    /// Among a unit's states.
    State,
}

impl Place {
    fn is_at(self, path: &Path) -> bool {
        let is_below = |name: &str| path.parent().is_some_and(|it| it.ends_with(name));
        match self {
            Self::Staged => is_below("blobs/staging"),
            Self::Named => path.ancestors().nth(2).is_some_and(|it| it.ends_with("blobs/o")),
            Self::Part => path.extension().is_some_and(|it| it == "part"),
            Self::Tree => is_below(".charm-deploy/trees"),
            Self::State => is_below(".charm-deploy/states"),
        }
    }
}

/// A moment that is waited for.
pub(super) struct Coming {
    moment: Moment,
    proxy: Proxy,
    hold: Option<Arc<Hold>>,
    dir: PathBuf,
    there: Vec<PathBuf>,
    began: Instant,
}

impl Coming {
    /// Begins to wait, before the program starts. What appears does so below `dir`.
    pub(super) fn of(moment: Moment, proxy: &Proxy, dir: &Path) -> Self {
        let hold = match moment {
            Moment::At(route, point) => Some(proxy.hold(route, point)),
            _ => None,
        };
        let there = match moment {
            Moment::Appears(place) => at(place, dir),
            _ => Vec::new(),
        };
        Self { moment, proxy: proxy.clone(), hold, dir: dir.to_owned(), there, began: Instant::now() }
    }

    /// Waits for the moment; says whether it came before the program's end.
    pub(super) fn wait(&self, child: &mut Child) -> bool {
        while !self.has_come() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(self.began.elapsed() < DEADLINE, "{:?} does not come", self.moment);
            thread::sleep(Duration::from_micros(500));
        }
        true
    }

    fn has_come(&self) -> bool {
        match self.moment {
            Moment::At(..) => self.hold.as_ref().is_some_and(|hold| hold.is_reached()),
            Moment::Appears(place) => at(place, &self.dir).iter().any(|it| !self.there.contains(it)),
            Moment::After(time) => self.began.elapsed() >= time,
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.proxy.be_plain();
        if let Some(hold) = &self.hold {
            hold.release();
        }
    }
}

/// Returns what lies at such a place, anywhere below a directory.
fn at(place: Place, dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if place.is_at(&path) {
                found.push(path);
            } else if entry.file_type().is_ok_and(|it| it.is_dir()) {
                left.push(path);
            }
        }
    }
    found
}
