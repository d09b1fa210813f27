//! What the server does beside answering.

use std::time::Duration;

use store_core::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often housekeeping has a look.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(30);

/// How often the search index looks what happened. A search looks by itself; this is for what nobody searched for yet.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// When it tries again after a failure, such as a full disk.
const FOLLOW_AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Starts what every server does, also one that takes no writes; it ends with the token.
pub(crate) fn follow(store: Store, tasks: &TaskTracker, stop: &CancellationToken) {
    // What is under way is given up: the next server that starts goes on from the last commit.
    tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
        loop {
            let followed = store.follow_search().await;
            if let Err(error) = &followed {
                tracing::warn!(error = error as &dyn std::error::Error, "search index cannot follow");
            }
            tokio::time::sleep(if followed.is_ok() { FOLLOW_EVERY } else { FOLLOW_AGAIN_AFTER }).await;
        }
    }));
}

/// Starts the jobs; they end with the token.
pub(crate) fn start(store: &Store, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(keep_house(store.clone(), stop.clone()));
    tasks.spawn(derive_until(store.clone(), stop.clone()));
}

/// Gives up what is being made when the server stops: a map is made again by whoever asks for it, a patch by the next who
/// looks, which need not wait for this one.
async fn derive_until(store: Store, stop: CancellationToken) {
    stop.run_until_cancelled(Box::pin(derive(store.clone()))).await;
    if let Err(error) = store.leave_patches(&holder()).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "other servers wait before they make patches"
        );
    }
}

/// Makes chunk maps and patches, right after a publish or a release asks for them; now and then it looks for what another
/// server has left.
async fn derive(store: Store) {
    loop {
        // Whether it was woken or not, it looks.
        drop(tokio::time::timeout(HOUSEKEEPING_EVERY, store.work_wanted()).await);
        let n_maps = store.make_chunk_maps().await;
        match store.make_patches(&holder()).await {
            Ok(n_patches) if n_maps + n_patches > 0 => tracing::info!(n_maps, n_patches, "derived"),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no patches could be made");
            }
        }
    }
}

async fn keep_house(store: Store, stop: CancellationToken) {
    let holder = holder();
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

fn holder() -> String {
    format!("{}-{}", hostname(), std::process::id())
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "server".to_owned(), |name| name.trim().to_owned())
}
