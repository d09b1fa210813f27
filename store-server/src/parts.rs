//! Putting a store together from its settings.

use anyhow::Context as _;
use blob_store::BlobStore;
use catalog::Database;
use oidc::Issuers;
use store_core::{Store, StoreOptions};

use crate::config::Config;

/// Opens the database, making the embedded one if there is none.
pub(crate) async fn database(config: &Config) -> anyhow::Result<Database> {
    if config.is_embedded {
        std::fs::create_dir_all(&config.data)
            .with_context(|| format!("cannot make the data directory `{}`", config.data.display()))?;
    }
    Database::open(&config.database).await.context("cannot open the database")
}

/// Opens the place for blobs.
pub(crate) fn blobs(config: &Config) -> anyhow::Result<BlobStore> {
    BlobStore::open(&config.objects).context("cannot open the place for blobs")
}

/// Opens the store, its database's schema brought up to date.
pub(crate) async fn store(config: &Config) -> anyhow::Result<Store> {
    let database = database(config).await?;
    database.migrate().await.context("cannot bring the database's schema up to date")?;
    let limits = config.limits.of_store();
    let options = StoreOptions::new(database, blobs(config)?);
    let (verify_reads, search) = (config.verify_reads, Some(config.search.clone()));
    let admin_password = config.admin_password.clone();
    let issuers = Issuers::new(config.issuers.clone()).context("cannot trust the issuers of the settings")?;
    Ok(Store::new(StoreOptions { verify_reads, search, admin_password, issuers, limits, ..options }))
}
