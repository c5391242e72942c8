//! The corpus through its filters, stage by stage, each unit's outcomes kept in the store.

use super::batch::judged_batches;
use super::chain::Chain;
use super::filter::Filters;
use super::judged::Judged;
use super::pool::{Work, in_order};
use super::store::{
    Lock, PieceReader, PieceWriter, Store, create_dir, finished_pieces, key, read_sealed, remove_abandoned,
    write_sealed,
};
use super::units::{Batch, Piece, SourceBatches, Unit, text_bytes};
use crate::corpus::DataConfig;
use crate::report::WorkProgress;
use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::OnceLock;
use trainyard_plugin::Filter;
use xxhash_rust::xxh3::Xxh3;

/// Changes with the form of pieces and with what reading makes of a file.
const FORMAT: &str = "stage 2";

/// What the stages work on.
pub(crate) struct Stages<'a> {
    pub config: &'a DataConfig,
    pub filters: &'a Filters<'a>,
    pub store: &'a Store,
    pub units: &'a [Unit],
    /// Per unit: its source.
    pub sources: &'a [u16],
    pub threads: usize,
    /// [`program_digest`].
    pub program: &'a str,
    /// Whether to wait for another process at the same work, or to end with an error.
    pub wait: bool,
    pub progress: WorkProgress,
}

