//! The unit's side of the store: resolve, prefetch, verify, lay out, switch, roll back.
//!
//! All bytes are fetched and verified before anything that a unit runs changes; the switch is one rename. A process
//! that is killed, at whatever instruction, leaves what ran before or what is to run, and the next one goes on. In
//! reading order:
//!
//! 1. The verbs: [`install()`], [`upgrade()`], [`rollback()`], [`status()`], [`verify()`]; each has its file.
//! 2. [`State`]: what a unit runs. `unit`: where everything stands in its directory.
//! 3. `deploy`: what installing and upgrading share. `wanted` checks the store's answer, `fetch` and `fetched` get the
//!    bytes, `charm` checks the archive, `layout` and `tree` build, `switch` switches, `sweep` removes what is old.
//! 4. [`Outcome`], [`Verification`], [`DeployError`]: what came of it. [`Watch`]: how far it is.
//!
//! Nothing here reads the environment or a clock.

mod blocking;
mod charm;
mod deploy;
mod durable;
mod error;
mod fetch;
mod fetched;
mod install;
mod layout;
mod listing;
mod lock;
mod outcome;
mod rollback;
mod session;
mod state;
mod status;
mod sweep;
mod switch;
mod tree;
mod unit;
mod upgrade;
mod verify;
mod wanted;
mod watch;

pub use error::DeployError;
pub use install::{InstallRequest, install};
pub use layout::LayoutError;
pub use outcome::{Change, Moved, Outcome};
pub use rollback::rollback;
pub use state::{InstalledArchive, InstalledResources, SCHEMA, State};
pub use status::status;
pub use upgrade::{UpgradeRequest, upgrade};
pub use verify::{Deviation, Difference, Verification, verify};
pub use watch::{Event, Watch};
