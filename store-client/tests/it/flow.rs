//! Getting through whatever stands between a client and its store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse as _;
use charm_model::digest::Content;
use store_client::{ClientError, Item, Options};
use test_case::test_case;

use crate::proxy::{PAGE, breaking, buffering, page};
use crate::stub::{Files, SIZE, Stub, options, store_at};

#[tokio::test]
async fn a_line_that_breaks_inside_every_long_request_is_sent_short_ones() {
    let stub = Stub::start(1).await;
    let proxy = breaking(stub.address, 400_000).await;
    Files::of(&stub).publish(&store_at(proxy, options())).await.unwrap();
    assert!(stub.has_all());
}

#[test_case(StatusCode::PAYLOAD_TOO_LARGE)]
#[test_case(StatusCode::BAD_GATEWAY)]
#[test_case(StatusCode::GATEWAY_TIMEOUT)]
#[test_case(StatusCode::REQUEST_TIMEOUT)]
#[tokio::test]
async fn a_proxy_that_passes_no_long_request_on_is_sent_short_ones(status: StatusCode) {
    let stub = Stub::start(2).await;
    let proxy =
        buffering(stub.address, SIZE, move |kept| (kept.n_bytes > 300_000).then(|| page(status))).await;
    Files::of(&stub).publish(&store_at(proxy, options())).await.unwrap();
    assert!(stub.has_all());
}

#[tokio::test]
async fn a_store_that_keeps_whole_steps_is_sent_no_less_however_often_the_line_breaks() {
    let stub = Stub::start(1).await;
    stub.seen().step = 800_000;
    let proxy = buffering(stub.address, SIZE, |kept| {
        (kept.method == Method::PUT && kept.number < 6).then(|| page(StatusCode::BAD_GATEWAY))
    });
    Files::of(&stub).publish(&store_at(proxy.await, options())).await.unwrap();
    assert!(stub.has_all());
    assert_eq!(stub.seen().parts, [800_000, 800_000, 800_000, 600_000]);
}

#[tokio::test]
async fn a_proxy_that_passes_no_long_answer_on_is_asked_for_short_ones() {
    let stub = Stub::start(1).await;
    let proxy = buffering(stub.address, 1 << 20, |_| None).await;
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("archive.zip");
    let bytes = stub.seen().blobs[0].clone();
    let store = store_at(proxy, options());
    let id = "~joe/mysql-1.stable.2".parse().unwrap();
    store.download(&id, &Item::Archive, &Content::of(&bytes), &target, Arc::new(())).await.unwrap();
    assert!(std::fs::read(&target).unwrap() == bytes);
    assert_eq!(stub.seen().ranges.len(), 4, "{:?}", stub.seen().ranges);
}

#[tokio::test]
async fn every_request_that_could_have_a_body_says_how_long_it_is() {
    let stub = Stub::start(1).await;
    let proxy = buffering(stub.address, SIZE, |kept| {
        let needs_length = kept.method == Method::POST || kept.method == Method::PUT;
        (needs_length && !kept.has_length).then(|| page(StatusCode::LENGTH_REQUIRED))
    });
    Files::of(&stub).publish(&store_at(proxy.await, options())).await.unwrap();
    assert!(stub.has_all());
}

#[test_case(StatusCode::LENGTH_REQUIRED => "the answer was `411 Length Required`, and not the store's own but that of a proxy before it: it says `We are sorry`"; "what would not help is not repeated")]
#[test_case(StatusCode::BAD_GATEWAY => "the answer was `502 Bad Gateway`, and not the store's own but that of a proxy before it: it says `We are sorry`"; "what does not help is given up")]
#[tokio::test]
async fn a_proxy_s_page_is_told_as_a_proxy_s(status: StatusCode) -> String {
    let stub = Stub::start(1).await;
    let proxy = buffering(stub.address, SIZE, move |_| Some(page(status))).await;
    let store = store_at(proxy, Options { n_retries: 1, ..options() });
    store.whoami().await.unwrap_err().to_string()
}

#[tokio::test]
async fn whoever_asks_for_time_gets_it() {
    let stub = Stub::start(1).await;
    let proxy = buffering(stub.address, SIZE, |kept| {
        let busy = (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], PAGE);
        [0, 2].contains(&kept.number).then(|| busy.into_response())
    });
    let store = store_at(proxy.await, options());
    let began = Instant::now();
    Files::of(&stub).publish(&store).await.unwrap();
    assert!(stub.has_all() && began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn whoever_asks_for_more_time_than_there_is_patience_is_not_waited_for() {
    let stub = Stub::start(1).await;
    let proxy = buffering(stub.address, SIZE, |_| {
        Some((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")]).into_response())
    });
    let error = store_at(proxy.await, options()).whoami().await.unwrap_err();
    assert!(matches!(error, ClientError::Throttled { .. }));
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
}

#[test_case(StatusCode::SERVICE_UNAVAILABLE => (true, 1); "not carried out, so asked again")]
#[test_case(StatusCode::BAD_GATEWAY => (false, 0); "maybe carried out, so not asked again")]
#[tokio::test]
async fn a_pointer_is_moved_once(status: StatusCode) -> (bool, usize) {
    let stub = Stub::start(1).await;
    let proxy = buffering(stub.address, SIZE, move |kept| (kept.number == 0).then(|| page(status))).await;
    let id = "~joe/mysql-1.stable.2".parse().unwrap();
    let request = serde_json::from_str("{}").unwrap();
    let is_done = store_at(proxy, options()).release(&id, &request).await.is_ok();
    let n_moves = stub.seen().n_moves;
    (is_done, n_moves)
}

#[tokio::test]
async fn bytes_move_no_faster_than_they_may_and_a_slow_transfer_is_not_a_silent_one() {
    let stub = Stub::start(2).await;
    let limit_rate = Some("3MB".parse().unwrap());
    // A part takes longer than this; nothing stands still that long.
    let options = Options { limit_rate, idle_timeout: Duration::from_millis(300), ..options() };
    let began = Instant::now();
    Files::of(&stub).publish(&store_at(stub.address, options)).await.unwrap();
    let took = began.elapsed();
    assert!(stub.has_all());
    assert!(took >= Duration::from_millis(1900) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn no_more_blobs_are_sent_at_once_than_may_be() {
    let stub = Stub::start(6).await;
    let options = Options { n_parallel: 2, ..options() };
    Files::of(&stub).publish(&store_at(stub.address, options)).await.unwrap();
    assert!(stub.has_all());
    assert_eq!(stub.seen().at_once, (0, 2));
}

#[tokio::test]
async fn a_store_that_goes_away_and_comes_back_is_waited_for() {
    let stub = Stub::start(1).await;
    let n_refused = Arc::new(AtomicUsize::new(0));
    let counted = n_refused.clone();
    let proxy = buffering(stub.address, SIZE, move |kept| {
        let is_away = (2..7).contains(&kept.number);
        counted.fetch_add(usize::from(is_away), Ordering::SeqCst);
        is_away.then(|| page(StatusCode::SERVICE_UNAVAILABLE))
    });
    // More often than one request is repeated: a transfer has more patience.
    let store = store_at(proxy.await, Options { n_retries: 1, ..options() });
    Files::of(&stub).publish(&store).await.unwrap();
    assert!(stub.has_all());
    assert_eq!(n_refused.load(Ordering::SeqCst), 5);
}
