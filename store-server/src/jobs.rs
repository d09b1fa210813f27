//! What the server does beside answering.

use std::time::Duration;

use store_core::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often housekeeping has a look.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(30);

/// Starts the jobs; they end with the token.
pub(crate) fn start(store: &Store, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(keep_house(store.clone(), stop.clone()));
    // A map that is being made is given up: it is made again by whoever asks for it.
    tasks.spawn(stop.clone().run_until_cancelled_owned(make_chunk_maps(store.clone())));
}

/// Makes the chunk maps of what was published, right after it was.
async fn make_chunk_maps(store: Store) {
    loop {
        store.chunk_maps_wanted().await;
        let n_made = store.make_chunk_maps().await;
        tracing::debug!(n_made, "made chunk maps");
    }
}

async fn keep_house(store: Store, stop: CancellationToken) {
    let holder = format!("{}-{}", hostname(), std::process::id());
    while !is_stopped_within(&stop, HOUSEKEEPING_EVERY).await {
        match store.keep_house(&holder).await {
            Ok(swept) if swept != store_core::Swept::default() => tracing::info!(?swept, "kept house"),
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping failed"),
        }
    }
}

async fn is_stopped_within(stop: &CancellationToken, time: Duration) -> bool {
    tokio::time::timeout(time, stop.cancelled()).await.is_ok()
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "server".to_owned(), |name| name.trim().to_owned())
}
