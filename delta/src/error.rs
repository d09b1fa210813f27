//! What can be wrong with chunk maps, recipes, patches and packs, by what the caller can do about it.

use std::io;

use charm_model::digest::Sha256;
use thiserror::Error;

/// Why a chunk map is not read, or a recipe or a pack not made or followed.
#[derive(Debug, Error)]
pub enum DeltaError {
    /// The bytes are not a chunk map. It can be made again from its blob.
    #[error("the chunk map {problem}, at its byte `{at}`")]
    ChunkMap {
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
        /// How far it could be read.
        at: usize,
    },

    /// These are not the bytes of that chunk: what stores or sends them is damaged.
    #[error("the `{length}` bytes at `{offset}` are not those of their chunk")]
    WrongChunk {
        /// Where the chunk begins in its blob.
        offset: u64,
        /// How long it is.
        length: u32,
    },

    /// The bytes are not the blob that they were said to be: what stores them is damaged.
    #[error("the bytes are not those of blob `{0}`")]
    OtherContent(Sha256),

    /// The beginning of a recipe makes no sense, or announces too much.
    #[error("the recipe {problem}")]
    Header {
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
    },

    /// A frame of a recipe makes no sense, or asks too much.
    #[error("frame `{frame}` of the recipe, for byte `{at}` of the target, {problem}")]
    Frame {
        /// The number of the frame, from 0.
        frame: u64,
        /// Where in the target its bytes would go.
        at: u64,
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
    },

    /// The recipe could not be read on: it ends too early, or its sender broke off.
    #[error("the recipe broke off in frame `{frame}`, for byte `{at}` of the target")]
    Recipe {
        /// The number of the frame, from 0.
        frame: u64,
        /// Where in the target its bytes would go.
        at: u64,
        /// What the reader said.
        source: io::Error,
    },

    /// A base does not have these bytes, or could not be read.
    #[error("the `{length}` bytes at `{offset}` of base `{base}` could not be read")]
    Base {
        /// The base.
        base: Sha256,
        /// Where the range begins.
        offset: u64,
        /// How long it is.
        length: u64,
        /// What the reader said.
        source: io::Error,
    },

    /// The target is not as long as its chunk map says, or could not be read.
    #[error("the target could not be read at byte `{at}`")]
    ReadTarget {
        /// Where reading stopped.
        at: u64,
        /// What the reader said.
        source: io::Error,
    },

    /// The assembled bytes could not be written.
    #[error("the target could not be written from byte `{at}` on")]
    WriteTarget {
        /// Where the bytes would go.
        at: u64,
        /// What the writer said.
        source: io::Error,
    },

    /// The recipe could not be written.
    #[error("the recipe could not be written")]
    WriteRecipe(#[source] io::Error),

    /// What a file looks like through deflate could not be written or read back: the place for it is full, or damaged.
    #[error("the view through deflate could not be kept")]
    View(#[source] io::Error),

    /// The beginning of a pack makes no sense.
    #[error("the pack {problem}")]
    PackHeader {
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
    },

    /// A blob of a pack is not what a pack may hold.
    #[error("blob `{blob}` of the pack {problem}")]
    Pack {
        /// The number of the blob, from 0.
        blob: u32,
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
    },

    /// The pack could not be read on: it ends too early, or its sender broke off.
    #[error("the pack broke off in blob `{blob}`")]
    ReadPack {
        /// The number of the blob, from 0.
        blob: u32,
        /// What the reader said.
        source: io::Error,
    },

    /// The pack could not be written.
    #[error("the pack could not be written")]
    WritePack(#[source] io::Error),

    /// zstd could not compress: it lacks memory, or was given a level that it does not know.
    #[error("zstd did not compress: {0}")]
    Compress(&'static str),
}
