//! What a request is for.

/// What a request is for, as its method and path say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// What a publish would carry, and what of it is missing.
    Plan,
    /// A part of a blob, or a recipe for it.
    Part,
    /// Many small blobs.
    Pack,
    /// How far a blob is.
    Progress,
    /// The end of a publish.
    Commit,
    /// The chunks of a blob.
    Map,
    /// A file by what it was before.
    Patch,
    /// A file.
    Content,
    /// All that is JSON and moves no files.
    Talk,
}

impl Route {
    /// Returns what a request is for.
    pub(super) fn of(method: &str, target: &str) -> Self {
        let path = target.split('?').next().unwrap_or(target);
        let steps: Vec<&str> = path.split('/').skip(2).collect();
        match (method, &steps[..]) {
            ("POST", ["publish"]) => Self::Plan,
            ("POST", ["publish", _, "commit"]) => Self::Commit,
            ("POST", ["publish", _, "blobs"]) => Self::Pack,
            ("PUT", ["publish", _, "blobs", _]) => Self::Part,
            ("GET", ["publish", _, "blobs", _]) => Self::Progress,
            ("GET", ["publish", _, "chunks", _]) => Self::Map,
            ("GET", steps) => Self::of_an_entity(steps),
            _ => Self::Talk,
        }
    }

    /// Looks behind the reference, which is one to three steps long.
    fn of_an_entity(steps: &[&str]) -> Self {
        let mut verbs = steps.iter().skip(1);
        match verbs.find(|it| matches!(**it, "archive" | "resources" | "chunks" | "patches")) {
            Some(&"chunks") => Self::Map,
            Some(&"patches") => Self::Patch,
            Some(&"archive") => Self::Content,
            Some(_) if verbs.next().is_some() => Self::Content,
            _ => Self::Talk,
        }
    }

    /// Says whether its answer is short, and read whole before a byte of it is passed on.
    pub(super) fn is_answered_in_json(self) -> bool {
        !matches!(self, Self::Map | Self::Patch | Self::Content | Self::Talk)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("POST", "/v4/publish" => Route::Plan)]
    #[test_case("PUT", "/v4/publish/5/blobs/ab?offset=7" => Route::Part)]
    #[test_case("POST", "/v4/publish/5/blobs" => Route::Pack)]
    #[test_case("GET", "/v4/~joe/app-0.stable.0/archive" => Route::Content)]
    #[test_case("GET", "/v4/~joe/trusty/app-0/resources/common/chunks/a" => Route::Content; "a file with an odd name")]
    #[test_case("GET", "/v4/~joe/app-0/patches/resources/common/a?from=ab" => Route::Patch)]
    #[test_case("GET", "/v4/~joe/app-0/chunks/archive" => Route::Map)]
    #[test_case("GET", "/v4/~joe/app-0/resources" => Route::Talk)]
    #[test_case("GET", "/v4/resolve?id=app" => Route::Talk)]
    fn a_request_is_for(method: &str, target: &str) -> Route {
        Route::of(method, target)
    }
}
