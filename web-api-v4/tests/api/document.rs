//! The document and the router say the same.

use http::{Method, StatusCode};
use serde_json::Value;
use test_case::test_case;

use crate::contract::CONTRACT;
use crate::test_store::TestStore;

/// Returns the addresses in the router's source: there is no other list of them.
fn routes() -> Vec<String> {
    let source = include_str!("../../src/router.rs");
    let routes = source.split(".route(").skip(1);
    let path = |rest: &str| rest.split('"').nth(1).unwrap().replace("{*path}", "{path}");
    let is_whole = |path: &str| {
        ["/v4/", "/v5/"].iter().any(|api| path.starts_with(api)) || ["/health", "/ready"].contains(&path)
    };
    let full = |path: String| if is_whole(&path) { path } else { format!("/v4/{{id}}{path}") };
    let mut routes: Vec<_> = routes.map(path).map(full).collect();
    routes.sort();
    routes
}

#[test]
fn every_route_is_documented_and_everything_documented_is_a_route() {
    let mut documented: Vec<_> = CONTRACT.paths().keys().cloned().collect();
    documented.sort();
    assert_eq!(documented, routes());
}

#[test_case(Method::GET)]
#[test_case(Method::PUT)]
#[test_case(Method::POST)]
#[test_case(Method::DELETE)]
#[tokio::test]
async fn an_address_takes_the_documented_methods_alone(method: Method) {
    let store = TestStore::new().await;
    for (route, operations) in CONTRACT.paths() {
        let path = route.replace("{id}", "~alice/mysql").replace("{tree}", "common").replace(['{', '}'], "");
        let answer = store.ask(method.clone(), &path).await;
        let is_documented = operations.get(method.as_str().to_lowercase()).is_some();
        let is_taken = answer.status != StatusCode::METHOD_NOT_ALLOWED;
        assert_eq!(is_taken, is_documented, "{method} {path}\n{answer}");
    }
}

#[tokio::test]
async fn the_store_serves_its_document() {
    let answer = TestStore::new().await.get("/v4/openapi.json").await;
    assert_eq!(answer.json(), CONTRACT.document);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    for pointer in references(&CONTRACT.document) {
        assert!(CONTRACT.document.pointer(&pointer).is_some(), "{pointer}");
    }
}

fn references(value: &Value) -> Vec<String> {
    let inside = |values: &mut dyn Iterator<Item = &Value>| values.flat_map(references).collect();
    match value {
        Value::Object(object) => {
            let own =
                object.get("$ref").and_then(Value::as_str).map(|it| it.trim_start_matches('#').to_owned());
            let mut all: Vec<String> = inside(&mut object.values());
            all.extend(own);
            all
        }
        Value::Array(list) => inside(&mut list.iter()),
        _ => Vec::new(),
    }
}

#[test]
fn every_component_is_used() {
    let used = references(&CONTRACT.document);
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in CONTRACT.document["components"][kind].as_object().unwrap().keys() {
            assert!(used.contains(&format!("/components/{kind}/{name}")), "{kind} {name}");
        }
    }
}

#[test]
fn examples_are_what_they_are_examples_of() {
    let components = &CONTRACT.document["components"];
    for (name, schema) in components["schemas"].as_object().unwrap() {
        let reference =
            serde_json::json!({ "$ref": format!("#/components/schemas/{name}"), "components": components });
        let validator = jsonschema::draft202012::new(&reference).unwrap();
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert!(validator.is_valid(example), "{name}: {example}");
        }
    }
}
