//! A file that is here already, under another name.

use std::io::{Read as _, Seek as _, SeekFrom};

use super::{DeltaDown, Way};
use crate::error::ClientError;
use crate::hash::{READ_BYTES, blocking};
use crate::landing::Landing;
use crate::local_map::open_regular;
use crate::progress::Event;
use crate::publish::Source;

/// Copies the file, if it still is what it was.
pub(super) async fn land(
    down: &DeltaDown<'_>,
    from: &Source,
    mut landing: Landing,
) -> Result<Way, ClientError> {
    let (path, progress) = (from.path.clone(), down.fetch.progress.clone());
    let blob = from.content.digests.sha256;
    blocking(move || {
        landing.doubt();
        let Ok(mut file) = open_regular(&path) else { return Ok(Way::None(landing)) };
        let mut is_readable = file.seek(SeekFrom::Start(landing.size())).is_ok();
        let mut buffer = vec![0; READ_BYTES];
        while is_readable && !landing.is_whole() {
            match file.read(&mut buffer) {
                Ok(0) | Err(_) => is_readable = false,
                // What is longer than it was is not what it was.
                Ok(n_bytes) if n_bytes as u64 > landing.n_left() => is_readable = false,
                Ok(n_bytes) => landing.write(&buffer[..n_bytes])?,
            }
            progress.note(Event::Made { blob, position: landing.size() });
        }
        if landing.is_right() {
            let n_reused = landing.size();
            return Ok(Way::Made(landing, n_reused));
        }
        landing.restart()?;
        Ok(Way::None(landing))
    })
    .await
}