impl Stages<'_> {
    /// Runs the filters up to the first that must see the whole corpus, over the units of `mine`. Returns each unit's
    /// key.
    ///
    /// # Errors
    /// Sources that cannot be read, whatever a filter reports.
    pub fn first(&self, mine: impl Fn(usize) -> bool) -> Result<Vec<String>> {
        let range = &self.filters.stages()[0];
        let keys: Vec<_> = self.units.iter().map(|unit| self.unit_key(unit, range)).collect::<Result<_>>()?;
        let mine: Vec<_> = (0..keys.len()).filter(|&unit| mine(unit)).collect();
        let Some((_lock, left)) = self.claim(&keys, &mine)? else { return Ok(keys) };
        let left = left.into_iter().map(|unit| (unit, self.units[unit].clone(), self.store.stage(&keys[unit])));
        let left: Vec<_> = left.collect();
        let n_bytes = left.iter().map(|(_, unit, _)| unit.bytes()).sum();
        let progress = self.progress.stage("filter", n_bytes);
        let batches = SourceBatches::new(self.config, left.iter().cloned(), progress.position());
        let mut workers = self.workers(|| Chain::new(self.filters, range, None, self.sources))?;
        let mut writer: Option<PieceWriter> = None;
        in_order(batches, &mut workers, |batch: Batch| {
            let folder = self.store.stage(&keys[batch.unit]);
            let mut piece = match writer.take() {
                Some(piece) => piece,
                None => PieceWriter::create(&folder, batch.piece)?,
            };
            for judged in &batch.documents {
                piece.push(judged)?;
                progress.text(judged.document.text().len() as u64);
            }
            match batch.end {
                Some(end) => piece.finish(end.read, end.last)?,
                None => writer = Some(piece),
            }
            Ok(())
        })?;
        progress.finish();
        Ok(keys)
    }

    fn unit_key(&self, unit: &Unit, range: &Range<usize>) -> Result<String> {
        let source = &self.config.source[usize::from(unit.source)];
        let reading = (&source.document, &source.text_field, &source.id_field, &source.metadata);
        let rest = (source.invalid_utf8, source.invalid_lines, &source.encoding, source.max_document_mb);
        let reading =
            serde_json::to_string(&(reading, rest)).map_err(|error| Error::run(format!("config as JSON: {error}")))?;
        // nothing is added where nothing is said of labels, so that what was made before stays
        let reading = reading + &source.labels_text()?;
        let parts = [FORMAT.to_owned(), self.program.to_owned(), reading, self.filters.outcome_key(range, unit.source)];
        let files = unit.files.iter().zip(&unit.digests).flat_map(|(file, digest)| {
            [file.name.clone().into_bytes(), format!("{:?}", file.format).into_bytes(), digest.to_vec()]
        });
        Ok(key(parts.into_iter().map(String::into_bytes).chain(files)))
    }

    /// Runs the filters `range`, of which the first must see the whole corpus, over what was judged so far under
    /// `keys`. Returns each unit's new key.
    ///
    /// # Errors
    /// A store that cannot be read or written, whatever a filter reports.
    pub fn next(&self, range: &Range<usize>, keys: &[String]) -> Result<Vec<String>> {
        let limits = self.filters.limits_key(range.start);
        let filter_keys = |source: u16| self.filters.outcome_key(range, source);
        let two_pass = range.start..range.start + 1;
        let observer = self.filters.outcome_key(&two_pass, 0);
        let state_key = key(keys.iter().map(String::as_str).chain([limits.as_str(), &observer, self.program]));
        let pieces = pieces(self.store, keys, self.sources)?;
        let state = self.observe(range.start, &pieces, &state_key)?;
        let new_key = |(unit, before): (usize, &String)| {
            key([before, &limits, &state_key, &filter_keys(self.sources[unit])].map(String::as_bytes))
        };
        let new_keys: Vec<_> = keys.iter().enumerate().map(new_key).collect();
        let all: Vec<_> = (0..new_keys.len()).collect();
        let Some((_lock, left)) = self.claim(&new_keys, &all)? else { return Ok(new_keys) };
        let left = self.unfinished(&new_keys, &left, &pieces);
        let mut workers = self.workers(|| {
            let chain = Chain::new(self.filters, range, Some(&state), self.sources)?;
            Ok(Judge { chain, store: self.store, keys: &new_keys })
        })?;
        self.over(&format!("filter {}", self.filters.all[range.start].name), &left, &mut workers)?;
        Ok(new_keys)
    }

    /// What the two-pass filter `index` makes of all documents that are kept so far.
    fn observe(&self, index: usize, pieces: &[Piece], state_key: &str) -> Result<Vec<u8>> {
        let path = self.store.state(state_key);
        if let Some(state) = read_sealed(&path) {
            return Ok(state);
        }
        let filter = &self.filters.all[index];
        let mut workers = self.workers(|| Ok(Observe { filters: self.filters, instance: (filter.make)()? }))?;
        self.over(&format!("observe {}", filter.name), pieces, &mut workers)?;
        let mut all = workers.into_iter();
        let Some(mut first) = all.next() else { return Ok(Vec::new()) };
        for other in all {
            first.instance.merge(&other.instance.state()?)?;
        }
        let state = first.instance.state()?;
        create_dir(path.parent().unwrap_or(&path))?;
        write_sealed(&path, &state)?;
        Ok(state)
    }

    /// The units among `mine` that are not finished, locked against other processes at the same work; none when nothing
    /// is left. A process that works on other units as well is not kept out: each writes whole pieces.
    ///
    /// # Errors
    /// Another process at the same work, unless this one waits.
    pub fn claim(&self, keys: &[String], mine: &[usize]) -> Result<Option<(Lock, Vec<usize>)>> {
        let left = || -> Vec<usize> { mine.iter().copied().filter(|&unit| !self.is_finished(&keys[unit])).collect() };
        let (false, Some(&first)) = (left().is_empty(), mine.first()) else { return Ok(None) };
        let lock = Lock::new(&self.store.stage(&keys[first]), self.wait)?;
        // the other process may have done it all
        let left = left();
        for &unit in &left {
            remove_abandoned(&self.store.stage(&keys[unit]))?;
        }
        Ok((!left.is_empty()).then_some((lock, left)))
    }

    pub fn is_finished(&self, key: &str) -> bool {
        finished_pieces(&self.store.stage(key)).last().is_some_and(|piece| piece.last)
    }

    /// Pieces among `pieces`, which a stage reads, that are of the units `left` and not written under `keys` yet.
    pub fn unfinished(&self, keys: &[String], left: &[usize], pieces: &[Piece]) -> Vec<Piece> {
        let unfinished = |&unit: &usize| {
            let n_finished = finished_pieces(&self.store.stage(&keys[unit])).len() as u32;
            let is_left = move |piece: &&Piece| piece.unit == unit && piece.number >= n_finished;
            let start = pieces.partition_point(|piece| piece.unit < unit);
            pieces[start..].iter().take_while(move |piece| piece.unit == unit).filter(is_left)
        };
        left.iter().flat_map(unfinished).cloned().collect()
    }

    /// Gives all pieces to the workers, each of which returns the bytes of text that it went through.
    ///
    /// # Errors
    /// The first error of a worker.
    pub fn over<'p, W: Work<&'p Piece, Output = u64>>(
        &self,
        name: &str,
        pieces: &'p [Piece],
        workers: &mut [W],
    ) -> Result<()> {
        let progress = self.progress.stage(name, text_bytes(pieces));
        in_order(pieces.iter().map(Ok), workers, |n_bytes| {
            progress.advance(n_bytes);
            Ok(())
        })?;
        progress.finish();
        Ok(())
    }

    /// One worker per thread.
    ///
    /// # Errors
    /// The first error of `make`.
    pub fn workers<W>(&self, make: impl Fn() -> Result<W>) -> Result<Vec<W>> {
        (0..self.threads).map(|_| make()).collect()
    }
}

