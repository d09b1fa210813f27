//! Keeping what was published or pulled, so that the next publish or pull moves only what differs.

use charm_model::reference::BaseId;
use etcetera::BaseStrategy as _;
use store_client::{Seeds, Source};

use crate::cli::Global;

/// Returns where files are kept; nowhere if that is turned off, or there is no home for it.
pub(crate) fn seeds(global: &Global) -> Option<Seeds> {
    if global.no_seeds {
        return None;
    }
    match global.seeds.as_ref().filter(|it| !it.as_os_str().is_empty()) {
        Some(dir) if dir.as_os_str() == "off" => None,
        Some(dir) => Some(Seeds::at(dir)),
        None => {
            let base = etcetera::choose_base_strategy().ok()?;
            Some(Seeds::at(base.cache_dir().join("charm-store/seeds")))
        }
    }
}

/// Returns what every revision's file at that place has in common.
pub(crate) fn label(base: &BaseId, place: &str) -> String {
    format!("{}/{}/{place}", base.owner, base.name)
}

/// Keeps files, each with its place in the charm.
pub(crate) async fn keep(seeds: Option<Seeds>, base: &BaseId, files: Vec<(String, Source)>) {
    let Some(seeds) = seeds else { return };
    let files: Vec<_> = files.into_iter().map(|(place, source)| (label(base, &place), source)).collect();
    let keeping = tokio::task::spawn_blocking(move || {
        for (label, Source { path, content }) in files {
            // A full disk, or a file that is gone meanwhile, is no reason to fail what has been done.
            let _ = seeds.keep(&content, &label, &path);
        }
    });
    let _ = keeping.await;
}
