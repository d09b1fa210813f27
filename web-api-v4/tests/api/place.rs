//! Where a store keeps its rows and its bytes.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use blob_store::{BlobStore, ObjectKey};
use catalog::Database;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// Checks each rule, an `async fn(TestStore)`, on SQLite with a local directory, on PostgreSQL, and with a bucket.
macro_rules! on_every_place {
    ($($rule:ident),+ $(,)?) => {
        $(mod $rule {
            use $crate::place::Place;
            use $crate::test_store::TestStore;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                super::$rule(TestStore::at(Place::embedded().await, |_| ())).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let Some(place) = Place::on_postgres().await else { return };
                super::$rule(TestStore::at(place, |_| ())).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_s3() {
                let Some(place) = Place::on_s3().await else { return };
                super::$rule(TestStore::at(place, |_| ())).await;
            }
        })+
    };
}

pub(crate) use on_every_place;

/// A database and a place for blobs, gone with the value.
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) blobs: BlobStore,
    directory: TempDir,
    _postgres: Option<Postgres>,
}

impl Place {
    /// Returns SQLite and a local directory.
    pub(crate) async fn embedded() -> Self {
        let directory = directory();
        let url = format!("sqlite://{}", directory.path().join("catalog.sqlite").display());
        let blobs = BlobStore::in_directory(&directory.path().join("objects")).unwrap();
        Self { database: migrated(&url).await, blobs, directory, _postgres: None }
    }

    /// Returns PostgreSQL and a local directory, where `TEST_POSTGRES_URL` names a server.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let postgres = Postgres::new().await?;
        let embedded = Self::embedded().await;
        Some(Self { database: migrated(&postgres.url()).await, _postgres: Some(postgres), ..embedded })
    }

    /// Returns SQLite and a bucket, where `TEST_S3_ENDPOINT` names a server.
    pub(crate) async fn on_s3() -> Option<Self> {
        let endpoint = env::var("TEST_S3_ENDPOINT").ok()?;
        make_bucket(&endpoint);
        let location = format!(
            "s3://web-api-tests/{}?endpoint={endpoint}&region=us-east-1&allow_http=true\
             &access_key_id=test&secret_access_key=test",
            ObjectKey::fresh().unwrap()
        );
        Some(Self { blobs: BlobStore::open(&location).unwrap(), ..Self::embedded().await })
    }

    /// Takes a local directory away.
    pub(crate) fn lose_objects(&self) {
        std::fs::remove_dir_all(self.directory.path().join("objects")).unwrap();
    }

    /// Flips a bit of an object in a local directory.
    pub(crate) fn damage(&self, object_key: &str, offset: usize) {
        let path = self.directory.path().join("objects").join(object_key);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[offset] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }

    /// Returns how many files there are in a local directory, finished or not.
    pub(crate) fn n_objects(&self) -> usize {
        n_files(&self.directory.path().join("objects"))
    }
}

/// Returns a directory in memory, where there is one: flushing to a disk would be nine tenths of the tests' time, and
/// what it is good for is tested where blobs and rows are.
fn directory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn n_files(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { n_files(&path) } else { 1 }).sum()
}

/// A database of its own on the server.
struct Postgres {
    server: String,
    name: String,
}

impl Postgres {
    async fn new() -> Option<Self> {
        let server = env::var("TEST_POSTGRES_URL").ok()?;
        let name = format!("web_api_{}", ObjectKey::fresh().unwrap().to_string().replace(['-', '/'], "_"));
        execute(&server, format!("CREATE DATABASE {name}")).await;
        Some(Self { server, name })
    }

    fn url(&self) -> String {
        let (address, options) = self.server.split_once('?').unwrap_or((&self.server, ""));
        format!("{}/{}?{options}", address.rsplit_once('/').unwrap().0, self.name)
    }
}

impl Drop for Postgres {
    /// On a thread and a runtime of its own: a drop, even one during a panic, cannot wait for the test's.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server, format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        dropped.join().ok();
    }
}

async fn migrated(url: &str) -> Database {
    let database = Database::open(url).await.unwrap();
    database.migrate().await.unwrap();
    database
}

async fn execute(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A server for tests asks for no signature, and takes a repetition for a success.
fn make_bucket(endpoint: &str) {
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "PUT /web-api-tests HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}
