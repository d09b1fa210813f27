//! The store's routes, one method each. What moves blobs is in `upload.rs` and `download.rs`.

use charm_model::name::{Architecture, Channel};
use charm_model::reference::Reference;
use reqwest::Method;
use v4_wire::account::WhoAmI;
use v4_wire::changes::Changes;
use v4_wire::publish::{CommitAnswer, CommitRequest, PlanAnswer, PlanRequest, Session};
use v4_wire::release::{History, Move, ReleaseRequest, Status, WithdrawRequest, Withdrawal};
use v4_wire::resolve::{Resolution, ResourcesSummary};
use v4_wire::rights::{RightsAnswer, RightsRequest};
use v4_wire::search::SearchAnswer;

use crate::call::Call;
use crate::error::ClientError;
use crate::progress::Progress;
use crate::retry::{Patience, Repeat};
use crate::store::Store;

type Result<T> = std::result::Result<T, ClientError>;

impl Store {
    /// Returns who the store takes the caller for.
    pub async fn whoami(&self) -> Result<WhoAmI> {
        self.ask(Call::get(self.url(["whoami"], &[]))).await
    }

    /// Returns what a reference means; its resources are those of one architecture and `common`, if one is given.
    pub async fn resolve(
        &self,
        id: &Reference,
        channel: Option<Channel>,
        architecture: Option<Architecture>,
    ) -> Result<Resolution> {
        let query = [
            ("id", Some(id.to_string())),
            ("channel", text(channel)),
            ("arch", architecture.map(|it| it.to_string())),
        ];
        self.ask(Call::get(self.url(["resolve"], &query))).await
    }

    /// Returns the files of a reference's resources.
    pub async fn resources(&self, id: &Reference, channel: Option<Channel>) -> Result<ResourcesSummary> {
        self.ask(Call::get(self.url_of(id, &["resources"], &[("channel", text(channel))]))).await
    }

    /// Says what is to be published, and returns what the store needs for that.
    pub async fn plan(&self, request: &PlanRequest) -> Result<PlanAnswer> {
        let call = Call::new(Method::POST, self.url(["publish"], &[])).json(request);
        // The same plan twice opens one session.
        self.ask(call.repeat(Repeat::Always).within(self.options().commit_timeout)).await
    }

    /// Publishes what was planned, or returns what is still missing.
    pub async fn commit(&self, session: &Session, request: &CommitRequest) -> Result<CommitAnswer> {
        self.commit_patiently(session, request, &()).await
    }

    /// Commits with a transfer's patience: all bytes are there, and a store that is restarted comes back.
    pub(crate) async fn commit_patiently(
        &self,
        session: &Session,
        request: &CommitRequest,
        progress: &dyn Progress,
    ) -> Result<CommitAnswer> {
        let url = self.url(["publish", &session.id, "commit"], &[]);
        // A commit that was answered into a broken connection is answered the same way again.
        let call = Call::new(Method::POST, url).json(request).repeat(Repeat::Always);
        let call = call.within(self.options().commit_timeout);
        self.ask_with(&call, &mut Patience::with_transfer(self.options()), progress).await
    }

    /// Gives up a publish; what was sent for it is thrown away.
    pub async fn abandon(&self, session: &Session) -> Result<()> {
        self.tell(Call::new(Method::DELETE, self.url(["publish", &session.id], &[]))).await
    }

    /// Moves a channel's pointers.
    pub async fn release(&self, id: &Reference, request: &ReleaseRequest) -> Result<Move> {
        self.ask(Call::new(Method::POST, self.url_of(id, &["release"], &[])).json(request)).await
    }

    /// Returns moves of a base's pointers, newest first: those before an event, at most so many.
    pub async fn history(
        &self,
        id: &Reference,
        channel: Option<Channel>,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<History> {
        let query = [
            ("channel", text(channel)),
            ("before", before.map(|it| it.to_string())),
            ("limit", limit.map(|it| it.to_string())),
        ];
        self.ask(Call::get(self.url_of(id, &["history"], &query))).await
    }

    /// Returns where every pointer of a base stands.
    pub async fn status(&self, id: &Reference) -> Result<Status> {
        self.ask(Call::get(self.url_of(id, &["status"], &[]))).await
    }

    /// Withdraws a revision: it is served when named in full, and never chosen.
    pub async fn withdraw(&self, id: &Reference, request: &WithdrawRequest) -> Result<Withdrawal> {
        self.ask(Call::new(Method::PUT, self.url_of(id, &["withdrawn"], &[])).json(request)).await
    }

    /// Takes a withdrawal back.
    pub async fn restore(&self, id: &Reference) -> Result<Withdrawal> {
        self.ask(Call::new(Method::DELETE, self.url_of(id, &["withdrawn"], &[]))).await
    }

    /// Returns who may do what with a base.
    pub async fn rights(&self, id: &Reference) -> Result<RightsAnswer> {
        self.ask(Call::get(self.url_of(id, &["rights"], &[]))).await
    }

    /// Changes who may do what with a base.
    pub async fn set_rights(&self, id: &Reference, request: &RightsRequest) -> Result<RightsAnswer> {
        self.ask(Call::new(Method::PUT, self.url_of(id, &["rights"], &[])).json(request)).await
    }

    /// Returns what a search for these words finds, best first, each revision once, with what it is and where it
    /// matches.
    pub async fn search(&self, text: &str, skip: u32, limit: u32) -> Result<SearchAnswer> {
        let query = [
            ("text", Some(text.to_owned())),
            ("skip", Some(skip.to_string())),
            ("limit", Some(limit.to_string())),
            ("snippets", Some("1".to_owned())),
        ];
        self.ask(Call::get(self.url_below("v5", ["search"], &query))).await
    }

    /// Returns the events after a cursor, oldest first.
    pub async fn changes(&self, since: u64, limit: Option<u32>) -> Result<Changes> {
        let query = [("since", Some(since.to_string())), ("limit", limit.map(|it| it.to_string()))];
        self.ask(Call::get(self.url(["changes"], &query))).await
    }
}

fn text(channel: Option<Channel>) -> Option<String> {
    channel.map(|it| it.to_string())
}
