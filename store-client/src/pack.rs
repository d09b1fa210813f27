//! Sending many small blobs in one request: a round trip and a flush for a thousand of them instead of for each.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use charm_model::digest::{Content, Sha256};
use delta::{PackWriter, pack};
use futures::{Stream, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use v4_wire::PACK;
use v4_wire::publish::{PackAnswer, PackLimits, Session};

use crate::call::{read_answer, read_json};
use crate::error::ClientError;
use crate::file_part::Meter;
use crate::hash::blocking;
use crate::part_size::PartSize;
use crate::progress::{Event, Progress};
use crate::publish::Source;
use crate::recheck::Beginning;
use crate::recipe_up::{Cook, Kitchen};
use crate::retry::{Patience, is_transient};
use crate::store::Store;
use crate::upload::Upload;

/// What is sent, and how much of each the store has.
type Blobs<'a> = Vec<(&'a Source, u64)>;

/// Divides what is to be sent into packs and the rest. Files that stand together in the tree go together: they are read
/// one after the other here, and lie so in the store.
pub(crate) fn divide<'a>(
    blobs: Blobs<'a>,
    limits: &PackLimits,
    archive: Option<Sha256>,
) -> (Vec<Vec<&'a Source>>, Blobs<'a>) {
    // A store that announces no packs takes no blob in one, the empty one neither.
    let takes = |(Source { content, .. }, offset): &(&Source, u64)| {
        let is_small = content.size <= limits.blob_bytes && limits.blobs > 0;
        is_small && *offset == 0 && Some(content.digests.sha256) != archive
    };
    let (mut small, mut rest): (Vec<_>, Vec<_>) = blobs.into_iter().partition(takes);
    small.sort_unstable_by(|(one, _), (other, _)| one.path.cmp(&other.path));
    let mut packs: Vec<Vec<&Source>> = Vec::new();
    let mut n_bytes = 0;
    for (source, _) in small {
        n_bytes += source.content.size;
        match packs.last_mut() {
            Some(pack) if pack.len() < limits.blobs && n_bytes <= limits.bytes => pack.push(source),
            _ => {
                n_bytes = source.content.size;
                packs.push(vec![source]);
            }
        }
    }
    let (packs, single): (Vec<_>, Vec<_>) = packs.into_iter().partition(|pack| pack.len() > 1);
    rest.extend(single.into_iter().flatten().map(|source| (source, 0)));
    (packs, rest)
}

/// What sends packs.
#[derive(Clone, Copy)]
pub(crate) struct Packing<'a> {
    pub(crate) store: &'a Store,
    pub(crate) session: &'a Session,
    pub(crate) part_size: &'a PartSize,
    pub(crate) kitchen: &'a Kitchen,
    pub(crate) progress: &'a Arc<dyn Progress>,
}

impl<'a> Packing<'a> {
    /// Sends a pack until the store says that all of it has arrived and is what was announced. One that does not get
    /// through is sent again, which is safe, or in halves.
    pub(crate) async fn send(self, pack: Vec<&'a Source>) -> Result<(), ClientError> {
        let mut patience = Patience::with_transfer(self.store.options());
        let mut waiting = vec![pack];
        while let Some(pack) = waiting.pop() {
            let size = size(&pack);
            if size > self.part_size.n_bytes() && pack.len() > 1 {
                waiting.extend(halves(&pack));
                continue;
            }
            match self.send_once(&pack).await {
                Ok(answer) => {
                    patience.renew();
                    self.finish(&pack, &answer).await?;
                }
                Err(error) => {
                    let is_shorter = self.part_size.failed(size, &error);
                    if !(is_shorter || is_transient(&error)) {
                        return Err(error);
                    }
                    patience.wait(error, self.progress.as_ref()).await?;
                    waiting.push(pack);
                }
            }
        }
        Ok(())
    }

