//! Bytes that nobody wrote in good faith.

use std::io;

use charm_model::digest::Sha256;
use delta::recipe::{Frame, Header};
use delta::{Bases, Limits, RecipeWriter, assemble};
use proptest::prelude::*;
use proptest::sample::Index;

/// A base of any length, and how much was read of it.
#[derive(Default)]
struct Endless {
    n_read: u64,
}

impl Bases for Endless {
    fn read_at(&mut self, _: &Sha256, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.n_read += buffer.len() as u64;
        buffer.fill(offset.to_le_bytes()[0]);
        Ok(())
    }
}

/// Returns a frame's bytes without its payload, whether or not a writer would take it.
pub(crate) fn head(frame: &Frame) -> Vec<u8> {
    let numbers = |tag: u8, numbers: &[&[u8]]| [&[tag], &numbers.concat()[..]].concat();
    match *frame {
        Frame::Copy { base, offset, length } => {
            numbers(1, &[&[base], &offset.to_le_bytes(), &length.to_le_bytes()])
        }
        Frame::Literal { length } => numbers(2, &[&length.to_le_bytes()]),
        Frame::Zstd { raw_length, length } => numbers(3, &[&raw_length.to_le_bytes(), &length.to_le_bytes()]),
        Frame::Patch { base, window_offset, window_length, raw_length, length } => {
            let lengths: Vec<_> =
                [window_length, raw_length, length].into_iter().flat_map(u32::to_le_bytes).collect();
            numbers(4, &[&[base], &window_offset.to_le_bytes(), &lengths])
        }
    }
}

/// Numbers near the ends of what frames take, and any others.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        0..300_u32,
        (16 << 20) - 2..(16 << 20) + 2_u32,
        (64 << 20) - 2..(64 << 20) + 2_u32,
        any::<u32>()
    ]
}

fn frame() -> impl Strategy<Value = Frame> {
    let (base, wide) = (0..3_u8, prop_oneof![number().prop_map(u64::from), any::<u64>()]);
    prop_oneof![
        (base.clone(), wide.clone(), wide.clone()).prop_map(|(base, offset, length)| Frame::Copy {
            base,
            offset,
            length
        }),
        number().prop_map(|length| Frame::Literal { length }),
        (number(), number()).prop_map(|(raw_length, length)| Frame::Zstd { raw_length, length }),
        (base, wide, number(), number(), number()).prop_map(
            |(base, window_offset, window_length, raw_length, length)| Frame::Patch {
                base,
                window_offset,
                window_length,
                raw_length,
                length
            }
        ),
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn header(n_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = Header { target: 0..n_bytes, bases: vec![Sha256([1; 32]), Sha256([2; 32])] };
    RecipeWriter::new(&mut bytes, header).unwrap();
    bytes
}

/// Follows any bytes, and checks that no limit was exceeded whatever came of it.
fn follow(recipe: &[u8], n_bytes: u64) -> Result<(), TestCaseError> {
    let limits = Limits::for_target(n_bytes);
    let (mut bases, mut target) = (Endless::default(), Vec::new());
    let outcome = assemble(recipe, limits, &mut bases, &mut target);
    prop_assert!(target.len() as u64 <= n_bytes);
    prop_assert!(bases.n_read <= limits.base_bytes);
    if let Ok(moved) = outcome {
        prop_assert!(moved.n_frames <= limits.frames);
        prop_assert_eq!(target.len() as u64, moved.target_bytes());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_exceed_nothing(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        follow(&bytes, 1000)?;
        follow(&[&header(1000)[..], &bytes].concat(), 1000)?;
    }

    #[test]
    fn arbitrary_frames_exceed_nothing(frames in prop::collection::vec((frame(), payload()), 0..6)) {
        let mut recipe = header(1 << 20);
        for (frame, payload) in frames {
            recipe.extend(head(&frame));
            recipe.extend(payload.iter().take(frame.payload_bytes() as usize));
        }
        follow(&recipe, 1 << 20)?;
    }

    #[test]
    fn a_spoilt_recipe_exceeds_nothing(at in any::<Index>(), byte in any::<u8>(), cut in any::<Index>()) {
        let mut recipe = header(100_000);
        let packed = [40, 181, 47, 253];
        recipe.extend(head(&Frame::Copy { base: 1, offset: 77, length: 40_000 }));
        recipe.extend(head(&Frame::Zstd { raw_length: 60_000, length: 4 }));
        recipe.extend(packed);
        let at = at.index(recipe.len());
        recipe[at] = byte;
        recipe.truncate(cut.index(recipe.len()) + 1);
        follow(&recipe, 100_000)?;
    }
}
