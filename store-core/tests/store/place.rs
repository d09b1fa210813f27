//! Where a store lives: a database and a place for objects of its own, gone after the test.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use blob_store::{BlobStore, Bucket, ObjectKey};
use catalog::Database;
use futures::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use store_core::{Limits, Store, StoreOptions};
use tempfile::TempDir;

use crate::clock::TestClock;

/// Checks each rule, an `async fn(Place)`, on what is embedded and on servers.
macro_rules! everywhere {
    ($($rule:ident),+ $(,)?) => {
        $(mod $rule {
            use $crate::place::Place;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite_and_a_directory() {
                Box::pin(super::$rule(Place::embedded().await)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_servers() {
                let Some(place) = Place::on_servers().await else { return };
                Box::pin(super::$rule(place)).await;
            }
        })+
    };
}

pub(crate) use everywhere;

pub(crate) struct Place {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) limits: Limits,
    objects: Objects,
    database: DatabasePlace,
}

enum Objects {
    Directory(TempDir),
    Bucket { bucket: Arc<dyn Bucket>, prefix: String },
}

enum DatabasePlace {
    Sqlite(TempDir),
    Postgres { server: String, name: String },
}

impl Place {
    /// Returns SQLite and a local directory.
    pub(crate) async fn embedded() -> Self {
        Self::new(DatabasePlace::sqlite(), Objects::directory()).await
    }

    /// Returns SQLite and a bucket.
    pub(crate) async fn with_bucket(bucket: Arc<dyn Bucket>) -> Self {
        Self::new(DatabasePlace::sqlite(), Objects::Bucket { bucket, prefix: "in/a/bucket".to_owned() }).await
    }

    /// Returns PostgreSQL and a bucket on an S3 server, or the one of them that there is; `None` without either.
    pub(crate) async fn on_servers() -> Option<Self> {
        let (database, objects) = (DatabasePlace::postgres().await, Objects::s3());
        if database.is_none() && objects.is_none() {
            return None;
        }
        let database = database.unwrap_or_else(DatabasePlace::sqlite);
        Some(Self::new(database, objects.unwrap_or_else(Objects::directory)).await)
    }

    async fn new(database: DatabasePlace, objects: Objects) -> Self {
        // A search waits for whatever just happened, however slow the machine is.
        let minute = Duration::from_mins(1);
        let limits = Limits { search_wait: minute, first_search_wait: minute, ..Limits::default() };
        let place = Self { clock: Arc::new(TestClock::new()), limits, objects, database };
        place.database().await.migrate().await.unwrap();
        place
    }

    /// Starts a server here: beside those that run, or as the one after a crash.
    pub(crate) async fn server(&self) -> Store {
        let options = StoreOptions::new(self.database().await, self.blobs());
        Store::new(StoreOptions { clock: self.clock.clone(), limits: self.limits.clone(), ..options })
    }

    /// Starts a server that keeps its search index in this directory.
    pub(crate) async fn searching_server(&self, search: &FilePath) -> Store {
        let options = StoreOptions::new(self.database().await, self.blobs());
        let search = Some(search.to_owned());
        Store::new(StoreOptions { clock: self.clock.clone(), limits: self.limits.clone(), search, ..options })
    }

    async fn database(&self) -> Database {
        Database::open(&self.database_url()).await.unwrap()
    }

    pub(crate) fn database_url(&self) -> String {
        match &self.database {
            DatabasePlace::Sqlite(directory) => {
                format!("sqlite://{}", directory.path().join("catalog.sqlite").display())
            }
            DatabasePlace::Postgres { server, name } => {
                let (address, options) = server.split_once('?').unwrap_or((server, ""));
                let (server, _) = address.rsplit_once('/').unwrap();
                format!("{server}/{name}?{options}")
            }
        }
    }

    /// Opens the objects as a server does.
    pub(crate) fn blobs(&self) -> BlobStore {
        match &self.objects {
            Objects::Directory(directory) => BlobStore::in_directory(directory.path()).unwrap(),
            Objects::Bucket { bucket, prefix } => BlobStore::in_bucket(bucket.clone(), prefix),
        }
    }

    /// Returns the names of all objects, staged and trashed ones as well.
    pub(crate) async fn objects(&self) -> BTreeSet<String> {
        match &self.objects {
            Objects::Directory(directory) => {
                let mut files = BTreeSet::new();
                collect_files(directory.path(), "", &mut files);
                files
            }
            Objects::Bucket { bucket, prefix } => {
                let prefix = Path::from(prefix.as_str());
                let listed: Vec<_> = bucket.list(Some(&prefix)).try_collect().await.unwrap();
                let name = |path: &Path| {
                    path.as_ref().strip_prefix(prefix.as_ref()).unwrap().trim_start_matches('/').to_owned()
                };
                listed.iter().map(|object| name(&object.location)).collect()
            }
        }
    }

    /// Lets time go by, until every session that is open has expired and every grace period is over, and has the house
    /// kept: once to close and condemn, once to delete, once to forget.
    pub(crate) async fn let_time_go_by(&self, store: &Store) {
        self.clock.advance(self.limits.session_ttl);
        for _ in 0..3 {
            self.clock.advance(self.limits.blob_grace.max(Duration::from_hours(1)));
            store.keep_house("the only one").await.unwrap();
        }
    }
}

fn collect_files(directory: &FilePath, name: &str, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{name}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect_files(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name);
        }
    }
}

impl Objects {
    fn directory() -> Self {
        Self::Directory(TempDir::new().unwrap())
    }

    /// Returns a fresh prefix in a bucket of the S3 server that `TEST_S3_ENDPOINT` names.
    fn s3() -> Option<Self> {
        let endpoint = env::var("TEST_S3_ENDPOINT").ok()?;
        make_bucket(&endpoint);
        let bucket = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(endpoint)
            .with_region("us-east-1")
            .with_allow_http(true)
            .with_access_key_id("test")
            .with_secret_access_key("test");
        let prefix = ObjectKey::fresh().unwrap().to_string();
        Some(Self::Bucket { bucket: Arc::new(bucket.build().unwrap()), prefix })
    }
}

const BUCKET: &str = "store-core-tests";

/// `object_store` makes no buckets. A server for tests asks for no signature, and takes a repetition for a success.
fn make_bucket(endpoint: &str) {
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let request =
        format!("PUT /{BUCKET} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

impl DatabasePlace {
    fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    /// Makes a database of its own on the server that `TEST_POSTGRES_URL` names.
    async fn postgres() -> Option<Self> {
        static N_MADE: AtomicU32 = AtomicU32::new(0);
        let server = env::var("TEST_POSTGRES_URL").ok()?;
        let name = format!("store_{}_{}", std::process::id(), N_MADE.fetch_add(1, Ordering::Relaxed));
        execute(&server, format!("CREATE DATABASE {name}")).await;
        Some(Self::Postgres { server, name })
    }
}

impl Drop for DatabasePlace {
    /// On a thread and a runtime of its own: a drop, even one during a panic, cannot wait for the test's.
    fn drop(&mut self) {
        let Self::Postgres { server, name } = self else { return };
        let (server, name) = (server.clone(), name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        dropped.join().ok();
    }
}

async fn execute(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
