//! `openapi.json`, and whether an answer is what it promises.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::{Method, StatusCode};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::answer::Answer;

pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Headers of the store's own making: what stands on an answer is documented.
const DOCUMENTED: &[&str] = &[
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-range",
    "content-security-policy",
    "content-sha384",
    "entity-id",
    "entity-version",
    "etag",
    "repr-digest",
    "upload-offset",
    "vary",
    "x-request-id",
];

pub(crate) struct Contract {
    pub(crate) document: Value,
    schemas: BTreeMap<String, Validator>,
}

impl Contract {
    fn read() -> Self {
        let document: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
        let mut components = json!({ "schemas": document["components"]["schemas"] });
        close(&mut components);
        let validator = |name: &String| {
            let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": components });
            (name.clone(), jsonschema::draft202012::new(&schema).unwrap())
        };
        let names = document["components"]["schemas"].as_object().unwrap().keys();
        Self { schemas: names.map(validator).collect(), document }
    }

    /// Returns the documented addresses.
    pub(crate) fn paths(&self) -> &Map<String, Value> {
        self.document["paths"].as_object().unwrap()
    }

    /// Panics if the answer is not one that is documented.
    pub(crate) fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let shown = format!("{method} {path}\n{answer}");
        if *method == Method::OPTIONS {
            assert_eq!(answer.status, StatusCode::OK, "{shown}");
            return;
        }
        let Some(route) = self.route(path) else {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "no such route, and not 404: {shown}");
            return self.check_refusal(answer, &shown);
        };
        let documented_as = if *method == Method::HEAD { "get" } else { &method.as_str().to_lowercase() };
        let Some(operation) = route.get(documented_as) else {
            let refused = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::FORBIDDEN];
            assert!(refused.contains(&answer.status), "no such method, and not 405: {shown}");
            return self.check_refusal(answer, &shown);
        };
        let response = &operation["responses"][answer.status.as_str()];
        assert!(response.is_object(), "the status is not documented: {shown}");
        self.check_response(self.followed(response), method, answer, &shown);
    }

    fn check_refusal(&self, answer: &Answer, shown: &str) {
        let response = &self.document["components"]["responses"]["NotFound"];
        self.check_response(response, &Method::GET, answer, shown);
    }

    fn check_response(&self, response: &Value, method: &Method, answer: &Answer, shown: &str) {
        self.check_headers(response, answer, shown);
        let Some(content) = response.get("content") else {
            assert!(answer.body.is_empty(), "a body that is not documented: {shown}");
            return;
        };
        let media_type = answer.header("content-type").unwrap();
        let documented = &content[media_type];
        assert!(documented.is_object(), "the type of content is not documented: {shown}");
        match documented["schema"]["$ref"].as_str() {
            Some(_) if *method == Method::HEAD => assert!(answer.body.is_empty(), "{shown}"),
            Some(schema) => self.check_body(schema.rsplit('/').next().unwrap(), answer, shown),
            None => {}
        }
    }

    fn check_body(&self, schema: &str, answer: &Answer, shown: &str) {
        let errors =
            self.schemas[schema].iter_errors(&answer.json()).map(|it| it.to_string()).collect::<Vec<_>>();
        assert!(errors.is_empty(), "not a {schema}: {errors:#?}\n{shown}");
    }

    fn check_headers(&self, response: &Value, answer: &Answer, shown: &str) {
        let empty = Map::new();
        let documented = response["headers"].as_object().unwrap_or(&empty);
        for (name, header) in documented {
            let header = self.followed(header);
            let Some(value) = answer.header(name) else {
                assert!(header.get("required").is_none(), "`{name}` is missing: {shown}");
                continue;
            };
            // A header is text; a number in it is documented as one.
            let written = match header["schema"]["type"].as_str() {
                Some("integer") => value.parse::<u64>().map_or(json!(value), Value::from),
                _ => json!(value),
            };
            let is_right = jsonschema::draft202012::is_valid(&header["schema"], &written);
            assert!(is_right, "`{name}: {value}` is not as documented: {shown}");
        }
        for name in DOCUMENTED.iter().filter(|name| answer.header(name).is_some()) {
            let is_documented = documented.keys().any(|it| it.eq_ignore_ascii_case(name));
            assert!(is_documented, "`{name}` is not documented: {shown}");
        }
    }

    fn followed<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(pointer) = value["$ref"].as_str() else { return value };
        self.document.pointer(pointer.trim_start_matches('#')).unwrap()
    }

    /// Returns the route of a path: the one that says most of it in full.
    fn route(&self, path: &str) -> Option<&Value> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let fits = |route: &&String| matches(&route.split('/').skip(1).collect::<Vec<_>>(), &segments);
        let literal = |route: &&String| route.split('/').filter(|it| !it.starts_with('{')).count();
        let found = self.paths().keys().filter(fits).max_by_key(literal).map(|route| &self.paths()[route]);
        // A slash behind an endpoint means nothing.
        found.or_else(|| path.strip_suffix('/').and_then(|path| self.route(path)))
    }
}

/// Says whether a path is one of a route's. A reference has one to three segments, a file's path one or more.
fn matches(route: &[&str], path: &[&str]) -> bool {
    let at_most = match route.first() {
        None => return path.is_empty(),
        Some(&"{id}") => 3,
        Some(&"{path}") => path.len(),
        Some(parameter) if parameter.starts_with('{') => 1,
        Some(literal) => return path.first() == Some(literal) && matches(&route[1..], &path[1..]),
    };
    let is_there = path.first().is_some_and(|segment| !segment.is_empty());
    is_there && (1..=at_most.min(path.len())).any(|n_segments| matches(&route[1..], &path[n_segments..]))
}

/// Lets no object have what is not documented. Clients read over it; tests do not.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("type") == Some(&json!("object")) && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}
