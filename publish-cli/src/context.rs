//! What every command has at hand: settings, the store, and somebody to tell.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use store_client::{Credentials, Options, Seeds, Store};

use crate::cli::Global;
use crate::config::Files;
use crate::credentials;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Meter;
use crate::seeding;

pub(crate) struct Context {
    global: Global,
    output: Output,
    progress: Arc<Meter>,
}

impl Context {
    pub(crate) fn new(global: Global, output: Output) -> Self {
        let progress = Arc::new(Meter::new(output.clone()));
        Self { global, output, progress }
    }

    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    pub(crate) fn progress(&self) -> &Arc<Meter> {
        &self.progress
    }

    /// Returns where files are kept that the next ones may be much like.
    pub(crate) fn seeds(&self) -> Option<Seeds> {
        seeding::seeds(&self.global)
    }

    /// Returns the store, for a verb that has no charm's directory.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        self.store_for(&Files::read(None)?)
    }

    /// Returns the store that flags, environment and files name, with the caller's token there.
    pub(crate) fn store_for(&self, files: &Files) -> Result<Store, Failure> {
        let address = self.address(files)?;
        let credentials = self.credentials(files, &address)?;
        self.connect(files, &address, credentials)
    }

    /// Returns the store with these credentials, whatever else is set.
    pub(crate) fn store_with(&self, credentials: Credentials) -> Result<Store, Failure> {
        let files = Files::read(None)?;
        let address = self.address(&files)?;
        self.connect(&files, &address, credentials)
    }

    /// Returns the store's address.
    pub(crate) fn address(&self, files: &Files) -> Result<String, Failure> {
        let address = self.global.store.clone().or_else(|| files.get(|it| it.store.as_ref()));
        address.ok_or_else(|| Failure::usage("no store is named", "say `--store URL`, or set CHARM_STORE"))
    }

    fn credentials(&self, files: &Files, address: &str) -> Result<Credentials, Failure> {
        let Some(found) = credentials::from_environment()? else {
            return Ok(credentials::kept(address)?.unwrap_or(Credentials::Anonymous));
        };
        // Whoever wrote the charm could otherwise have the token of everybody who publishes it.
        if self.global.store.is_none() && files.project.store.is_some() {
            let message =
                "the token of the environment is not sent to a store that the charm's directory names";
            return Err(Failure::usage(message, format!("if you trust it, say so: --store {address}")));
        }
        Ok(found)
    }

    fn connect(&self, files: &Files, address: &str, credentials: Credentials) -> Result<Store, Failure> {
        Ok(Store::new(address, credentials, self.options(files)?)?)
    }

    fn options(&self, files: &Files) -> Result<Options, Failure> {
        let mut options = Options::default();
        if let Some(path) = self.global.ca.clone().or_else(|| files.user.ca.clone()) {
            options.ca_pem = Some(read(&path)?);
        }
        if let Some(seconds) = self.global.timeout.or_else(|| files.get(|it| it.timeout.as_ref())) {
            options.idle_timeout = Duration::from_secs(seconds);
        }
        if let Some(jobs) = self.global.jobs.or_else(|| files.get(|it| it.jobs.as_ref())) {
            options.n_parallel = jobs;
        }
        options.limit_rate = self.global.limit_rate.or_else(|| files.get(|it| it.limit_rate.as_ref()));
        Ok(options)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(path).with_context(|| format!("`{}`", path.display()))?)
}
