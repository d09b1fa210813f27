//! `publish`: make revisions of what is in a directory. Moves no pointer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use charm_model::reference::{BaseId, Reference};
use store_client::{ClientError, Progress, Publish, Source, Store};
use v4_wire::publish::{BlobPlan, PlanRequest};

use crate::cli::PublishArgs;
use crate::config::Files;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::hash_cache::HashCache;
use crate::journal::{Beginning, Journal, Resumed};
use crate::moment::now;
use crate::package::{Package, prove};
use crate::report::{self, Before, Done, NewBytes, Plan};
use crate::seeding;
use crate::summing::Summing;

pub(crate) async fn run(args: &PublishArgs, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run {
        context.output().result(&plan(args, context).await?)?;
        return Ok(Exit::Done);
    }
    let begun_before = |failure: Failure| failure.keeping(|| begun_before(args, context));
    let mut job = Job::prepare(args, context).await.map_err(begun_before)?;
    let publish = Publish::begin(&job.store, &job.request(false), job.package.sources()).await;
    let publish = publish.map_err(|error| begun_before(error.into()))?;
    let resumed = job.write_down(&publish, context);
    let done = job.go_on(publish, resumed, context).await;
    done.map_err(|failure| failure.keeping(|| Some(context.progress().safe()?.to_string())))
}

/// Says what an earlier run has begun in the same directory, while the store is not there to be asked.
fn begun_before(args: &PublishArgs, context: &Context) -> Option<String> {
    let (dir, now) = (directory(args).canonicalize().ok()?, now());
    let store = context.store_for(&Files::read(Some(&dir)).ok()?).ok()?;
    let is_it = |begun: &Beginning| begun.dir == dir && begun.store == address(&store);
    let begun = Journal::of_user().unfinished(now).into_iter().find(is_it)?;
    let (base, told) = (&begun.base, begun.told(now));
    Some(format!("the publish of {base} is unfinished, {told}; run the same command to continue"))
}

fn directory(args: &PublishArgs) -> &Path {
    args.dir.as_deref().unwrap_or(Path::new("."))
}

/// Returns a store's address as others may read it.
fn address(store: &Store) -> String {
    let mut url = store.address().clone();
    // An address that can have no password has none.
    let _ = url.set_password(None);
    url.into()
}

/// Finds out what of the files the store has already.
async fn compare(publish: &mut Publish, context: &Context) -> Result<NewBytes, ClientError> {
    context.progress().begin("compare", publish.comparable_bytes());
    let progress: Arc<dyn Progress> = context.progress().clone();
    let new_bytes = publish.compare(&progress).await?;
    context.progress().finish();
    Ok(new_bytes)
}

/// Asks the store what a publish would come to; nothing is made.
pub(crate) async fn plan(args: &PublishArgs, context: &Context) -> Result<Plan, Failure> {
    let job = Job::prepare(args, context).await?;
    let answer = job.store.plan(&job.request(true)).await?;
    context.output().warnings(&answer.findings);
    Ok(Plan::new(&job.package, &job.base, &answer, &NewBytes::new(), &job.before))
}

/// All that is known before the store is told.
struct Job {
    dir: PathBuf,
    store: Store,
    base: BaseId,
    package: Package,
    cache: HashCache,
    journal: Journal,
    before: Before,
}

impl Job {
    async fn prepare(args: &PublishArgs, context: &Context) -> Result<Self, Failure> {
        let dir = directory(args);
        let files = Files::read(Some(dir))?;
        let proved = prove(dir, &args.stream)?;
        context.output().warnings(&proved.warnings);
        let store = context.store_for(&files)?;
        let usual_series = files.get(|it| it.series.as_ref());
        let mut cache = if args.no_cache { HashCache::off(dir) } else { HashCache::of(dir) };
        let n_jobs = store.options().n_parallel;
        let summing = Summing { cache: &mut cache, n_jobs, progress: context.progress() };
        let package = proved.package(args, usual_series, summing).await?;
        let owner = match args.owner.clone().or_else(|| files.get(|it| it.owner.as_ref())) {
            Some(owner) => owner,
            None => store.whoami().await?.user,
        };
        let base = BaseId { owner, name: package.name.clone() };
        let before = before(&store, &base, &package).await?;
        let (dir, journal) = (dir.canonicalize()?, Journal::of_user());
        Ok(Self { dir, store, base, package, cache, journal, before })
    }

