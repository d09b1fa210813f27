//! The store: its parts, and how they are put together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use blob_store::BlobStore;
use catalog::base::Base;
use catalog::{Database, Id, Transaction};
use charm_model::name::UserName;
use charm_model::resolve::Snapshot;
use charm_model::rights::Caller;
use charm_model::timestamp::Timestamp;
use oidc::Issuers;
use secrecy::SecretString;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use crate::chunks::ChunkMaps;
use crate::clock::{Clock, SystemClock};
use crate::error::StoreError;
use crate::limits::Limits;
use crate::publish::Plan;
use crate::search::Search;

/// How many bases' snapshots are kept in memory. One of a busy base is a few hundred kilobytes.
const CACHED_SNAPSHOTS: u64 = 2_000;

/// How many blobs the plans name that are kept in memory: about 300 bytes for each.
const CACHED_PLANS: u64 = 200_000;

/// For how long it is believed that blobs can be written. Several balancers ask every few seconds, and each time an
/// object would be written, flushed, read and deleted; besides, anybody may ask.
const PROBE_HOLDS: Duration = Duration::from_secs(30);

/// How many passwords are checked at a time. Argon2id takes 19 MiB for each, whoever asks.
const PASSWORDS_AT_ONCE: usize = 4;

/// How many recipes are followed at a time. Each takes up to 96 MiB.
/// Source: `delta::limits`.
const ASSEMBLIES_AT_ONCE: usize = 2;

/// What a store is made of.
pub struct StoreOptions {
    /// Where rows are.
    pub database: Database,
    /// Where bytes are.
    pub blobs: BlobStore,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is taken.
    pub limits: Limits,
    /// Whether everything that leaves the store is held against its digests first. Clients check as well.
    pub verify_reads: bool,
    /// Directory of the search index, which may be deleted; in memory without one.
    pub search: Option<PathBuf>,
    /// Whose tokens are taken besides the store's own.
    pub issuers: Issuers,
    /// The password of the account `admin`; without one there is no such account.
    pub admin_password: Option<SecretString>,
}

impl StoreOptions {
    /// Returns the options of a store with the machine's clock and the usual limits.
    pub fn new(database: Database, blobs: BlobStore) -> Self {
        let clock = Arc::new(SystemClock);
        let (limits, issuers) = (Limits::default(), Issuers::default());
        let (search, admin_password) = (None, None);
        Self { database, blobs, clock, limits, verify_reads: true, search, issuers, admin_password }
    }
}

impl std::fmt::Debug for Store {
    /// Shows that it is one: its parts hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// A store. Cheap to clone: all clones are the same store.
#[derive(Clone)]
pub struct Store {
    parts: Arc<Parts>,
}

struct Parts {
    options: StoreOptions,
    /// By base: the number of its last event, and the snapshot as of then.
    snapshots: moka::sync::Cache<Id<Base>, (u64, Arc<Snapshot>)>,
    /// By session: what it is about.
    plans: moka::sync::Cache<String, Arc<Plan>>,
    /// Chunk maps in memory, and blobs that wait for theirs.
    maps: ChunkMaps,
    search: Search,
    /// When blobs could last be written. Locked while a probe is under way, so that there is one at a time.
    probed: Mutex<Option<Timestamp>>,
    /// Turns to check a password.
    passwords: Semaphore,
    /// Turns to follow a recipe.
    assemblies: Semaphore,
}

impl Store {
    /// Puts a store together.
    pub fn new(options: StoreOptions) -> Self {
        let snapshots = moka::sync::Cache::new(CACHED_SNAPSHOTS);
        let plans = moka::sync::Cache::builder().max_capacity(CACHED_PLANS);
        let plans = plans.weigher(|_: &String, plan: &Arc<Plan>| plan.weight()).build();
        let (probed, passwords) = (Mutex::default(), Semaphore::new(PASSWORDS_AT_ONCE));
        let (maps, assemblies) = (ChunkMaps::default(), Semaphore::new(ASSEMBLIES_AT_ONCE));
        let search = Search::new(options.search.clone());
        let parts = Parts { options, snapshots, plans, maps, search, probed, passwords, assemblies };
        Self { parts: Arc::new(parts) }
    }

    /// Returns the database.
    pub fn database(&self) -> &Database {
        &self.parts.options.database
    }

    /// Returns what the store takes.
    pub fn limits(&self) -> &Limits {
        &self.parts.options.limits
    }

    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.parts.options.blobs
    }

    pub(crate) fn plans(&self) -> &moka::sync::Cache<String, Arc<Plan>> {
        &self.parts.plans
    }

    pub(crate) fn verifies_reads(&self) -> bool {
        self.parts.options.verify_reads
    }

    pub(crate) fn maps(&self) -> &ChunkMaps {
        &self.parts.maps
    }

    pub(crate) fn search_parts(&self) -> &Search {
        &self.parts.search
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.parts.options.issuers
    }

    pub(crate) fn admin_password(&self) -> Option<&SecretString> {
        self.parts.options.admin_password.as_ref()
    }

    /// Waits for a turn to check a password, which lasts as long as the value.
    pub(crate) async fn password_turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes the semaphore, so there is always a permit.
        self.parts.passwords.acquire().await.ok()
    }

    /// Waits for a turn to follow a recipe, which lasts as long as the value.
    pub(crate) async fn assembly_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.parts.assemblies.acquire().await.ok()
    }

    /// Returns the present moment, by the store's clock.
    pub fn now(&self) -> Timestamp {
        self.parts.options.clock.now()
    }

    /// Says whether database and blobs answer; of the blobs, whether they did in the last half minute.
    ///
    /// # Errors
    ///
    /// The first of the two that does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.database().ping().await?;
        let mut probed = self.parts.probed.lock().await;
        if probed.is_none_or(|at| self.now().since(at) > PROBE_HOLDS) {
            self.blobs().probe().await?;
            *probed = Some(self.now());
        }
        Ok(())
    }

    /// Returns the base's snapshot as of its last event, from memory if nothing happened since.
    pub(crate) async fn snapshot(
        &self,
        tx: &mut Transaction,
        base: &Base,
    ) -> Result<Arc<Snapshot>, StoreError> {
        let cached = self.parts.snapshots.get(&base.id);
        if let Some((_, snapshot)) = cached.filter(|(event, _)| *event == base.last_event) {
            return Ok(snapshot);
        }
        let snapshot = Arc::new(tx.snapshot(base).await?);
        self.parts.snapshots.insert(base.id, (base.last_event, snapshot.clone()));
        Ok(snapshot)
    }
}

/// Returns the name under which the caller does things: the operator's is `admin`.
///
/// # Errors
///
/// [`StoreError::Unauthenticated`] for nobody.
pub(crate) fn actor(caller: &Caller) -> Result<UserName, StoreError> {
    let name = caller.name().ok_or_else(StoreError::login_needed)?;
    name.parse().map_err(|_| StoreError::login_needed())
}