    async fn send_once(&self, pack: &[&Source]) -> Result<PackAnswer, ClientError> {
        let built = Built::of(pack, self.session.pack).await?;
        let n_bytes = built.bytes.len() as u64;
        let meter = Arc::new(Meter::default());
        let url = self.store.url(["publish", &self.session.id, "blobs"], &[]);
        let request = self
            .store
            .request(Method::POST, url.clone())
            .header(CONTENT_TYPE, PACK)
            .header(CONTENT_LENGTH, n_bytes)
            .body(Body::wrap_stream(built.frames(self.store.clone(), meter.clone(), self.progress.clone())));
        let answer = async {
            read_answer(request.send().await.map_err(|it| self.store.unreachable(it))?, self.store).await
        };
        read_json(&url, &self.store.watch(&meter, n_bytes, answer).await?)
    }

    /// Takes note of what has arrived, and sends by itself what the store has begun to take so.
    async fn finish(&self, pack: &[&'a Source], answer: &PackAnswer) -> Result<(), ClientError> {
        for source in pack {
            let blob = source.content.digests.sha256;
            let at = answer.blobs.get(&blob);
            if let Some(at) = at.filter(|at| at.complete) {
                self.progress.note(Event::Stored { blob, position: at.offset });
            } else {
                let (to, cook) = ((self.store, self.session), Cook::new(self.kitchen, None));
                let upload = Upload::new(to, source, self.part_size, cook, self.progress);
                upload.send_from(at.map_or(0, |at| at.offset)).await?;
            }
        }
        Ok(())
    }
}

fn size(pack: &[&Source]) -> u64 {
    pack.iter().map(|source| source.content.size).sum()
}

fn halves<'a>(pack: &[&'a Source]) -> [Vec<&'a Source>; 2] {
    let (first, second) = pack.split_at(pack.len() / 2);
    [first.to_vec(), second.to_vec()]
}

/// A pack in memory, and where each blob lies in it.
struct Built {
    bytes: Bytes,
    places: Vec<(Sha256, Range<u64>)>,
}

impl Built {
    /// Reads the files and packs them, unless one is not what was announced.
    async fn of(pack: &[&Source], limits: PackLimits) -> Result<Self, ClientError> {
        let mut sources: Vec<Source> = pack.iter().map(|source| (*source).clone()).collect();
        sources.sort_unstable_by_key(|source| source.content.digests.sha256);
        blocking(move || build(&sources, limits)).await
    }

    /// Returns the pack at the store's pace, and notes whose bytes have left.
    fn frames(
        self,
        store: Store,
        meter: Arc<Meter>,
        progress: Arc<dyn Progress>,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        let Self { bytes, places } = self;
        let next = move |(mut rest, mut places, start): (Bytes, Places, u64)| {
            let (store, meter, progress) = (store.clone(), meter.clone(), progress.clone());
            async move {
                let n_bytes = rest.len().min(store.pace().frame_bytes());
                if n_bytes == 0 {
                    return None;
                }
                let frame = rest.split_to(n_bytes);
                store.pace().take(n_bytes).await;
                meter.sent(&frame);
                let end = start + n_bytes as u64;
                note_sent(&mut places, start..end, progress.as_ref());
                Some((Ok(frame), (rest, places, end)))
            }
        };
        stream::unfold((bytes, places.into_iter().peekable(), 0), next)
    }
}

type Places = std::iter::Peekable<std::vec::IntoIter<(Sha256, Range<u64>)>>;

/// Notes what a range of a pack has of each blob.
fn note_sent(places: &mut Places, range: Range<u64>, progress: &dyn Progress) {
    while let Some((blob, place)) = places.peek().filter(|(_, place)| place.start < range.end) {
        let (blob, place) = (*blob, place.clone());
        let end = place.end.min(range.end);
        let n_bytes = end - place.start.max(range.start).min(end);
        progress.note(Event::Sent { blob, n_bytes, position: end - place.start });
        if place.end > range.end {
            return;
        }
        places.next();
    }
}

