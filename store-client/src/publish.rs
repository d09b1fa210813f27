//! The publish conversation: plan, prove, send, commit.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use charm_model::digest::{Blake3, Content, Sha256};
use charm_model::proof::ProofKey;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use v4_wire::publish::{BlobPlan, CommitAnswer, CommitRequest, PlanAnswer, PlanRequest, Published, Session};

use crate::basis::Basis;
use crate::error::ClientError;
use crate::hash::blocking;
use crate::local_map::MIN_DELTA_BYTES;
use crate::pack::{Packing, divide};
use crate::part_size::PartSize;
use crate::progress::{Event, Progress};
use crate::recheck::Rechecked;
use crate::recipe_up::{Cook, Kitchen};
use crate::seeds::Seeds;
use crate::store::Store;
use crate::upload::Upload;

/// How often the store may ask for more at the commit. Once is usual, when it has not accepted a proof.
const MAX_ROUNDS: usize = 3;

/// Below this, in bytes, files of the same name are sent at once rather than one made of the other.
const MIN_ALIKE_BYTES: u64 = 1 << 20;

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
    seeds: Option<Seeds>,
    /// What the store can make blobs of, as far as was looked.
    bases: BTreeMap<Sha256, Arc<Basis>>,
}

impl Publish {
    /// Tells the store what is to be published, and where the bytes are. For a dry run [`Store::plan`] is enough.
    pub async fn begin(
        store: &Store,
        request: &PlanRequest,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<Self, ClientError> {
        let mut answer = store.plan(request).await?;
        let session = answer
            .session
            .take()
            .ok_or_else(|| ClientError::nonsense(store.address(), "a plan without a session"))?;
        let sources = sources.into_iter().map(|it| (it.content.digests.sha256, it)).collect();
        let archive = request.archive.map(|archive| archive.digests.sha256);
        let (store, bases) = (store.clone(), BTreeMap::new());
        Ok(Self { store, session, answer, archive, sources, seeds: None, bases })
    }

    /// Looks for bases of what is sent among these files too.
    #[must_use]
    pub fn with_seeds(self, seeds: Option<Seeds>) -> Self {
        Self { seeds, ..self }
    }

    /// Returns how many bytes [`Publish::compare`] reads.
    pub fn comparable_bytes(&self) -> u64 {
        self.comparable().map(|(source, _)| source.content.size).sum()
    }

    /// Finds out what of the files the store can make of others that it has, and returns for those how many bytes are
    /// new, as far as is known before they are sent. Without this, files are sent as they are.
    ///
    /// # Errors
    ///
    /// [`ClientError::Changed`] and [`ClientError::Io`] of a file that is to be sent.
    pub async fn compare(
        &mut self,
        progress: &Arc<dyn Progress>,
    ) -> Result<BTreeMap<Sha256, u64>, ClientError> {
        let this = &*self;
        let looked = this.comparable().map(|(source, proposed)| async move {
            let here = |base: &Content| this.here(base);
            let at = (&this.store, &this.session);
            let basis = Basis::among(proposed, here, source, at, progress).await?;
            Ok::<_, ClientError>(basis.map(|it| (source.content.digests.sha256, Arc::new(it))))
        });
        let found: Vec<_> = stream::iter(looked).buffer_unordered(self.n_parallel()).try_collect().await?;
        self.bases = found.into_iter().flatten().collect();
        Ok(self.bases.iter().map(|(blob, basis)| (*blob, basis.new_bytes())).collect())
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
        Err(ClientError::nonsense(
            self.store.address(),
            "a commit that asks for the same bytes again and again",
        ))
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

    /// Returns what is to be sent and may be much like what the store proposes.
    fn comparable(&self) -> impl Iterator<Item = (&Source, &[Content])> {
        self.answer.blobs.iter().filter_map(|(blob, plan)| match plan {
            BlobPlan::Send { offset, bases } if !bases.is_empty() => {
                let source = self.sources.get(blob)?;
                let n_left = source.content.size.saturating_sub(*offset);
                (n_left >= MIN_DELTA_BYTES).then_some((source, bases.as_slice()))
            }
            _ => None,
        })
    }

    /// Returns where on this machine these bytes should be.
    fn here(&self, content: &Content) -> Option<Source> {
        let source = self.sources.get(&content.digests.sha256);
        source.cloned().or_else(|| self.seeds.as_ref()?.find(content))
    }

    async fn send(
        &self,
        blobs: BTreeMap<Sha256, u64>,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), ClientError> {
        let Session { max_part, part_step, .. } = self.session;
        let most = self.store.options().part_bytes.max(part_step).min(max_part);
        let (part_size, kitchen) =
            (&PartSize::up_to(most).in_steps_of(part_step), &Kitchen::up_to(most, part_step));
        let (store, session) = (&self.store, &self.session);
        let blobs = blobs.into_iter().map(|(blob, offset)| Ok((self.source(&blob)?, offset)));
        let blobs = blobs.collect::<Result<_, ClientError>>()?;
        let (packs, rest) = divide(blobs, &session.pack, self.archive);
        let packing = Packing { store, session, part_size, kitchen, progress };
        let packs = packs.into_iter().map(|pack| packing.send(pack).boxed());
        let chains = self.chains(rest).into_iter().map(|chain| {
            let send = async move {
                let mut sent: Option<&Source> = None;
                for (source, offset) in chain {
                    let cook = Cook::new(kitchen, self.basis(source, sent, progress).await);
                    let upload = Upload::new((store, session), source, part_size, cook, progress);
                    // A transfer's state is large, and several stand side by side.
                    Box::pin(upload.send_from(offset)).await?;
                    sent = Some(source);
                }
                Ok(())
            };
            send.boxed()
        });
        // By turns: neither the small nor the large ones wait for all of the others.
        let transfers = stream::select(stream::iter(packs), stream::iter(chains));
        transfers.buffer_unordered(self.n_parallel()).try_collect().await
    }

    /// Orders what is to be sent: files of the same name stand behind each other, such as one program for two
    /// architectures, so that each can be made of the one before it; all others stand for themselves.
    fn chains<'a>(&self, blobs: Vec<(&'a Source, u64)>) -> Vec<Vec<(&'a Source, u64)>> {
        let mut chains: Vec<Vec<(&Source, u64)>> = Vec::new();
        let mut by_name = HashMap::new();
        for (source, offset) in blobs {
            let has_basis = self.bases.contains_key(&source.content.digests.sha256);
            let is_alone = source.content.size < MIN_ALIKE_BYTES || has_basis;
            let place = match source.path.file_name().filter(|_| !is_alone) {
                Some(name) => *by_name.entry(name).or_insert(chains.len()),
                None => chains.len(),
            };
            match chains.get_mut(place) {
                Some(chain) => chain.push((source, offset)),
                None => chains.push(vec![(source, offset)]),
            }
        }
        chains
    }

    async fn basis(
        &self,
        source: &Source,
        sent: Option<&Source>,
        progress: &Arc<dyn Progress>,
    ) -> Option<Arc<Basis>> {
        if let Some(basis) = self.bases.get(&source.content.digests.sha256) {
            return Some(basis.clone());
        }
        Basis::alike(source, sent?, progress).await.map(Arc::new)
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
        let what = "a plan for bytes that were never announced";
        let unasked = || ClientError::nonsense(self.store.address(), what);
        self.sources.get(blob).ok_or_else(unasked)
    }

    fn n_parallel(&self) -> usize {
        self.store.options().n_parallel.max(1)
    }
}
