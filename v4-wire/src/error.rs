//! A refusal, as a client reads it.

use std::fmt;

use charm_model::finding::Finding;
use serde::{Deserialize, Serialize};

/// The kinds of refusal that v4 clients tell apart by `Code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum V4Code {
    /// 404: no such entity, or none that the caller may know of.
    #[serde(rename = "not found")]
    NotFound,
    /// 404: the entity has no metadata of that name.
    #[serde(rename = "metadata not found")]
    MetadataNotFound,
    /// 400: the request cannot be understood.
    #[serde(rename = "bad request")]
    BadRequest,
    /// 400: the archive cannot be read, or fails verification.
    #[serde(rename = "invalid charm or bundle")]
    InvalidEntity,
    /// 403: the entity is visible, and this is not allowed with it.
    #[serde(rename = "forbidden")]
    Forbidden,
    /// 401: credentials are missing or wrong, or the caller lacks the right.
    #[serde(rename = "unauthorized")]
    Unauthorized,
    /// 403: the store takes no writes now.
    #[serde(rename = "charmstore is in read-only mode")]
    ReadOnly,
    /// 405.
    #[serde(rename = "method not allowed")]
    MethodNotAllowed,
    /// 409 or 412: something moved since the caller looked.
    #[serde(rename = "conflict")]
    Conflict,
    /// 503: the store cannot do this now; trying again later makes sense.
    #[serde(rename = "service unavailable")]
    Unavailable,
    /// 429: the caller asks too often.
    #[serde(rename = "too many requests")]
    TooManyRequests,
    /// Everything else.
    #[serde(rename = "")]
    Unclassified,
}

/// The body of every refusal, unless the client asks for [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct V4Error {
    /// What is wrong, for people; never empty.
    pub message: String,
    /// What is wrong, for programs.
    pub code: V4Code,
    /// What is wrong with each of several things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<serde_json::Value>,
}

/// The media type of [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The same refusal for clients that ask for `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:charm-store:` and the rule's code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of refusal in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The request's identifier, to find it in the store's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Everything that is wrong with what was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Finding>,
}

impl Problem {
    /// The prefix of [`Problem::kind`].
    pub const KIND_PREFIX: &str = "urn:charm-store:";

    /// Returns the rule's code, such as `E-NOT-FOUND`.
    pub fn code(&self) -> &str {
        self.kind.strip_prefix(Self::KIND_PREFIX).unwrap_or(&self.kind)
    }
}

macro_rules! codes {
    ($($variant:ident = $code:literal, $explanation:literal;)+) => {
        /// Why the store refuses: the rule's code, stable and explained.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $explanation] $variant),+ }

        impl Code {
            /// Every code, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code as people and programs see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// Returns what it means and what to do, in a sentence or two.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation),+ }
            }
        }
    };
}

codes! {
    BadRequest = "E-BAD-REQUEST", "The request is malformed. The message says which part.";
    Reference = "E-REFERENCE", "The text is not a reference: `[cs:][~owner/][series/]name[-revision][.stream[.revision]]`.";
    NotFound = "E-NOT-FOUND", "There is no such charm, bundle, revision, stream or file, or none that you may know of. Logging in may show more.";
    NotReleased = "E-NOT-RELEASED", "The charm exists, and the channel points at none of its revisions. Release one, or name a revision in full.";
    NothingFits = "E-NOTHING-FITS", "No resource revision has the files that this charm revision declares. Publish one, or name another charm revision.";
    ShapeMismatch = "E-SHAPE-MISMATCH", "The named resources are not the files that the charm declares for the stream.";
    Unauthenticated = "E-LOGIN", "The store does not know who you are: credentials are missing, wrong, expired or revoked.";
    Forbidden = "E-FORBIDDEN", "The store knows who you are, and you lack the right. A maintainer of the charm can grant it.";
    Invalid = "E-INVALID", "What was sent is not a charm, bundle or resources as the store takes them. Every finding is listed.";
    Digest = "E-DIGEST", "The bytes that arrived are not the bytes that were announced. Nothing was kept; send them again.";
    Offset = "E-OFFSET", "The part does not begin where the store's bytes end. Ask how far the upload is, and go on from there.";
    Stalled = "E-STALLED", "The request's body brought nothing for too long, and was ended. What came before is kept: ask how far the upload is, and go on from there.";
    TooLarge = "E-TOO-LARGE", "A documented limit of the store is exceeded.";
    Quota = "E-QUOTA", "The owner has as many bytes here as it may: every revision counts in full, whoever else has the same content. Ask the store's operator for more.";
    Throttled = "E-THROTTLED", "You ask more often than the store takes from one account or address. Wait for as long as the answer says.";
    Recipe = "E-RECIPE", "The recipe asks for a base that the session may not use, asks too much, or is not a recipe. Send the bytes themselves.";
    NoPatch = "E-NO-PATCH", "The store keeps no patch from that file, or none that is worth its way, and will not make one. Fetch the chunk map, or the bytes.";
    NoPatchYet = "E-NO-PATCH-YET", "A patch from that file is wanted and still to be made, if it turns out to be worth its way. Ask again in a moment, or fetch the chunk map.";
    Session = "E-SESSION", "There is no such publish session: it is finished, has expired, or is somebody else's. Begin again; what the store has already is not sent twice.";
    ReleaseStream = "E-RELEASE-STREAM", "A stream's resources are not the files that this charm revision declares. Name a revision that fits, or drop the stream.";
    NotCurrent = "E-NOT-CURRENT", "Somebody moved the pointer, or changed the rights, since you looked. Look again, then decide.";
    YankCurrent = "E-YANK-CURRENT", "What a pointer points at cannot be withdrawn. Release something else first, or say `--move-to`.";
    Withdrawn = "E-WITHDRAWN", "The revision is withdrawn: it is served when named in full, and never released or chosen.";
    Range = "E-RANGE", "The range begins behind the end of the bytes.";
    Method = "E-METHOD", "The address does not take this method.";
    ReadOnly = "E-READ-ONLY", "The store takes no writes now. Reading goes on; the operator can say for how long.";
    Collision = "E-COLLISION", "One of the two digests is another blob's, the other is not. Equal halves are not equal bytes: refused and logged.";
    Damaged = "E-DAMAGED", "What the store keeps of this blob is not what was published any more: a disk has failed. Nothing of it is handed out; the operator has to restore it.";
    Unavailable = "E-UNAVAILABLE", "The store cannot do this now. Trying again in a moment makes sense.";
    NoSpace = "E-NO-SPACE", "The store's disk is full. What is stored is served on; the operator has to make room.";
    Internal = "E-INTERNAL", "The store failed. The request's identifier finds the cause in its log.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
