//! Files through deflate: zips and gzipped tars hide what two versions of them share.
//!
//! The *view* of a file has the text of each deflate stream in its place, and behind all bytes the *choices* by which the
//! stream was made of its text: where its blocks end, their codes, and its matches as far as they are not guessed.
//! Views of two versions differ as little as what is packed in the files does, so a recipe between views is short.
//! A view folds back to its file bit by bit: no encoder is run, and work and memory are linear in the view.
//!
//! Nearly all choices of most encoders are guessed, so that nothing of them is to be found in a base: of that nothing but
//! the text is unfolded then. What both files have packed alike stays packed in both.
//!
//! - `find`: where the streams are. `folds`: their list, in a recipe.
//! - `unfold`: from a file to its view. `refold`: back. `view`: a view as a file.
//! - `guess`: the guess. `window`: the text that it looks at.
//! - `inflate`, `codes`, `bits`, `input`: deflate itself.

mod bits;
mod codes;
mod find;
mod folds;
mod guess;
mod inflate;
mod input;
mod refold;
mod unfold;
mod view;
mod window;

pub(crate) use find::{Found, find};
pub(crate) use folds::{Fold, encode_folds, read_folds};
pub(crate) use refold::refold;
pub(crate) use unfold::{Stop, unfold, unfold_again, unfold_text};
pub(crate) use view::{N_SECTIONS, SectionLengths, View};
#[cfg(test)]
use view::{Section, ViewWriter};

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::bits::BitWriter;
    use super::codes::{BlockLengths, END_OF_BLOCK};
    use super::guess::Token;
    use super::refold::Codes;
    use super::*;

    /// What an encoder may do next, sensible or not.
    #[derive(Debug, Clone)]
    enum Choice {
        Literals(Vec<u8>),
        /// A match of such a length, so far back as a part of 2^16 of what there is.
        Match(u32, u16),
        /// The end of a block.
        Block,
        /// A stored block, with bits of padding.
        Stored(Vec<u8>, u8),
    }

    fn choice() -> impl Strategy<Value = Choice> {
        prop_oneof![
            4 => prop::collection::vec(prop_oneof![Just(7), any::<u8>()], 1..40).prop_map(Choice::Literals),
            8 => (3..259_u32, any::<u16>()).prop_map(|(length, back)| Choice::Match(length, back)),
            1 => Just(Choice::Block),
            1 => (prop::collection::vec(any::<u8>(), 0..300), any::<u8>())
                .prop_map(|(bytes, padding)| Choice::Stored(bytes, padding)),
        ]
    }

    /// Makes a stream of fixed and stored blocks, and says how many bytes its text has.
    fn stream(choices: &[Choice], last_padding: u8) -> (Vec<u8>, u32) {
        let codes = Codes::new(&BlockLengths::fixed()).unwrap();
        let (end, n_end) = codes.literals.code(END_OF_BLOCK).unwrap();
        let (mut out, mut n_text) = (BitWriter::new(Vec::new()), 0);
        let put = |out: &mut BitWriter<Vec<u8>>, token, byte| {
            let (bits, n) = codes.token(token, byte).unwrap();
            out.put(bits, n).unwrap();
        };
        out.put(0b010, 3).unwrap();
        for choice in choices {
            match choice {
                Choice::Literals(bytes) => {
                    for byte in bytes {
                        put(&mut out, Token::LITERAL, *byte);
                    }
                    n_text += u32::try_from(bytes.len()).unwrap();
                }
                Choice::Match(length, back) => {
                    let most = n_text.min(32 << 10);
                    if most > 0 {
                        let distance = 1 + (most - 1) * u32::from(*back) / 65_535;
                        put(&mut out, Token { length: *length, distance }, 0);
                        n_text += length;
                    }
                }
                Choice::Block => {
                    out.put(end, n_end).unwrap();
                    out.put(0b010, 3).unwrap();
                }
                Choice::Stored(bytes, padding) => {
                    out.put(end, n_end).unwrap();
                    out.put(0b000, 3).unwrap();
                    let n = out.lacks();
                    out.put(u64::from(*padding) & ((1 << n) - 1), n).unwrap();
                    let n_bytes = bytes.len() as u64;
                    out.put(n_bytes | (n_bytes ^ 0xffff) << 16, 32).unwrap();
                    out.put_bytes(bytes).unwrap();
                    out.put(0b010, 3).unwrap();
                    n_text += u32::try_from(bytes.len()).unwrap();
                }
            }
        }
        out.put(end, n_end).unwrap();
        out.put(0b011, 3).unwrap();
        out.put(end, n_end).unwrap();
        let n = out.lacks();
        out.put(u64::from(last_padding) & ((1 << n) - 1), n).unwrap();
        (out.finish().unwrap(), n_text)
    }

    fn scratch() -> PathBuf {
        std::env::temp_dir()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn whatever_an_encoder_chooses_folds_back(
            choices in prop::collection::vec(choice(), 0..400),
            padding in any::<u8>(),
            (before, behind) in (0..100_usize, 0..100_usize),
        ) {
            let (stream, n_text) = stream(&choices, padding);
            let file = [&vec![1; before], &stream[..], &vec![2; behind]].concat();
            let mut folds = [Fold { gap: before as u64, n_text, method: 0 }];
            let n_bytes = file.len() as u64;
            match unfold(Cursor::new(&file), n_bytes, &mut folds, &scratch(), 1 << 30) {
                Ok(view) => {
                    let mut back = Vec::new();
                    refold(&view, &folds, &mut back).unwrap();
                    prop_assert!(back == file);
                }
                // More blocks than there may be.
                Err(stop) => prop_assert!(matches!(stop, Stop::Unlike) && choices.len() > 16, "{stop:?}"),
            }
        }

        #[test]
        fn any_view_folds_or_is_an_error(
            sections in prop::collection::vec(prop::collection::vec(prop_oneof![0..9_u8, any::<u8>()], 0..200), N_SECTIONS),
            folds in prop::collection::vec((0..50_u64, 0..300_u32, 0..11_u8), 0..4),
        ) {
            let folds: Vec<_> = folds.into_iter().map(|(gap, n_text, method)| Fold { gap, n_text, method }).collect();
            let mut view = ViewWriter::new(&scratch(), 1 << 20).unwrap();
            for (section, bytes) in Section::ALL.into_iter().zip(&sections) {
                view.add(section, bytes).unwrap();
            }
            let (mut out, n_view) = (Vec::new(), sections.concat().len());
            let _ = refold(&view.finish().unwrap(), &folds, &mut out);
            prop_assert!(out.len() <= 16 * n_view, "{}", out.len());
        }

        #[test]
        fn any_bytes_unfold_to_what_folds_back_or_not_at_all(
            file in prop::collection::vec(any::<u8>(), 0..400),
            folds in prop::collection::vec((0..50_u64, 0..300_u32), 0..4),
        ) {
            let mut folds: Vec<_> = folds.into_iter().map(|(gap, n_text)| Fold { gap, n_text, method: 0 }).collect();
            if let Ok(view) = unfold(Cursor::new(&file), file.len() as u64, &mut folds, &scratch(), 1 << 20) {
                let mut back = Vec::new();
                refold(&view, &folds, &mut back).unwrap();
                prop_assert!(back == file);
            }
        }
    }

    #[test]
    fn a_view_that_grows_too_large_is_none() {
        let choices = [Choice::Literals(vec![7]), Choice::Match(258, 0), Choice::Match(258, 0)];
        let (stream, n_text) = stream(&choices, 0);
        let mut folds = [Fold { gap: 0, n_text, method: 0 }];
        let stop =
            unfold(Cursor::new(&stream), stream.len() as u64, &mut folds, &scratch(), 500).unwrap_err();
        assert!(matches!(stop, Stop::Unlike));
    }

    #[test]
    fn a_list_of_folds_reads_as_it_was_written() {
        let folds: Vec<_> = (0..200_u8)
            .map(|n| Fold { gap: u64::from(n).pow(5), n_text: u32::from(n) * 777, method: n % 11 })
            .collect();
        for folds in [&folds[..], &[]] {
            let bytes = encode_folds(folds).unwrap();
            assert_eq!(read_folds(&mut &bytes[..]).unwrap().unwrap(), folds);
        }
    }
}