fn build(sources: &[Source], limits: PackLimits) -> Result<Built, ClientError> {
    const FITS: &str = "a pack was divided by the limits that it is written by";
    let n_bytes = sources.iter().map(|source| source.content.size).sum();
    let len = usize::try_from(pack::encoded_bytes(sources.len(), n_bytes)).expect(FITS);
    let PackLimits { blob_bytes, blobs, bytes } = limits;
    let limits = delta::PackLimits { blob_bytes, blobs, bytes };
    let n_blobs = u32::try_from(sources.len()).expect(FITS);
    let mut writer = PackWriter::new(Vec::with_capacity(len), n_blobs, limits).expect(FITS);
    let (mut places, mut before, mut file) = (Vec::with_capacity(sources.len()), 0, Vec::new());
    for (n, source) in sources.iter().enumerate() {
        read(source, &mut file)?;
        let Content { size, digests } = source.content;
        let start = pack::encoded_bytes(n + 1, before);
        writer.add(digests.sha256, &file).expect(FITS);
        places.push((digests.sha256, start..start + size));
        before += size;
    }
    Ok(Built { bytes: writer.finish().expect(FITS).into(), places })
}

/// Reads a whole file, which must be what it was summed up as.
fn read(Source { path, content }: &Source, bytes: &mut Vec<u8>) -> Result<(), ClientError> {
    bytes.clear();
    let file = File::open(path).map_err(ClientError::io(path))?;
    // A byte more than it had shows that it grew.
    file.take(content.size + 1).read_to_end(bytes).map_err(ClientError::io(path))?;
    let mut seen = Beginning::default();
    seen.add(bytes);
    if seen.is(content) { Ok(()) } else { Err(ClientError::Changed(path.clone())) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Mutex;

    use super::*;

    const LIMITS: PackLimits = PackLimits { blob_bytes: 100, blobs: 3, bytes: 200 };

    fn source(name: &str, size: usize) -> Source {
        Source { path: PathBuf::from(name), content: Content::of(&vec![name.as_bytes()[0]; size]) }
    }

    fn names<'a>(sources: impl IntoIterator<Item = &'a Source>) -> String {
        sources.into_iter().map(|source| source.path.to_str().unwrap()).collect()
    }

    #[test]
    fn small_blobs_go_in_packs_by_their_paths_and_the_rest_by_itself() {
        let sizes = [
            ("f", 100),
            ("e", 100),
            ("d", 1),
            ("c", 1),
            ("b", 0),
            ("a", 99),
            ("large", 101),
            ("zip", 1),
            ("x", 9),
        ];
        let sources: Vec<_> = sizes.map(|(name, size)| source(name, size)).into();
        let blobs: Blobs<'_> = sources.iter().map(|it| (it, u64::from(names([it]) == "x"))).collect();
        let archive = Some(sources[7].content.digests.sha256);
        let (packs, rest) = divide(blobs.clone(), &LIMITS, archive);
        let packs: Vec<_> = packs.into_iter().map(names).collect();
        assert_eq!(packs, ["abc", "de"]);
        assert_eq!(names(rest.into_iter().map(|(source, _)| source)), "largezipxf");
        let (packs, rest) = divide(blobs, &PackLimits::default(), archive);
        assert_eq!((packs.len(), rest.len()), (0, sources.len()), "a store that announces none");
    }

    struct Noted(Mutex<Vec<(u64, u64)>>);

    impl Progress for Noted {
        fn note(&self, event: Event) {
            let Event::Sent { n_bytes, position, .. } = event else { panic!("{event:?}") };
            self.0.lock().unwrap().push((n_bytes, position));
        }
    }

    #[test]
    fn the_bytes_of_a_pack_are_noted_by_blob_and_its_heads_are_nobody_s() {
        let blob = |n| Sha256([n; 32]);
        let mut places = vec![(blob(1), 10..30), (blob(2), 40..40), (blob(3), 50..60)].into_iter().peekable();
        let noted = Noted(Mutex::default());
        for range in [0..10, 10..25, 25..45, 45..52, 52..60] {
            note_sent(&mut places, range, &noted);
        }
        assert_eq!(noted.0.into_inner().unwrap(), [(15, 15), (5, 20), (0, 0), (2, 2), (8, 10)]);
    }

    #[test]
    fn a_file_that_is_not_what_it_was_comes_into_no_pack() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"right").unwrap();
        let right = Source { path: path.clone(), content: Content::of(b"right") };
        assert_eq!(build(&[right.clone()], LIMITS).unwrap().places[0].1, 49..54);
        for wrong in ["wrong", "rights", "righ"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(build(&[right.clone()], LIMITS), Err(ClientError::Changed(_))), "{wrong}");
        }
    }
}
