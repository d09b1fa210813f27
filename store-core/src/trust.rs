//! Trusted publishing: a base trusts a job of another system, whose tokens are exchanged for short ones.

use std::time::Duration;

use catalog::Transaction;
use catalog::trust::{NewTrust, Trust as Row};
use charm_model::name::Channel;
use charm_model::reference::{BaseId, Reference};
use charm_model::rights::{Caller, Identity, Right, Scope};
use oidc::{Job, Vouched};
use v4_wire::login::JobLoginRequest;
use v4_wire::token::NewToken;
use v4_wire::trust::{Trust, TrustRequest, Trusts};

use crate::access::{Change, base_to_change, base_to_govern};
use crate::audit::Deed;
use crate::error::StoreError;
use crate::login::{end, foreign_id};
use crate::store::{Store, actor};
use crate::token::{random_hex, refused};

/// How long a job's token is good for: a publish goes on with a new one.
const JOB_TOKEN_TTL: Duration = Duration::from_mins(15);

/// The most jobs that a base trusts.
const MAX_TRUSTS: usize = 50;

/// The longest name of a repository, workflow or environment, in bytes.
const MAX_NAME_BYTES: usize = 200;

impl Store {
    /// Returns the jobs that a base trusts, to those who may change its rights.
    pub async fn trusts(&self, caller: &Caller, reference: &Reference) -> Result<Trusts, StoreError> {
        let mut tx = self.database().read().await?;
        let base = base_to_govern(&mut tx, caller, reference).await?;
        let trusts = tx.trusts(Some(base.id)).await?.into_iter().map(shown).collect();
        Ok(Trusts { trusts })
    }

    /// Has a base trust a job. What the job does, it does for the caller, and never more than the caller may.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadRequest`] for an issuer whose jobs the store does not take, or names that no job has.
    pub async fn add_trust(
        &self,
        caller: &Caller,
        reference: &Reference,
        request: &TrustRequest,
    ) -> Result<Trust, StoreError> {
        let by = actor(caller)?;
        let mut tx = self.database().write().await?;
        let base = base_to_change(&mut tx, caller, reference, Change::Governing).await?;
        self.check_trust(request)?;
        let account = self.known_account(&mut tx, &by).await?;
        let trusts = tx.trusts(Some(base.id)).await?;
        if let Some(same) = trusts.iter().find(|it| it.account.id == account.id && asked(it) == *request) {
            return Ok(shown(same.clone()));
        }
        if trusts.len() >= MAX_TRUSTS {
            return Err(StoreError::BadRequest(format!("{} trusts {MAX_TRUSTS} jobs already", base.name)));
        }
        let id = random_hex::<8>()?;
        let new = NewTrust {
            id: &id,
            base: base.id,
            issuer: &request.issuer,
            repository: &request.repository,
            workflow: &request.workflow,
            environment: request.environment.as_deref(),
            channel: request.channel,
            account: account.id,
            at: self.now(),
        };
        tx.add_trust(new).await?;
        let deed = Deed::new("trust-added", base.name.to_string());
        let detail = serde_json::json!({ "id": id, "job": request });
        self.note(&mut tx, caller, deed.with(detail)).await?;
        tx.commit().await?;
        Ok(Trust { id, job: request.clone(), user: by, since: self.now() })
    }

    /// Has a base trust a job no more. Tokens that it has had end within a quarter of an hour.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] if the base trusts none of that id.
    pub async fn remove_trust(
        &self,
        caller: &Caller,
        reference: &Reference,
        id: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.database().write().await?;
        let base = base_to_change(&mut tx, caller, reference, Change::Governing).await?;
        if !tx.remove_trust(base.id, id).await? {
            return Err(StoreError::Unknown(format!("{} trusts no job `{id}`", base.name)));
        }
        let deed = Deed::new("trust-removed", base.name.to_string());
        self.note(&mut tx, caller, deed.with(serde_json::json!({ "id": id }))).await?;
        Ok(tx.commit().await?)
    }