/// All pieces of finished units, in order.
///
/// # Errors
/// A unit that is not finished, because another machine was to do it.
pub(crate) fn pieces(store: &Store, keys: &[String], sources: &[u16]) -> Result<Vec<Piece>> {
    let mut all = Vec::new();
    for (unit, key) in keys.iter().enumerate() {
        let folder = store.stage(key);
        let infos = finished_pieces(&folder);
        if !infos.last().is_some_and(|info| info.last) {
            return Err(Error::run(format!("{}: the unit is not finished; run prepare again", folder.display())));
        }
        let piece = |(number, info)| Piece { unit, source: sources[unit], folder: folder.clone(), number, info };
        all.extend((0..).zip(infos).map(piece));
    }
    Ok(all)
}

impl Piece {
    /// Its documents. The source's place in the config may have changed since they were written.
    ///
    /// # Errors
    /// A piece that cannot be opened.
    pub fn read(&self) -> Result<impl Iterator<Item = Result<Judged>> + use<>> {
        let source = self.source;
        Ok(PieceReader::open(&self.folder, self.number)?.map(move |judged| {
            judged.map(|mut judged| {
                judged.document.source = source;
                judged
            })
        }))
    }
}

/// Reads a piece, judges it on, writes it.
struct Judge<'a> {
    chain: Chain<'a>,
    store: &'a Store,
    keys: &'a [String],
}

impl Work<&Piece> for Judge<'_> {
    type Output = u64;

    fn work(&mut self, piece: &Piece) -> Result<u64> {
        let mut writer = PieceWriter::create(&self.store.stage(&self.keys[piece.unit]), piece.number)?;
        for batch in judged_batches(piece.read()?) {
            let mut batch = batch?;
            self.chain.judge(piece.source, &mut batch)?;
            batch.iter().try_for_each(|judged| writer.push(judged))?;
        }
        writer.finish(piece.info.read.clone(), piece.info.last)?;
        Ok(piece.info.text_bytes)
    }
}

/// Shows a piece's kept documents to a two-pass filter.
struct Observe<'a> {
    filters: &'a Filters<'a>,
    instance: Box<dyn Filter>,
}

impl Work<&Piece> for Observe<'_> {
    type Output = u64;

    fn work(&mut self, piece: &Piece) -> Result<u64> {
        let is_kept = |judged: &Result<Judged>| match judged {
            Ok(judged) => !self.filters.drops(judged),
            Err(_) => true,
        };
        for batch in judged_batches(piece.read()?.filter(is_kept)) {
            let batch = batch?;
            let texts: Vec<_> = batch.iter().map(|judged| judged.document.text()).collect();
            self.instance.observe(&texts)?;
        }
        Ok(piece.info.text_bytes)
    }
}

/// XXH3-128 of this program's file: another build may read or filter otherwise. The file is read once in a process.
///
/// # Errors
/// A program whose file cannot be read.
pub(crate) fn program_digest() -> Result<String> {
    static DIGEST: OnceLock<String> = OnceLock::new();
    if let Some(digest) = DIGEST.get() {
        return Ok(digest.clone());
    }
    let path =
        crate::base::dirs::program().map_err(|error| Error::run(format!("cannot find this program: {error}")))?;
    let (mut hasher, mut buffer) = (Box::new(Xxh3::new()), vec![0; 1 << 20]);
    let cannot_read = |error| Error::io(&path, "read", &error);
    let mut file = File::open(&path).map_err(cannot_read)?;
    loop {
        match file.read(&mut buffer).map_err(cannot_read)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(DIGEST.get_or_init(|| format!("{:032x}", hasher.digest128())).clone())
}
