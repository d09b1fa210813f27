//! The kinds of stores.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use blob_store::{BlobStore, ObjectKey};
use object_store::memory::InMemory;
use tempfile::TempDir;

/// A place for objects, opened by two servers.
pub(crate) struct Place {
    pub(crate) store: BlobStore,
    pub(crate) other_server: BlobStore,
    directory: Option<TempDir>,
}

impl Place {
    pub(crate) fn local() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = || BlobStore::open(directory.path().to_str().unwrap()).unwrap();
        Self { store: open(), other_server: open(), directory: Some(directory) }
    }

    pub(crate) fn memory() -> Self {
        let bucket = Arc::new(InMemory::new());
        let open = || BlobStore::in_bucket(bucket.clone(), "/in/memory");
        Self { store: open(), other_server: open(), directory: None }
    }

    /// Returns a fresh prefix in a bucket of the S3 server that `TEST_S3_ENDPOINT` names; `None` without one.
    pub(crate) fn s3() -> Option<Self> {
        let endpoint = env::var("TEST_S3_ENDPOINT").ok()?;
        make_bucket(&endpoint);
        let prefix = ObjectKey::fresh().unwrap();
        let location = format!(
            "s3://blob-store-tests/{prefix}?endpoint={endpoint}&region=us-east-1&allow_http=true\
             &access_key_id=test&secret_access_key=test"
        );
        let open = || BlobStore::open(&location).unwrap();
        Some(Self { store: open(), other_server: open(), directory: None })
    }

    /// Puts a device in the place of a file of a local store, so that it fails as the device does.
    pub(crate) fn replace_by_device(&self, name: &str, device: &str) {
        let root = self.directory.as_ref().unwrap().path();
        std::os::unix::fs::symlink(device, root.join(name)).unwrap();
    }

    /// Cuts a file of a local store off after so many bytes.
    pub(crate) fn cut_off(&self, name: &str, n_bytes: u64) {
        let path = self.directory.as_ref().unwrap().path().join(name);
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(n_bytes).unwrap();
    }

    /// Returns the names of the files in a directory of a local store.
    pub(crate) fn files_in(&self, name: &str) -> Vec<String> {
        let Some(directory) = &self.directory else { return Vec::new() };
        let entries = std::fs::read_dir(directory.path().join(name)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// `object_store` makes no buckets. A server for tests asks for no signature, and takes a repetition for a success.
fn make_bucket(endpoint: &str) {
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "PUT /blob-store-tests HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}