    /// Exchanges a job's token for one of the store's that may publish to a base, for a quarter of an hour, and nothing
    /// else. The token is used up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unauthenticated`] for a token that is no good or was used, and alike for a base that does not
    /// trust the job and for one that does not exist.
    pub async fn log_in_job(&self, request: &JobLoginRequest) -> Result<NewToken, StoreError> {
        let vouched = self.vouched(&request.token).await?;
        let job = vouched.job().ok_or_else(|| refused("the token is not that of a job"))?;
        let token_id = vouched.token_id().ok_or_else(|| refused("the token has no identifier"))?;
        let mut tx = self.database().write().await?;
        let trust = trusting(&mut tx, &request.base, &vouched, &job).await?;
        let (base, trust) = trust.ok_or_else(|| no_trust(&request.base, &job))?;
        if !tx.use_token(vouched.issuer(), token_id, end(&vouched)).await? {
            return Err(refused("the token was used already"));
        }
        if let Some(repository) = &job.repository_id {
            // Two repositories of one name, at the same moment: the first was faster.
            if !tx.pin_trust(&trust.id, repository).await? {
                return Err(no_trust(&request.base, &job));
            }
        }
        let releases = trust.channel.map_or("none", Channel::as_str);
        let scope = Scope::parse(&[format!("{base}:publish@{releases}")])?;
        let description = format!("{} {}", trust.repository, trust.workflow);
        let identity = Identity {
            name: trust.account.name.clone(),
            groups: trust.account.groups.clone(),
            scope: scope.clone(),
            token: Some(foreign_id(&vouched)),
        };
        let (user, caller) = (trust.account.name, Caller::User(identity));
        let made =
            self.issue_in(&mut tx, &caller, &user, scope, Some(JOB_TOKEN_TTL), Some(&description)).await?;
        tx.commit().await?;
        Ok(made)
    }

    fn check_trust(&self, request: &TrustRequest) -> Result<(), StoreError> {
        let is_known = self.issuers().settings().any(|it| it.jobs.is_some() && it.issuer == request.issuer);
        if !is_known {
            let issuer = &request.issuer;
            return Err(StoreError::BadRequest(format!("jobs of `{issuer}` are not taken by this store")));
        }
        let names = [Some(&request.repository), Some(&request.workflow), request.environment.as_ref()];
        let is_name = |name: &&String| (1..=MAX_NAME_BYTES).contains(&name.len()) && name.trim() == **name;
        if names.into_iter().flatten().all(|name| is_name(&name)) {
            Ok(())
        } else {
            Err(StoreError::BadRequest("repository, workflow or environment is not a name".to_owned()))
        }
    }
}

/// Returns the base and why it trusts the job, if it does.
async fn trusting(
    tx: &mut Transaction,
    base: &BaseId,
    vouched: &Vouched,
    job: &Job,
) -> Result<Option<(BaseId, Row)>, StoreError> {
    let base = tx.base(base).await?;
    // Asked for a base that does not exist, too: how long it takes would tell that from one that trusts nobody.
    let trusts = tx.trusts(base.as_ref().map(|base| base.id)).await?;
    let Some(base) = base else { return Ok(None) };
    let is_it = |trust: &Row| {
        trust.issuer == vouched.issuer()
            && trust.repository == job.repository
            && job.runs(&trust.workflow)
            && trust.environment.as_ref().is_none_or(|only| job.environment.as_ref() == Some(only))
            // The repository's name may have become somebody else's since.
            && trust.repository_id.as_ref().is_none_or(|only| job.repository_id.as_ref() == Some(only))
            && trust.account.disabled_at.is_none()
    };
    let mut best: Option<Row> = None;
    for mut trust in trusts.into_iter().filter(is_it) {
        // Whoever set the trust may have lost the right since.
        trust.account.groups = tx.account(&trust.account.name).await?.map(|it| it.groups).unwrap_or_default();
        let is_better = best.as_ref().is_none_or(|best| says(&trust) > says(best));
        if is_better && base.acl.allows(&for_whom(&trust), &base.name, Right::Publish) {
            best = Some(trust);
        }
    }
    Ok(best.map(|trust| (base.name, trust)))
}

/// How much a trust says: of several that hold for a job, the one that says the most is meant.
const fn says(trust: &Row) -> (bool, bool) {
    (trust.environment.is_some(), trust.channel.is_some())
}

fn for_whom(trust: &Row) -> Caller {
    let (name, groups) = (trust.account.name.clone(), trust.account.groups.clone());
    Caller::User(Identity { name, groups, scope: Scope::UNRESTRICTED, token: None })
}

fn no_trust(base: &BaseId, job: &Job) -> StoreError {
    let environment = job.environment.as_deref().map(|it| format!(", environment `{it}`"));
    refused(&format!(
        "{base} does not trust this job: repository `{}`, workflow `{}`{}",
        job.repository,
        job.workflow,
        environment.unwrap_or_default()
    ))
}

fn asked(row: &Row) -> TrustRequest {
    TrustRequest {
        issuer: row.issuer.clone(),
        repository: row.repository.clone(),
        workflow: row.workflow.clone(),
        environment: row.environment.clone(),
        channel: row.channel,
    }
}

fn shown(row: Row) -> Trust {
    Trust { job: asked(&row), id: row.id, user: row.account.name, since: row.created_at }
}
