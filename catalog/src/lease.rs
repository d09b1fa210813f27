//! Leases: which of several servers does a background job.

use charm_model::timestamp::Timestamp;
use sqlx::query;
use tracing::instrument;

use crate::error::CatalogError;
use crate::transaction::{Transaction, on_either};

const ACQUIRE_LEASE: &str = "
    INSERT INTO lease (name, holder, until) VALUES ($1, $2, $4)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE lease.holder = excluded.holder OR lease.until <= $3";

const RELEASE_LEASE: &str = "DELETE FROM lease WHERE name = $1 AND holder = $2";

impl Transaction {
    /// Takes the lease of that name, or holds on to it, until then. Says whether the holder has it now: not while
    /// another one does whose time is not up.
    #[instrument(skip_all, fields(lease = name, holder))]
    pub async fn acquire_lease(
        &mut self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, CatalogError> {
        let n_changed = on_either!(self, |conn| {
            let acquire = query(ACQUIRE_LEASE).bind(name).bind(holder).bind(now.as_micros());
            acquire.bind(until.as_micros()).execute(conn).await?.rows_affected()
        });
        Ok(n_changed == 1)
    }

    /// Gives the lease back, so that another server need not wait for its end.
    pub async fn release_lease(&mut self, name: &str, holder: &str) -> Result<(), CatalogError> {
        on_either!(self, |conn| {
            query(RELEASE_LEASE).bind(name).bind(holder).execute(conn).await?;
        });
        Ok(())
    }
}
