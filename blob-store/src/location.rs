//! Where objects lie: from a text to a store.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use url::Url;

use crate::error::BlobError;

/// How long a request may take. Completing a large upload takes minutes, in which S3 sends white space.
/// Source: the API reference of `CompleteMultipartUpload`.
const REQUEST_TIMEOUT: &str = "10 minutes";

/// How long an object store may be silent.
const READ_TIMEOUT: &str = "30 seconds";

/// A place for objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A local directory.
    Directory(PathBuf),
    /// A bucket of an S3-compatible object store, and a prefix in it.
    Bucket(Url),
}

impl Location {
    /// Reads a path, `file:///directory`, or `s3://bucket/prefix?endpoint=http://127.0.0.1:5000&allow_http=true`.
    ///
    /// The options of a bucket are those of `object_store`'s `AmazonS3ConfigKey`, over what the usual `AWS_…` variables
    /// say, which is where credentials belong.
    pub fn parse(text: &str) -> Result<Self, BlobError> {
        let Some((scheme, _)) = text.split_once("://") else { return Ok(Self::Directory(text.into())) };
        let url = Url::parse(text).map_err(|error| refuse(text, error.to_string()))?;
        match scheme {
            "file" => url.to_file_path().map(Self::Directory).map_err(|()| refuse(text, "not a local path")),
            "s3" if url.host_str().is_some() => Ok(Self::Bucket(url)),
            "s3" => Err(refuse(text, "the bucket is missing")),
            _ => Err(refuse(text, "neither a path nor `file://` nor `s3://`")),
        }
    }
}

/// Makes a client of the bucket that the URL names. Nothing is sent yet.
pub(crate) fn open_bucket(url: &Url) -> Result<Arc<AmazonS3>, BlobError> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(url.host_str().unwrap_or_default())
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST_TIMEOUT)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ReadTimeout), READ_TIMEOUT);
    for (name, value) in url.query_pairs() {
        let key: AmazonS3ConfigKey =
            name.parse().map_err(|_| refuse(url.as_str(), format!("there is no option `{name}`")))?;
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.build()?))
}

fn refuse(location: &str, reason: impl Into<String>) -> BlobError {
    let without_options = location.split('?').next().unwrap_or_default();
    BlobError::Location { location: without_options.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("/srv/objects"; "a path")]
    #[test_case("file:///srv/objects"; "a URL")]
    fn a_directory(text: &str) {
        assert_eq!(Location::parse(text).unwrap(), Location::Directory("/srv/objects".into()));
    }

    #[test_case("ftp://host/objects" => "neither a path nor `file://` nor `s3://`".to_owned(); "a scheme")]
    #[test_case("s3:///objects" => "the bucket is missing".to_owned(); "no bucket")]
    #[test_case("s3://bucket/?fast=true" => "there is no option `fast`".to_owned(); "an option")]
    fn refuses(text: &str) -> String {
        let opened = Location::parse(text).and_then(|location| match location {
            Location::Bucket(url) => open_bucket(&url).map(drop),
            Location::Directory(_) => Ok(()),
        });
        match opened.unwrap_err() {
            BlobError::Location { reason, .. } => reason,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_options() {
        let error = Location::parse("gs://bucket/?secret_access_key=hunter2").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
