//! A file as a patch from another one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Seek as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charm_model::digest::{Content, Sha256};
use delta::{Bases, DeltaError, Limits, follow};
use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::{DeltaDown, Way, unless_away};
use crate::call::refusal;
use crate::error::ClientError;
use crate::hash::{blocking, content_of};
use crate::landing::Landing;
use crate::local_map::open_regular;
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::retry::{Patience, is_transient};

/// The patch from one file here.
pub(super) struct Patch<'a> {
    pub(super) down: &'a DeltaDown<'a>,
    pub(super) from: &'a Source,
}

impl Patch<'_> {
    /// Makes the whole file, if the base is what it was, the store keeps a patch from it, and that makes the right bytes.
    pub(super) async fn land(&self, landing: Landing) -> Result<Way, ClientError> {
        let from = self.from.clone();
        let Some(base) = blocking(move || open_if_right(&from)).await else { return Ok(Way::None(landing)) };
        let aside = landing.aside();
        let Some(spool) = unless_away(self.fetch(&aside).await)? else {
            forget(&aside);
            return Ok(Way::None(landing));
        };
        let (expected, progress) = (self.down.fetch.expected, self.down.fetch.progress.clone());
        let base = Base { sha256: self.from.content.digests.sha256, file: base };
        let scratch = aside.parent().unwrap_or(Path::new(".")).to_owned();
        let way = blocking(move || apply(spool, base, landing, &scratch, &expected, &progress)).await;
        forget(&aside);
        way
    }

    /// Fetches the patch beside the landing. What an earlier process has fetched of it is not fetched again: if the
    /// store has another patch by now, what both make together is not the file, and that is noticed.
    async fn fetch(&self, aside: &Path) -> Result<File, ClientError> {
        let options = OpenOptions::new().read(true).append(true).create(true).open(aside);
        let mut spool = options.map_err(ClientError::io(aside))?;
        let store = self.down.fetch.store;
        let mut patience = Patience::with_transfer(store.options());
        loop {
            let before = length(&spool, aside)?;
            match self.fetch_rest(&mut spool, aside, before).await {
                Ok(()) => return Ok(spool),
                Err(error) if is_transient(&error) => {
                    if length(&spool, aside)? > before {
                        patience.renew();
                    }
                    patience.wait(error, self.down.fetch.progress.as_ref()).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn fetch_rest(&self, spool: &mut File, aside: &Path, offset: u64) -> Result<(), ClientError> {
        let store = self.down.fetch.store;
        let mut request = store.request(Method::GET, self.url());
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let send = async { request.send().await.map_err(|it| store.unreachable(it)) };
        let response = store.within(store.options().idle_timeout, send).await?;
        match response.status() {
            // All of it was here.
            StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => Ok(()),
            StatusCode::PARTIAL_CONTENT => self.receive(response, spool, aside, offset).await,
            status if status.is_success() => {
                spool.set_len(0).map_err(ClientError::io(aside))?;
                self.receive(response, spool, aside, 0).await
            }
            _ => Err(refusal(response, store).await),
        }
    }

    async fn receive(
        &self,
        mut response: Response,
        spool: &mut File,
        aside: &Path,
        mut n_bytes: u64,
    ) -> Result<(), ClientError> {
        let store = self.down.fetch.store;
        while let Some(bytes) = store.chunk(&mut response).await? {
            store.counters().received(bytes.len());
            store.pace().take(bytes.len()).await;
            n_bytes += bytes.len() as u64;
            if n_bytes > self.down.fetch.expected.size {
                return Err(ClientError::nonsense(&self.url(), "a patch longer than what it makes"));
            }
            // As short as the write of a few kilobytes to a cache.
            spool.write_all(&bytes).map_err(ClientError::io(aside))?;
        }
        Ok(())
    }

    fn url(&self) -> Url {
        let mut url = self.down.fetch.store.url_of_item(self.down.id, &["patches"], self.down.item);
        url.query_pairs_mut().append_pair("from", &self.from.content.digests.sha256.to_string());
        url
    }
}

/// The one base of a patch.
struct Base {
    sha256: Sha256,
    file: File,
}

impl Bases for Base {
    fn read_at(&mut self, base: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if *base != self.sha256 {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.file.read_exact_at(buffer, offset)
    }
}

/// Lets pass to a landing what it does not have yet.
struct Rest<'a> {
    landing: &'a mut Landing,
    at: u64,
    fault: Option<ClientError>,
    blob: Sha256,
    progress: &'a dyn Progress,
}

impl Write for Rest<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_known = self.landing.size().saturating_sub(self.at).min(bytes.len() as u64);
        self.at += bytes.len() as u64;
        // At most as long as `bytes`.
        let new = &bytes[usize::try_from(n_known).unwrap_or(bytes.len())..];
        if let Err(error) = self.landing.write(new) {
            self.fault = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        self.progress.note(Event::Made { blob: self.blob, position: self.at });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Follows the recipes until the file is whole, with views through deflate in `scratch`. If that is not the file, nothing of
/// it is kept.
fn apply(
    mut spool: File,
    mut base: Base,
    mut landing: Landing,
    scratch: &Path,
    expected: &Content,
    progress: &Arc<dyn Progress>,
) -> Result<Way, ClientError> {
    landing.doubt();
    let mut n_reused = 0;
    let blob = expected.digests.sha256;
    let mut rest = Rest { landing: &mut landing, at: 0, fault: None, blob, progress: progress.as_ref() };
    let mut follow_all = || {
        spool.rewind().map_err(DeltaError::WriteRecipe)?;
        let mut recipes = BufReader::new(&spool);
        while rest.at < expected.size {
            let limits = Limits::for_target(expected.size - rest.at);
            let moved = follow(&mut recipes, limits, &mut base, scratch, &mut rest)?;
            // What a patch makes is partly of the base and partly of the patch.
            n_reused += moved.target_bytes().saturating_sub(moved.recipe_bytes);
        }
        Ok::<_, DeltaError>(())
    };
    let outcome = follow_all();
    if let Some(fault @ ClientError::Io { .. }) = rest.fault {
        return Err(fault);
    }
    if outcome.is_ok() && landing.is_right() {
        return Ok(Way::Made(landing, n_reused));
    }
    tracing::debug!(?outcome, "a patch that does not make the file");
    landing.restart()?;
    Ok(Way::None(landing))
}

/// Opens a file, if it is still what it was. What changes in it from now on is noticed at the end.
fn open_if_right(source: &Source) -> Option<File> {
    let mut file = open_regular(&source.path).ok()?;
    (content_of(&mut file).ok()? == source.content).then_some(file)
}

fn length(spool: &File, aside: &Path) -> Result<u64, ClientError> {
    Ok(spool.metadata().map_err(ClientError::io(aside))?.len())
}

fn forget(aside: &PathBuf) {
    // Gone already, or gone with the landing's directory.
    let _ = fs::remove_file(aside);
}
