//! The routes about who may do what: grants, tokens, groups, the audit.

use charm_model::name::UserName;
use charm_model::reference::Reference;
use reqwest::Method;
use v4_wire::audit::Audit;
use v4_wire::group::{Group, Groups, Membership};
use v4_wire::login::{JobLoginRequest, LoginRequest, Logins};
use v4_wire::rights::{GrantAnswer, GrantRequest, Transfer, TransferRequest};
use v4_wire::token::{NewToken, TokenRequest, Tokens};
use v4_wire::trust::{Trust, TrustRequest, Trusts};

use crate::call::Call;
use crate::error::ClientError;
use crate::retry::Repeat;
use crate::store::Store;

type Result<T> = std::result::Result<T, ClientError>;

impl Store {
    /// Gives a user or group rights.
    pub async fn grant(&self, id: &Reference, request: &GrantRequest) -> Result<GrantAnswer> {
        // What is granted or revoked twice is so once.
        let call = Call::new(Method::POST, self.url_of(id, &["rights", "grant"], &[]));
        self.ask(call.json(request).repeat(Repeat::Always)).await
    }

    /// Takes rights from a user or group.
    pub async fn revoke(&self, id: &Reference, request: &GrantRequest) -> Result<GrantAnswer> {
        let call = Call::new(Method::POST, self.url_of(id, &["rights", "revoke"], &[]));
        self.ask(call.json(request).repeat(Repeat::Always)).await
    }

    /// Gives a base to another owner.
    pub async fn transfer(&self, id: &Reference, request: &TransferRequest) -> Result<Transfer> {
        let call = Call::new(Method::POST, self.url_of(id, &["transfer"], &[]));
        self.ask(call.json(request).repeat(Repeat::Always)).await
    }

    /// Returns how one can log in, besides with what the store issues itself.
    pub async fn logins(&self) -> Result<Logins> {
        self.ask(Call::get(self.url(["login"], &[]))).await
    }

    /// Exchanges a person's token of another issuer for one of the store's.
    pub async fn log_in(&self, token: String) -> Result<NewToken> {
        self.ask(Call::new(Method::POST, self.url(["login"], &[])).json(&LoginRequest { token })).await
    }

    /// Exchanges a job's token of another issuer for one that may publish to a base which trusts the job.
    pub async fn log_in_job(&self, request: &JobLoginRequest) -> Result<NewToken> {
        self.ask(Call::new(Method::POST, self.url(["login", "job"], &[])).json(request)).await
    }

    /// Returns the jobs that a base trusts.
    pub async fn trusts(&self, id: &Reference) -> Result<Trusts> {
        self.ask(Call::get(self.url_of(id, &["trust"], &[]))).await
    }

    /// Has a base trust a job.
    pub async fn add_trust(&self, id: &Reference, request: &TrustRequest) -> Result<Trust> {
        // What is trusted twice is so once.
        let call = Call::new(Method::POST, self.url_of(id, &["trust"], &[]));
        self.ask(call.json(request).repeat(Repeat::Always)).await
    }

    /// Has a base trust a job no more.
    pub async fn remove_trust(&self, id: &Reference, trust: &str) -> Result<()> {
        self.tell(Call::new(Method::DELETE, self.url_of(id, &["trust", trust], &[]))).await
    }

    /// Makes a token for the caller. The answer is the only one that holds it.
    pub async fn make_token(&self, request: &TokenRequest) -> Result<NewToken> {
        self.ask(Call::new(Method::POST, self.url(["tokens"], &[])).json(request)).await
    }

    /// Returns the caller's tokens, newest first.
    pub async fn tokens(&self) -> Result<Tokens> {
        self.ask(Call::get(self.url(["tokens"], &[]))).await
    }

    /// Revokes a token of the caller's.
    pub async fn revoke_token(&self, id: &str) -> Result<()> {
        self.tell(Call::new(Method::DELETE, self.url(["tokens", id], &[]))).await
    }

    /// Returns the caller's groups.
    pub async fn groups(&self) -> Result<Groups> {
        self.ask(Call::get(self.url(["groups"], &[]))).await
    }

    /// Returns a group that the caller is in.
    pub async fn group(&self, name: &UserName) -> Result<Group> {
        self.ask(Call::get(self.url(["groups", name.as_str()], &[]))).await
    }

    /// Makes a group, as the operator.
    pub async fn make_group(&self, name: &UserName) -> Result<Group> {
        self.ask(Call::new(Method::PUT, self.url(["groups", name.as_str()], &[]))).await
    }

    /// Makes a user a member or manager of a group.
    pub async fn set_member(
        &self,
        group: &UserName,
        user: &UserName,
        membership: Membership,
    ) -> Result<Group> {
        let url = self.url(["groups", group.as_str(), "members", user.as_str()], &[]);
        self.ask(Call::new(Method::PUT, url).json(&membership)).await
    }

    /// Takes a user out of a group.
    pub async fn remove_member(&self, group: &UserName, user: &UserName) -> Result<Group> {
        let url = self.url(["groups", group.as_str(), "members", user.as_str()], &[]);
        self.ask(Call::new(Method::DELETE, url)).await
    }

    /// Returns what was done and refused, newest first; of one base, group or token if it is named.
    pub async fn audit(
        &self,
        object: Option<&str>,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Audit> {
        let query = [
            ("object", object.map(str::to_owned)),
            ("before", before.map(|it| it.to_string())),
            ("limit", limit.map(|it| it.to_string())),
        ];
        self.ask(Call::get(self.url(["audit"], &query))).await
    }
}
