//! References: what is read prints as a text that reads back as the same.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use charm_model::reference::{BaseId, MAX_REFERENCE_BYTES, Reference, Revision};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    round_trip::<Revision>(text);
    round_trip::<BaseId>(text);
    round_trip::<Reference>(text);
    if text.parse::<Reference>().is_ok() {
        assert!(text.len() <= MAX_REFERENCE_BYTES);
    }
});

fn round_trip<T>(text: &str)
where
    T: FromStr<Err: Display> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            let again =
                printed.parse::<T>().unwrap_or_else(|error| panic!("`{text}` -> `{printed}`: {error}"));
            assert_eq!(again, value);
            assert_eq!(again.to_string(), printed);
        }
        Err(error) => drop(error.to_string()),
    }
}