    /// Writes down that the publish is begun, and tells if it was before.
    fn write_down(&self, publish: &Publish, context: &Context) -> Option<Resumed> {
        let (session, answer, now) = (publish.session(), publish.answer(), now());
        let (arrived, total) = (report::arrived(answer), report::asked_for(&self.package, answer));
        let n_arrived = arrived.values().sum();
        context.progress().keeps(arrived, total, session.expires);
        if total == 0 {
            return None;
        }
        let known = self.journal.find(&session.id);
        let is_resumed = known.is_some() || n_arrived > 0;
        let begun = known.map_or((!is_resumed).then_some(now), |it| it.begun);
        let (store, kept_until) = (address(&self.store), session.expires);
        let (base, dir) = (self.base.clone(), self.dir.clone());
        self.journal.add(&session.id, &Beginning { base, dir, store, begun, kept_until });
        let resumed = Resumed { begun, arrived: n_arrived, total, kept_until };
        is_resumed.then(|| {
            context.output().event("resumed", &resumed, &resumed.told(now));
            resumed
        })
    }

    /// Compares, sends and commits, and tells what came of it.
    async fn go_on(
        &mut self,
        publish: Publish,
        resumed: Option<Resumed>,
        context: &Context,
    ) -> Result<Exit, Failure> {
        let mut publish = publish.with_seeds(context.seeds());
        let new_bytes = compare(&mut publish, context).await.inspect_err(|error| self.distrust(error))?;
        let plan = Plan::new(&self.package, &self.base, publish.answer(), &new_bytes, &self.before);
        context.output().note(plan.table().trim_end());
        context.output().warnings(&publish.answer().findings);
        context.progress().begin_upload();
        let published = publish.finish(context.progress().clone()).await;
        let published = published.inspect_err(|error| self.distrust(error))?;
        context.progress().finish();
        context.progress().committed();
        self.journal.remove(&publish.session().id);
        context.output().result(&Done::new(published, self.store.traffic(), &self.before, resumed))?;
        self.keep_seeds(&publish, context).await;
        Ok(Exit::Done)
    }

    /// Forgets what a file was remembered as, if it turned out to be something else.
    fn distrust(&mut self, error: &ClientError) {
        if let ClientError::Changed(path) = error {
            self.cache.forget(path);
            self.cache.save();
        }
    }

    /// Keeps what was sent: the next revision will be much like it.
    async fn keep_seeds(&self, publish: &Publish, context: &Context) {
        let is_sent = |(_, source): &(String, Source)| {
            let plan = publish.answer().blobs.get(&source.content.digests.sha256);
            matches!(plan, Some(BlobPlan::Send { .. }))
        };
        let files = self.package.placed_sources().into_iter().filter(is_sent).collect();
        seeding::keep(context.seeds(), &self.base, files).await;
    }

    fn request(&self, dry_run: bool) -> PlanRequest {
        self.package.request(self.base.clone(), dry_run)
    }
}

async fn before(store: &Store, base: &BaseId, package: &Package) -> Result<Before, Failure> {
    match store.status(&Reference::to_base(base)).await {
        Ok(status) => Ok(Before::new(&status, package)),
        // A base that is not there yet, or not to be seen by those who may only publish.
        Err(ClientError::NotFound(_) | ClientError::Forbidden(_)) => Ok(Before::default()),
        Err(error) => Err(error.into()),
    }
}
