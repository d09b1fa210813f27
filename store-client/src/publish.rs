//! The publish conversation: plan, prove, send, commit.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::proof::ProofKey;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanAnswer, PlanRequest, Published, Session};

use crate::error::ClientError;
use crate::hash::blocking;
use crate::pack::{Packing, divide};
use crate::part_size::PartSize;
use crate::progress::{Event, Progress};
use crate::recheck::Rechecked;
use crate::store::Store;
use crate::upload::Upload;

/// How often the store may ask for more at the commit. Once is usual, when it has not accepted a proof.
const MAX_ROUNDS: usize = 3;

/// Where the bytes of a blob are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// What it was when it was summed up.
    pub content: Content,
}

/// A publish that is planned and not committed yet. Dropped, it stays open at the store until it expires.
#[derive(Debug)]
pub struct Publish {
    store: Store,
    session: Session,
    answer: PlanAnswer,
    archive: Option<Sha256>,
    sources: BTreeMap<Sha256, Source>,
}

impl Publish {
    /// Tells the store what is to be published, and where the bytes are. For a dry run [`Store::plan`] is enough.
    pub async fn begin(
        store: &Store,
        request: &PlanRequest,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<Self, ClientError> {
        let mut answer = store.plan(request).await?;
        let session = answer.session.take().ok_or_else(|| nonsense(store, "a plan without a session"))?;
        let sources = sources.into_iter().map(|it| (it.content.digests.sha256, it)).collect();
        let archive = request.archive.map(|archive| archive.digests.sha256);
        Ok(Self { store: store.clone(), session, answer, archive, sources })
    }

    /// Returns what the store said to the plan; its session is [`Publish::session`].
    pub fn answer(&self) -> &PlanAnswer {
        &self.answer
    }

    /// Returns the session, and with it until when what is sent is kept.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Proves, sends and commits. Called again after an error, it goes on from what the store has.
    pub async fn finish(&self, progress: Arc<dyn Progress>) -> Result<Published, ClientError> {
        let mut proofs = self.prove(&progress).await?;
        let mut send = self.planned();
        for _ in 0..MAX_ROUNDS {
            self.send(send, &progress).await?;
            let request = CommitRequest { proofs: proofs.clone() };
            match self.store.commit_patiently(&self.session, &request, progress.as_ref()).await? {
                CommitAnswer::Committed(published) => return Ok(published),
                CommitAnswer::Incomplete { send: missing } => {
                    proofs.retain(|blob, _| !missing.contains_key(blob));
                    send = missing.into_iter().map(|(blob, at)| (blob, at.offset)).collect();
                }
            }
        }
        Err(nonsense(&self.store, "a commit that asks for the same bytes again and again"))
    }

    /// Gives the publish up; the store throws away what was sent for it.
    pub async fn abandon(self) -> Result<(), ClientError> {
        self.store.abandon(&self.session).await
    }

    /// Returns what the plan says is to be sent, and from where.
    fn planned(&self) -> BTreeMap<Sha256, u64> {
        let offset = |plan: &BlobPlan| match plan {
            BlobPlan::Send { offset, .. } => Some(*offset),
            BlobPlan::Have | BlobPlan::Prove { .. } => None,
        };
        self.answer.blobs.iter().filter_map(|(blob, plan)| Some((*blob, offset(plan)?))).collect()
    }

    async fn send(
        &self,
        blobs: BTreeMap<Sha256, u64>,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), ClientError> {
        let most = self.store.options().part_bytes.min(self.session.max_part);
        let part_size = &PartSize::up_to(most);
        let (store, session) = (&self.store, &self.session);
        let blobs = blobs.into_iter().map(|(blob, offset)| Ok((self.source(&blob)?, offset)));
        let blobs = blobs.collect::<Result<_, ClientError>>()?;
        let (packs, rest) = divide(blobs, &session.pack, self.archive);
        let packing = Packing { store, session, part_size, progress };
        let packs = packs.into_iter().map(|pack| packing.send(pack).boxed());
        let uploads = rest.into_iter().map(|(source, offset)| {
            let upload = Upload::new((store, session), source, part_size, progress);
            async move { upload.send_from(offset).await }.boxed()
        });
        // By turns: neither the small nor the large ones wait for all of the others.
        let transfers = stream::select(stream::iter(packs), stream::iter(uploads));
        transfers.buffer_unordered(self.n_parallel()).try_collect().await
    }

    async fn prove(&self, progress: &Arc<dyn Progress>) -> Result<BTreeMap<Sha256, Blake3>, ClientError> {
        let salts: Vec<(Sha256, Blake3)> = self
            .answer
            .blobs
            .iter()
            .filter_map(|(blob, plan)| match plan {
                BlobPlan::Prove { salt } => Some((*blob, *salt)),
                BlobPlan::Have | BlobPlan::Send { .. } => None,
            })
            .collect();
        if salts.is_empty() {
            return Ok(BTreeMap::new());
        }
        let proofs = salts.into_iter().map(|(blob, salt)| async move {
            let proof = self.prove_one(&blob, salt).await?;
            progress.note(Event::Proved { blob });
            Ok((blob, proof))
        });
        stream::iter(proofs).buffer_unordered(self.n_parallel()).try_collect().await
    }

    async fn prove_one(&self, blob: &Sha256, salt: Blake3) -> Result<Blake3, ClientError> {
        let Source { path, content } = self.source(blob)?.clone();
        let Session { id, account, .. } = &self.session;
        let key = ProofKey::derive(&salt.0, id, account.as_str(), &content);
        let at = path.clone();
        let answer = blocking(move || {
            let mut file = Rechecked::new(File::open(at)?);
            let answer = key.answer(&mut file)?;
            Ok(file.is(&content).then_some(answer))
        });
        match answer.await.map_err(ClientError::io(&path))? {
            Some(answer) => Ok(answer),
            None => Err(ClientError::Changed(path)),
        }
    }

    fn source(&self, blob: &Sha256) -> Result<&Source, ClientError> {
        let unasked = || nonsense(&self.store, "a plan for bytes that were never announced");
        self.sources.get(blob).ok_or_else(unasked)
    }

    fn n_parallel(&self) -> usize {
        self.store.options().n_parallel.max(1)
    }
}

fn nonsense(store: &Store, what: &str) -> ClientError {
    let source = <serde_json::Error as serde::de::Error>::custom(what);
    ClientError::NotAStore { url: store.address().clone(), source }
}
