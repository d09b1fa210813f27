//! Patches that see through deflate.

use std::io::{self, Write as _};

use bytes::Bytes;
use charm_model::digest::{Content, Sha256};
use charm_model::name::Channel;
use delta::{Bases, Limits, follow};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt as _;
use store_core::{Store, What};

use crate::place::{Place, everywhere};
use crate::publisher::publish;
use crate::sample::{Sample, reference, user};

everywhere! {
    what_changed_a_little_in_a_gzipped_file_makes_a_small_patch,
}

/// Returns numbers, gzipped, another one in their middle if there is one.
fn gzipped_numbers(another: Option<u32>) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    for number in (0..50_000_u32).chain(another).chain(50_000..100_000) {
        writeln!(gzip, "{}", number.wrapping_mul(0x9E37_79B9)).unwrap();
    }
    gzip.finish().unwrap().into()
}

fn sample(word: &str, app: &Bytes) -> Sample {
    Sample::declaring("~joe/mysql", word, &[("stable", &["common/app.gz"])]).with(
        "stable",
        "common/app.gz",
        app.clone(),
    )
}

struct Base<'a>(&'a Bytes);

impl Bases for Base<'_> {
    fn read_at(&mut self, _: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.0[start..start + buffer.len()]);
        Ok(())
    }
}

async fn patch(store: &Store, from: &Bytes) -> Vec<u8> {
    let what =
        What::Resource(sample("", from).streams.into_values().next().unwrap().into_keys().next().unwrap());
    let id = reference("~joe/jammy/mysql-1.stable.1");
    let opened = store.open(&user("joe"), &id, Channel::Stable, &what).await.unwrap();
    let patch = opened.patch(&user("joe"), &Content::of(from).digests.sha256).await.unwrap();
    let size = patch.size;
    patch.bytes(0..size).await.unwrap().try_collect::<Vec<_>>().await.unwrap().concat()
}

async fn what_changed_a_little_in_a_gzipped_file_makes_a_small_patch(place: Place) {
    let store = place.server().await;
    let (old, new) = (gzipped_numbers(None), gzipped_numbers(Some(77)));
    for (word, app) in [("one", &old), ("two", &new)] {
        publish(&store, &user("joe"), &sample(word, app)).await.unwrap();
    }
    assert!(store.make_patches("a server").await.unwrap() > 0);
    let recipe = patch(&store, &old).await;
    assert!(recipe.len() < new.len() / 10, "{} of {}", recipe.len(), new.len());
    let (mut made, limits) = (Vec::new(), Limits::for_target(new.len() as u64));
    follow(&recipe[..], limits, &mut Base(&old), &std::env::temp_dir(), &mut made).unwrap();
    assert!(made == new);
}
