//! Taking a backup: a moment of a data folder, and then all that belongs to it, told frame by frame.
//!
//! Invariant: the log of the tables, in the journal of that moment, reaches from before the end of that moment's rows to
//! behind it; so a restart brings the rows up to the journal. All else goes on meanwhile.
use super::{
    chunk::{Chunk, Cutter, Name},
    frame::{Frame, Whole},
    history::History,
    manifest::{LOG, MASTER_KEY},
    reach::Before,
};
use crate::key_files;
use bytes::Bytes;
use headwater_dynamodb::{LOG as TABLES, SPACES, folded};
use headwater_log::{
    Engine, LogError, Seq,
    clock::Clock,
    disk::{DiskEngine, Hold},
    kv::{Kv, Space, View},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fs, io,
    ops::{Bound, ControlFlow},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is told of a file at once.
const PIECE_BYTES: u64 = 4 << 20;
/// How often a moment is looked for. Between two checkpoints of the tables lie seconds, so the second try finds one.
const TRIES: usize = 8;

/// What whoever listens has already.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) files: Vec<KnownFile>,
    pub(crate) chunks: HashSet<Name>,
}

/// The beginning of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KnownFile {
    pub(crate) name: String,
    /// How much of it is known.
    pub(crate) length: u64,
    /// The last piece of that. A name alone does not tell a file: a folder that was restored goes on with the same names.
    pub(crate) last: Chunk,
}

/// Who is told; an error ends it.
pub(crate) type Tell<'a> = dyn FnMut(Frame) -> Result<(), String> + 'a;

/// What backups are taken of: a data folder that is open.
#[derive(Clone)]
pub(crate) struct Source {
    engine: Arc<DiskEngine>,
    kv: Arc<dyn Kv>,
    master_key: PathBuf,
    clock: Arc<dyn Clock>,
    history: Option<History>,
}

/// All of one moment.
struct Moment<'a> {
    time_ms: u64,
    before: Option<Before>,
    hold: Hold,
    rows: Box<dyn View + 'a>,
}

impl Source {
    /// The folder `data`, of which these are the journal, the rows and the history.
    pub(crate) fn new(
        data: &Path,
        engine: Arc<DiskEngine>,
        kv: Arc<dyn Kv>,
        clock: Arc<dyn Clock>,
        history: Option<History>,
    ) -> Self {
        Self { engine, kv, master_key: key_files::kept_in(data), clock, history }
    }

    /// Tells all there is, but for what is `known`. Blocks its thread.
    ///
    /// # Errors
    /// A sentence if something cannot be read; what `tell` answers.
    pub(crate) fn tell(&self, known: &Known, tell: &mut Tell<'_>) -> Result<(), String> {
        let Moment { time_ms, before, hold, rows } = self.moment().map_err(|error| error.to_string())?;
        let known_files = known.files.iter().map(|file| (file.name.as_str(), file)).collect::<HashMap<_, _>>();
        let mut files = Vec::new();
        if let Some(key) = self.master_key()? {
            files.push((MASTER_KEY.to_owned(), key.len() as u64));
            tell(Frame::Piece { file: MASTER_KEY.into(), at: 0, bytes: key })?;
        }
        for held in hold.files() {
            let (name, length) = (format!("{LOG}{}", held.name()), held.size_bytes());
            let read = |at: u64, len: u64| {
                let read = held.read_at(at, usize::try_from(len).unwrap_or(usize::MAX));
                read.map(Bytes::from).map_err(|error| error.to_string())
            };
            let mut at = match known_files.get(name.as_str()) {
                Some(known) => shared(known, length, &read)?,
                None => 0,
            };
            while at < length {
                let bytes = read(at, PIECE_BYTES.min(length - at))?;
                let next = at + bytes.len() as u64;
                tell(Frame::Piece { file: name.clone(), at, bytes })?;
                at = next;
            }
            files.push((name, length));
        }
        // The files may go now; the rows are kept by their view.
        drop(hold);
        let row_chunks = tell_rows(&*rows, known, tell)?;
        tell(Frame::End(Whole { time_ms, files, row_chunks, before }))
    }

