//! `publish`: make revisions of what is in a directory. Moves no pointer.

use std::path::Path;
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
use crate::package::{Package, prove};
use crate::report::{Before, Done, NewBytes, Plan};
use crate::seeding;
use crate::summing::Summing;

pub(crate) async fn run(args: &PublishArgs, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run {
        context.output().result(&plan(args, context).await?)?;
        return Ok(Exit::Done);
    }
    let mut job = Job::prepare(args, context).await?;
    let publish = Publish::begin(&job.store, &job.request(false), job.package.sources()).await?;
    let mut publish = publish.with_seeds(context.seeds());
    let new_bytes = compare(&mut publish, context).await.inspect_err(|error| job.distrust(error))?;
    let plan = Plan::new(&job.package, &job.base, publish.answer(), &new_bytes, &job.before);
    context.output().note(plan.table().trim_end());
    context.output().warnings(&publish.answer().findings);
    context.progress().begin("upload", plan.left);
    context.progress().go_on(plan.arrived.clone(), publish.session().expires);
    let published = publish.finish(context.progress().clone()).await;
    let published = published.inspect_err(|error| job.distrust(error))?;
    context.progress().finish();
    context.output().result(&Done::new(published, job.store.traffic(), &job.before))?;
    job.keep_seeds(&publish, context).await;
    Ok(Exit::Done)
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
    store: Store,
    base: BaseId,
    package: Package,
    cache: HashCache,
    before: Before,
}

impl Job {
    async fn prepare(args: &PublishArgs, context: &Context) -> Result<Self, Failure> {
        let dir = args.dir.as_deref().unwrap_or(Path::new("."));
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
        Ok(Self { store, base, package, cache, before })
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
