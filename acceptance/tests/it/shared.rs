//! What several servers share, on the throw-aways that `cargo xtask test` starts.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use acceptance::Settings;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Makes a database and a place in a bucket; none where no PostgreSQL and no S3 server are named.
pub(crate) async fn shared() -> Option<Settings> {
    static N_MADE: AtomicU32 = AtomicU32::new(0);
    let (postgres, s3) = (env::var("TEST_POSTGRES_URL").ok()?, env::var("TEST_S3_ENDPOINT").ok()?);
    let name = format!("acceptance_{}_{}", std::process::id(), N_MADE.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&postgres).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let bucket = reqwest::Client::new().put(format!("{s3}/acceptance")).send().await.unwrap();
    assert!(bucket.status().is_success() || bucket.status().as_u16() == 409, "{}", bucket.status());
    let (cluster, _) = postgres.rsplit_once('/').unwrap();
    Some(Settings {
        database: Some(format!("{cluster}/{name}")),
        objects: Some(format!("s3://acceptance/{name}?endpoint={s3}&allow_http=true")),
        ..Settings::default()
    })
}
