//! A segment of a target as its difference from a window of a base: one zstd frame with the window as
//! reference prefix.
//!
//! Without a window it is a plain zstd frame.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, SafeResult, compress_bound, get_error_name};

use crate::error::DeltaError;

/// Compresses `segment` against `window`.
pub(crate) fn make_patch(window: &[u8], segment: &[u8], level: i32) -> Result<Vec<u8>, DeltaError> {
    let mut patch = Vec::with_capacity(compress_bound(segment.len()));
    match compress(window, segment, level, &mut patch) {
        Ok(_) => Ok(patch),
        Err(code) => Err(DeltaError::Compress(get_error_name(code))),
    }
}

fn compress(window: &[u8], segment: &[u8], level: i32, patch: &mut Vec<u8>) -> SafeResult {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(level))?;
    if !window.is_empty() {
        // The distances must reach from the segment's last byte to the window's first.
        let reach = (window.len() + segment.len()).next_power_of_two().ilog2();
        context.set_parameter(CParameter::WindowLog(reach.clamp(10, 27)))?;
        context.set_parameter(CParameter::EnableLongDistanceMatching(true))?;
        context.ref_prefix(window)?;
    }
    context.compress2(patch, segment)
}

/// Fills `segment` from what [`make_patch`] made against the same window. Needs no memory that depends on
/// what the patch says of itself.
///
/// # Errors
///
/// Says that the patch is not whole, or does not fill the segment exactly.
pub(crate) fn apply_patch(window: &[u8], patch: &[u8], segment: &mut [u8]) -> Result<(), &'static str> {
    let mut context = DCtx::create();
    if !window.is_empty() {
        context.ref_prefix(window).map_err(get_error_name)?;
    }
    // In one pass zstd writes straight to the segment and keeps no window of its own.
    match context.decompress(segment, patch) {
        Ok(n_bytes) if n_bytes == segment.len() => Ok(()),
        Ok(_) => Err("is shorter than it says"),
        Err(_) => Err("is not what zstd makes, or makes more than it says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0; n_bytes];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn what_is_in_the_window_costs_next_to_nothing() {
        let window = noise(300_000);
        let segment = [&window[200_000..], &b"and now for something else"[..], &window[..200_000]].concat();
        let patch = make_patch(&window, &segment, 3).unwrap();
        assert!(patch.len() < 200, "{}", patch.len());
        let mut back = vec![0; segment.len()];
        apply_patch(&window, &patch, &mut back).unwrap();
        assert!(back == segment);
    }

    #[test]
    fn a_patch_fills_its_segment_exactly() {
        let patch = make_patch(&[], &[7; 1000], 3).unwrap();
        for n_bytes in [0, 999, 1001] {
            assert!(apply_patch(&[], &patch, &mut vec![0; n_bytes]).is_err());
        }
        assert!(apply_patch(&[], &patch[..patch.len() - 1], &mut [0; 1000]).is_err());
        assert!(apply_patch(&[], &[&patch[..], &[0]].concat(), &mut [0; 1000]).is_err());
        assert!(apply_patch(&[], &patch, &mut [0; 1000]).is_ok());
    }
}
