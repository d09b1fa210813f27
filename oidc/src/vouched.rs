//! What a token of another issuer vouches for.

use serde_json::{Map, Value};

use crate::settings::IssuerSettings;

/// A token that is good: its issuer says this, to this store, now.
#[derive(Debug, Clone)]
pub struct Vouched {
    pub(crate) settings: IssuerSettings,
    pub(crate) claims: Map<String, Value>,
    /// Until when, in seconds since 1970.
    pub expires: u64,
}

/// A user of another issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, with its issuer's prefix.
    pub name: String,
    /// The names of groups, with their issuer's prefix.
    pub groups: Vec<String>,
}

/// A job that runs somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The repository's name.
    pub repository: String,
    /// What stays when the repository's name is somebody else's.
    pub repository_id: Option<String>,
    /// The workflow, as its issuer writes it.
    pub workflow: String,
    /// The environment that the job runs in.
    pub environment: Option<String>,
}

impl Job {
    /// Says whether the job runs that workflow: the same text, or, where the issuer writes
    /// `OWNER/REPOSITORY/.github/workflows/FILE@REF` as GitHub does, that file of the job's own repository.
    pub fn runs(&self, workflow: &str) -> bool {
        let file = self
            .workflow
            .split('@')
            .next()
            .and_then(|path| path.strip_prefix(&self.repository)?.strip_prefix("/.github/workflows/"));
        self.workflow == workflow || file == Some(workflow)
    }
}

impl Vouched {
    /// Returns the issuer's address.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Returns the issuer's name for whom the token is about, which never becomes somebody else's (OpenID Connect Core, §2).
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// Returns the token's identifier, by which it is told from others of its issuer.
    pub fn token_id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// Returns the user whose token it is; none if the issuer is not trusted with users, or the token has no name.
    pub fn user(&self) -> Option<User> {
        let claims = self.settings.users.as_ref()?;
        let name = format!("{}{}", claims.prefix, self.text(&claims.name)?);
        let groups = claims.groups.as_ref().and_then(|claim| self.claims.get(claim)?.as_array());
        let groups = groups.into_iter().flatten().filter_map(Value::as_str);
        let groups = groups.map(|name| format!("{}{name}", claims.prefix)).collect();
        Some(User { name, groups })
    }

    /// Returns the job whose token it is; none if the issuer is not trusted with jobs, or the token is not a job's.
    pub fn job(&self) -> Option<Job> {
        let claims = self.settings.jobs.as_ref().filter(|_| self.is_for_store())?;
        Some(Job {
            repository: self.text(&claims.repository)?.to_owned(),
            repository_id: self.text(&claims.repository_id).map(str::to_owned),
            workflow: self.text(&claims.workflow)?.to_owned(),
            environment: self.text(&claims.environment).map(str::to_owned),
        })
    }

    /// Says whether the token is for this store, and not for the client by which users log in.
    fn is_for_store(&self) -> bool {
        let is_store = |it: &Value| it.as_str() == Some(&self.settings.audience);
        match self.claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_store),
            Some(one) => is_store(one),
            None => false,
        }
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str().filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("o/r/.github/workflows/release.yml@refs/heads/main", "release.yml" => true)]
    #[test_case("o/r/.github/workflows/release.yml@refs/heads/main", "o/r/.github/workflows/release.yml@refs/heads/main" => true; "the whole text")]
    #[test_case("o/r/.github/workflows/other.yml@refs/heads/main", "release.yml" => false)]
    #[test_case("evil/r/.github/workflows/release.yml@refs/heads/main", "release.yml" => false; "a workflow of another repository")]
    #[test_case("o/r/.github/workflows/x/release.yml@main", "release.yml" => false; "a file further down")]
    #[test_case("o/r/.github/workflows/evil.yml@refs/heads/x/.github/workflows/release.yml", "release.yml" => false; "a reference that looks like the file")]
    fn a_job_runs(workflow: &str, wanted: &str) -> bool {
        let job = Job {
            repository: "o/r".into(),
            repository_id: None,
            workflow: workflow.into(),
            environment: None,
        };
        job.runs(wanted)
    }
}
