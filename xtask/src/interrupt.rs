//! Ctrl-C and SIGTERM: what was started is stopped, which dying on the spot would not do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM};

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Begins to note the signals instead of dying of them.
pub(crate) fn watch() -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&REQUESTED))?;
    }
    Ok(())
}

/// Says whether a signal has come.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Waits for a signal for as long as that holds.
pub(crate) fn wait_while(mut holds: impl FnMut() -> bool) {
    while !is_requested() && holds() {
        thread::sleep(Duration::from_millis(100));
    }
}
