//! What must be true of a store at rest: no more and no less than what is published.

use std::collections::BTreeSet;

use bytes::Bytes;
use charm_model::digest::Content;
use futures::TryStreamExt as _;
use sqlx::{Connection as _, PgConnection, SqliteConnection, query_as};

use crate::place::Place;

/// Key, size, SHA-256, BLAKE3, and whether its SHA-384 is known.
type BlobRow = (String, i64, Vec<u8>, Vec<u8>, bool);

const BLOBS: &str = "SELECT object_key, size, sha256, blake3, sha384 IS NOT NULL FROM blob";

const NAMED: &str = "
    SELECT object_key FROM blob WHERE id IN (SELECT blob_id FROM revision UNION SELECT blob_id FROM resource_file)";

/// Every object but packs, which are there for those that are in them.
const OBJECTS: &str = "
    SELECT key FROM object
    WHERE NOT EXISTS (SELECT 1 FROM object AS part WHERE part.pack_key = object.key)";

const WITH_BYTES: &str = "SELECT key FROM object WHERE pack_key IS NULL";

const SESSIONS: &str = "SELECT id FROM publish_session";

const EVENTS: &str = "SELECT seq FROM event ORDER BY seq";

macro_rules! rows {
    ($place:expr, $select:expr) => {{
        let url = $place.database_url();
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            query_as($select).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            query_as($select).fetch_all(&mut connection).await.unwrap()
        }
    }};
}

/// Sweeps a store to the end, and checks all that must be true of it then.
pub(crate) async fn audit(place: &Place) {
    place.let_time_go_by(&place.server().await).await;
    let blobs: Vec<BlobRow> = rows!(place, BLOBS);
    let keys: BTreeSet<_> = blobs.iter().map(|(key, ..)| key.clone()).collect();
    assert_eq!(keys, texts(rows!(place, NAMED)), "a blob that no revision names");
    assert_eq!(keys, texts(rows!(place, OBJECTS)), "an object without a blob");
    let with_bytes = texts(rows!(place, WITH_BYTES));
    assert_eq!(with_bytes, place.objects().await, "bytes without a row, or a row without bytes");
    assert_eq!(texts(rows!(place, SESSIONS)), BTreeSet::new(), "a session that is over");
    for blob in &blobs {
        check_blob(place, blob).await;
    }
    let events: Vec<(i64,)> = rows!(place, EVENTS);
    assert!(events.iter().zip(1..).all(|((seq,), n)| *seq == n), "a gap in {events:?}");
}

/// Returns how many blobs there are.
pub(crate) async fn n_blobs(place: &Place) -> usize {
    let blobs: Vec<BlobRow> = rows!(place, BLOBS);
    blobs.len()
}

fn texts(rows: Vec<(String,)>) -> BTreeSet<String> {
    rows.into_iter().map(|(text,)| text).collect()
}

async fn check_blob(place: &Place, (key, size, sha256, blake3, has_sha384): &BlobRow) {
    let size = u64::try_from(*size).unwrap();
    let bytes = place.blobs().read(key.parse().unwrap(), 0..size).await.unwrap();
    let bytes: Vec<Bytes> = bytes.try_collect().await.unwrap();
    let content = Content::of(&bytes.concat());
    assert_eq!(content.size, size);
    assert_eq!(content.digests.sha256.as_bytes(), sha256);
    assert_eq!(content.digests.blake3.as_bytes(), blake3);
    assert!(has_sha384, "{key} has no SHA-384");
}
