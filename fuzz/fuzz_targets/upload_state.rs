//! The saved state of an upload: what is read saves as a text that reads back as the same.
#![no_main]

use blob_store::UploadState;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(state) = serde_json::from_slice::<UploadState>(bytes) else { return };
    assert_eq!(state.sums().is_ok(), state.offset() == state.size());
    let saved = serde_json::to_string(&state).expect("a state has a JSON form");
    let again: UploadState = serde_json::from_str(&saved).expect("what was saved reads back");
    assert_eq!(serde_json::to_string(&again).expect("a state has a JSON form"), saved);
});