    /// Rows and journal of one moment.
    fn moment(&self) -> Result<Moment<'_>, LogError> {
        for _ in 0..TRIES {
            // Nothing in the rows is later than the time, and all that was acknowledged before it is in the journal.
            let rows = self.kv.view();
            let time_ms = self.clock.now_ms();
            let hold = self.engine.hold()?;
            let next = folded(&*rows)?.map_or(Seq::ZERO, |(_, last)| last.next());
            let begins = self.engine.bounds(TABLES).first;
            // The rows are older than the journal. Had a checkpoint come between the two, the log might begin behind them.
            if begins <= next {
                let before = self.history.as_ref().and_then(|history| {
                    let reaches_ms = history.reaches_ms(self.clock.now_ms())?;
                    Some(Before { line: history.line.clone(), reaches_ms, tells_rows: begins == Seq::ZERO })
                });
                return Ok(Moment { time_ms, before, hold, rows });
            }
        }
        Err(LogError::Io("the log of the tables is trimmed faster than it can be held".into()))
    }

    fn master_key(&self) -> Result<Option<Bytes>, String> {
        match fs::read_to_string(&self.master_key) {
            Ok(key) => Ok(Some(key.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", self.master_key.display())),
        }
    }
}

/// How much of a file whoever listens has: all that is known if its last piece is what stands there, or nothing.
fn shared(known: &KnownFile, length: u64, read: &dyn Fn(u64, u64) -> Result<Bytes, String>) -> Result<u64, String> {
    let KnownFile { length: known_length, last, .. } = known;
    let fits = *known_length <= length && last.length <= *known_length && last.length <= PIECE_BYTES;
    if fits && Name::of(&read(known_length - last.length, last.length)?) == last.sha256 {
        return Ok(*known_length);
    }
    Ok(0)
}

/// Tells all rows, space by space; in how many pieces.
fn tell_rows(rows: &dyn View, known: &Known, tell: &mut Tell<'_>) -> Result<u64, String> {
    let mut count = 0;
    let mut tell_piece = |space: &str, bytes: Bytes| {
        count += 1;
        let (space, chunk) = (space.to_owned(), Chunk::of(&bytes));
        let is_known = known.chunks.contains(&chunk.sha256);
        tell(if is_known { Frame::KnownRows { space, chunk } } else { Frame::Rows { space, bytes } })
    };
    for (space, name) in (0..).zip(SPACES) {
        let (mut cutter, mut told) = (Cutter::default(), Ok(()));
        let mut visit = |key: &[u8], value: &Bytes| {
            if let Some(piece) = cutter.push(key, value) {
                told = tell_piece(name, piece);
            }
            if told.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let shown = rows.range(Space(space), Bound::Unbounded, Bound::Unbounded, false, &mut visit);
        shown.map_err(|error| error.to_string())?;
        told?;
        if let Some(piece) = cutter.finish() {
            tell_piece(name, piece)?;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_known_only_if_it_is_that_of_the_same_file() {
        let file = b"hello, world";
        let read = |at: u64, len: u64| {
            let (at, len) = (usize::try_from(at).unwrap(), usize::try_from(len).unwrap());
            Ok(Bytes::copy_from_slice(&file[at..at + len]))
        };
        let known = |length: u64, last: &[u8]| KnownFile { name: "log/a".into(), length, last: Chunk::of(last) };
        assert_eq!(shared(&known(5, b"llo"), 12, &read), Ok(5));
        assert_eq!(shared(&known(12, b"world"), 12, &read), Ok(12));
        for other in [known(5, b"lxo"), known(13, b"world!"), known(2, b"ello")] {
            assert_eq!(shared(&other, 12, &read), Ok(0));
        }
    }
}
