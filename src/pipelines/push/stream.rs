//! More customers than memory holds: a sample to learn from, one pass that classifies, one that pushes.
//!
//! Pass 1 reads the Parquet file on a thread of its own and keeps of each customer the id, the class and what is held, in a
//! scratch file. Then all classes are counted, and pass 2 turns the scratch file into pushes, which another thread writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rayon::prelude::*;

use super::error::PushError;
use super::load::{Exclusions, Loaded, Plan, Products, names};
use super::model::Model;
use super::offer::{ClassOffers, Weighed, WhyNot};
use super::results::Totals;
use super::settings::Settings;
use super::tables;
use crate::artifact::table::{Cells, Table, TableFormat};
use crate::artifact::{PartsWriter, ScratchFile};
use crate::backend::Backend;
use crate::cluster::{Classifier, Rows};
use crate::dataset::{NumberBlock, NumberReader, Source};
use crate::pipelines::tabular::TabularError;
use crate::prep::Attribute;
use crate::recommend::{ClassCounts, Holdings};

/// Rows of a block.
pub(super) const BLOCK: usize = 1 << 16;

/// Blocks that wait between threads.
const WAITING: usize = 2;

/// Reads a sample as if it were the whole table.
pub(super) fn sample(
    settings: &Settings,
    source: &Source,
    (product_names, exclusions): (&Products, Exclusions),
) -> Result<(Loaded, usize), TabularError> {
    let wide = names(settings.holdings.wide.as_ref())?;
    let plan = Plan::of(settings, source, &wide)?;
    let features: Vec<String> = plan.columns.iter().map(|(name, _)| name.clone()).collect();
    let all = [features.as_slice(), &wide].concat();
    let mut reader = NumberReader::open(source, None, &all, BLOCK, Some(settings.customers.sample))?;
    let total = reader.total();
    let mut columns: Vec<Vec<Option<f64>>> = vec![vec![]; features.len()];
    let mut lists: Vec<Vec<(u32, f32)>> = vec![];
    let order = products_of(&wide, product_names);
    while let Some(block) = reader.next_block()? {
        for (all, values) in columns.iter_mut().zip(&block.columns) {
            all.extend(values.iter().map(|v| (!v.is_nan()).then(|| f64::from(*v))));
        }
        let bits = Bits::of(&block, features.len(), &order, source)?;
        lists.extend((0..block.rows).map(|row| bits.list(row).map(|p| (p, 1.0)).collect()));
    }
    let wrong = |reason: String| TabularError::data(source.path(), reason);
    let holdings = Holdings::new(&lists, product_names.ids.len()).map_err(|e| wrong(e.to_string()))?;
    if holdings.holding_users().len() < 3 {
        return Err(wrong("expected at least 3 customers of the sample who hold something".to_owned()));
    }
    let named =
        plan.columns.into_iter().zip(columns).map(|((name, spec), values)| (name, spec, Attribute::Numbers(values)));
    let loaded = Loaded {
        file: source.path().to_owned(),
        ids: (1..=lists.len()).map(|row| row.to_string()).collect(),
        columns: named.collect(),
        counts: plan.counts,
        holdings,
        sums: std::collections::BTreeMap::new(),
        products: product_names.clone(),
        exclusions,
    };
    Ok((loaded, total))
}

/// Which product each wide column is.
fn products_of(wide: &[String], products: &Products) -> Vec<u32> {
    let place = |name: &String| products.ids.iter().position(|id| id == name).unwrap_or(0) as u32;
    wide.iter().map(place).collect()
}

/// What the customers of a block hold, one bit a product.
struct Bits {
    words: Vec<u64>,
    each: usize,
}

impl Bits {
    fn of(block: &NumberBlock, features: usize, order: &[u32], source: &Source) -> Result<Self, TabularError> {
        let each = order.len().div_ceil(64).max(1);
        let mut words = vec![0_u64; block.rows * each];
        for (product, values) in order.iter().zip(&block.columns[features..]) {
            let (word, bit) = (*product as usize / 64, product % 64);
            for (row, value) in values.iter().enumerate() {
                if *value < 0.0 {
                    let reason =
                        format!("row {}: expected holdings of 0 or more, found {value}", block.first + row + 1);
                    return Err(TabularError::data(source.path(), reason));
                }
                // NaN is no holding either.
                words[row * each + word] |= u64::from(*value > 0.0) << bit;
            }
        }
        Ok(Self { words, each })
    }

    /// Counts of the rows by class, of the shape of `like`: whole numbers, so that their order does not matter.
    fn count(&self, labels: &[u32], like: &ClassCounts) -> ClassCounts {
        let empty = || ClassCounts::new(like.classes(), like.products());
        let share = |(number, labels): (usize, &[u32])| {
            let (mut counts, mut held) = (empty(), vec![]);
            for (row, class) in labels.iter().enumerate() {
                held.clear();
                held.extend(self.list(number * SHARE + row));
                counts.add(*class, &held);
            }
            counts
        };
        let shares = labels.par_chunks(SHARE).enumerate().map(share);
        shares.reduce(empty, |mut all, part| {
            all.merge(&part);
            all
        })
    }

    fn list(&self, row: usize) -> impl Iterator<Item = u32> + '_ {
        let own = &self.words[row * self.each..][..self.each];
        own.iter().zip(0..).flat_map(|(word, number)| ones(*word).map(move |bit| number * 64 + bit))
    }
}

/// The places of a word's ones, ascending.
fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}

/// What is needed to stream.
pub(super) struct Stream<'a> {
    pub source: &'a Source,
    pub id: Option<&'a str>,
    pub wide: &'a [String],
    pub backend: &'a Backend,
    /// Where tables go, and where the scratch file lies.
    pub tables: &'a Path,
    pub scratch: &'a Path,
    pub format: TableFormat,
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// What a stream has found.
#[derive(Debug)]
pub(super) struct Streamed {
    pub customers: usize,
    pub candidates: usize,
    pub holdings: usize,
    pub totals: Totals,
    /// Customers of each class.
    pub by_class: Vec<usize>,
}

/// The customers' places in the scratch file.
struct Kept {
    file: ScratchFile,
    /// Rows of each block.
    blocks: Vec<usize>,
    each: usize,
    counts: ClassCounts,
    by_class: Vec<usize>,
    totals: Totals,
    holdings: usize,
}

impl Stream<'_> {
    /// Classifies and pushes all customers; the model's counts become those of all.
    pub(super) fn run(&self, model: &mut Model) -> Result<Streamed, PushError> {
        let mut kept = self.classify(model)?;
        model.counts = vec![kept.counts.clone()];
        self.push(model, &mut kept)?;
        let customers: usize = kept.by_class.iter().sum();
        let holding: u64 = kept.counts.users.iter().sum();
        Ok(Streamed {
            customers,
            candidates: customers - holding as usize,
            holdings: kept.holdings,
            totals: kept.totals,
            by_class: kept.by_class,
        })
    }

    fn stopped(&self) -> Result<(), PushError> {
        if (self.stop)() { Err(PushError::Stopped) } else { Ok(()) }
    }

    fn table(&self, name: &str) -> Result<PartsWriter, PushError> {
        Ok(PartsWriter::new(&self.tables.join(name).with_extension(self.format.extension()), self.format)?)
    }

    fn id_name(&self) -> String {
        tables::id_name(self.id.map(str::to_owned).as_ref())
    }

    fn classify(&self, model: &Model) -> Result<Kept, PushError> {
        let columns: Vec<String> = model.header.prep.columns().iter().map(|c| c.name().to_owned()).collect();
        let all = [columns.as_slice(), self.wide].concat();
        let reader = NumberReader::open(self.source, self.id, &all, BLOCK, None)?;
        let (send, receive) = sync_channel(WAITING);
        std::thread::scope(|scope| {
            scope.spawn(move || read_all(reader, &send));
            self.classify_blocks(model, &receive, columns.len())
        })
    }

    fn classify_blocks(
        &self,
        model: &Model,
        blocks: &Receiver<Result<NumberBlock, PushError>>,
        features: usize,
    ) -> Result<Kept, PushError> {
        let products = model.products();
        let order = products_of(self.wide, &products);
        let width = model.centres[0].len() / model.header.setting.classes;
        let mut classifier = Classifier::new(self.backend, &model.centres[0], width)?;
        let mut extraction = model.header.extractor.open(self.backend)?;
        let mut cleaning = self.table("cleaning")?;
        let each = order.len().div_ceil(64).max(1);
        let mut kept = Kept {
            file: ScratchFile::new(self.scratch)?,
            blocks: vec![],
            each,
            counts: ClassCounts::new(model.header.setting.classes, products.ids.len()),
            by_class: vec![0; model.header.setting.classes],
            totals: Totals::new(features),
            holdings: 0,
        };
        let (mut labels, mut distances) = (vec![], vec![]);
        for block in blocks {
            let mut block = block?;
            self.stopped()?;
            let bits = Bits::of(&block, features, &order, self.source)?;
            block.columns.truncate(features);
            let (rows, replaced) = model.header.prep.apply_numbers(&block.columns)?;
            let rows = extraction.of(rows)?;
            classifier.classify(&Rows::new(&rows, width)?, &mut labels, &mut distances)?;
            let ids = if self.id.is_some() {
                std::mem::take(&mut block.ids)
            } else {
                (0..block.rows).map(|row| (block.first + row) as i64 + 1).collect()
            };
            kept.counts.merge(&bits.count(&labels, &kept.counts));
            for class in &labels {
                kept.by_class[*class as usize] += 1;
            }
            kept.holdings += bits.words.iter().map(|word| word.count_ones() as usize).sum::<usize>();
            for r in &replaced {
                kept.totals.replacement(r.column, r.old, r.new, || ids[r.row].to_string());
            }
            if kept.blocks.is_empty() || !replaced.is_empty() {
                let own = Cells::i64(replaced.iter().map(|r| ids[r.row]));
                let prep = model.header.prep.columns();
                cleaning.write(&tables::cleaning_table(&self.id_name(), own, replaced.iter().copied(), prep)?)?;
            }
            kept.file.append(bytemuck::cast_slice(&ids))?;
            kept.file.append(bytemuck::cast_slice(&bits.words))?;
            kept.file.append(bytemuck::cast_slice(&labels))?;
            kept.blocks.push(block.rows);
        }
        cleaning.finish()?;
        Ok(kept)
    }

    fn push(&self, model: &Model, kept: &mut Kept) -> Result<(), PushError> {
        let weighed = model.weighed();
        let work = Offering {
            offers: ClassOffers::new(&model.header.push, &weighed),
            weighed,
            exclusions: &model.header.exclusions,
            products: model.products(),
            words: model.header.product_ids.clone().into(),
            id: self.id_name(),
            each: kept.each,
        };
        let (mut pushes, mut without) = (self.table("pushes")?, self.table("without")?);
        let (send, receive) = sync_channel::<(Table, Table)>(WAITING);
        std::thread::scope(|scope| -> Result<(), PushError> {
            let writer = scope.spawn(move || -> Result<(), PushError> {
                for (some, none) in receive {
                    pushes.write(&some)?;
                    without.write(&none)?;
                }
                pushes.finish()?;
                Ok(without.finish()?)
            });
            let made = self.push_blocks(&work, kept, &send);
            drop(send);
            let written = writer.join().unwrap_or(Err(PushError::Stopped));
            // What the writer says comes first: without it, blocks cannot be handed over either.
            written.and(made)
        })
    }

    fn push_blocks(
        &self,
        work: &Offering<'_>,
        kept: &mut Kept,
        to: &SyncSender<(Table, Table)>,
    ) -> Result<(), PushError> {
        let mut at = 0;
        for rows in kept.blocks.clone() {
            self.stopped()?;
            let mut ids = vec![0_i64; rows];
            let mut words = vec![0_u64; rows * kept.each];
            let mut labels = vec![0_u32; rows];
            for bytes in [
                bytemuck::cast_slice_mut::<_, u8>(&mut ids),
                bytemuck::cast_slice_mut(&mut words),
                bytemuck::cast_slice_mut(&mut labels),
            ] {
                kept.file.read(at, bytes)?;
                at += bytes.len() as u64;
            }
            let found = work.block(&ids, &words, &labels);
            for offer in &found.offers {
                kept.totals.offer(offer.product, offer.class, offer.weight);
            }
            found.without.iter().for_each(|(.., why)| *kept.totals.reasons.entry(*why).or_default() += 1);
            if to.send((work.pushes(&found)?, work.nothing(&found)?)).is_err() {
                return Err(PushError::Stopped);
            }
        }
        Ok(())
    }
}

fn read_all(mut reader: NumberReader, to: &SyncSender<Result<NumberBlock, PushError>>) {
    loop {
        let block = match reader.next_block() {
            Ok(Some(block)) => Ok(block),
            Ok(None) => return,
            Err(error) => Err(PushError::from(error)),
        };
        let last = block.is_err();
        // Whoever reads may have stopped.
        if to.send(block).is_err() || last {
            return;
        }
    }
}

/// Turns blocks of customers into pushes.
struct Offering<'a> {
    offers: ClassOffers,
    weighed: Weighed,
    exclusions: &'a Exclusions,
    products: Products,
    /// The products' ids, for tables.
    words: Arc<[String]>,
    id: String,
    each: usize,
}

struct OfferRow {
    id: i64,
    product: u32,
    class: u32,
    weight: f64,
}

#[derive(Default)]
struct Found {
    offers: Vec<OfferRow>,
    without: Vec<(i64, u32, WhyNot)>,
}

/// Customers that a thread takes at a time.
const SHARE: usize = 4096;

impl Offering<'_> {
    fn block(&self, ids: &[i64], words: &[u64], labels: &[u32]) -> Found {
        let share = |((ids, words), labels): ((&[i64], &[u64]), &[u32])| {
            let mut found = Found::default();
            for ((id, own), class) in ids.iter().zip(words.chunks_exact(self.each)).zip(labels) {
                self.customer(*id, own, *class, &mut found);
            }
            found
        };
        let parts = ids.par_chunks(SHARE).zip(words.par_chunks(SHARE * self.each)).zip(labels.par_chunks(SHARE));
        let parts: Vec<Found> = parts.map(share).collect();
        let mut all = Found::default();
        for part in parts {
            all.offers.extend(part.offers);
            all.without.extend(part.without);
        }
        all
    }

    fn customer(&self, id: i64, own: &[u64], class: u32, found: &mut Found) {
        let excluded = if self.exclusions.len() == 0 {
            None
        } else {
            let name = id.to_string();
            if self.exclusions.all.contains(&name) {
                return found.without.push((id, class, WhyNot::OptedOut));
            }
            self.exclusions.products.get(&name)
        };
        let held = |p: u32| own[p as usize / 64] >> (p % 64) & 1 == 1;
        let barred = |p: u32| excluded.is_some_and(|own| own.contains(&self.products.ids[p as usize]));
        let offers = &mut found.offers;
        let take = |product, weight| offers.push(OfferRow { id, product, class, weight });
        if let Some(why) = self.offers.offer(class, held, barred, take) {
            found.without.push((id, class, why));
        }
    }

    fn pushes(&self, found: &Found) -> Result<Table, PushError> {
        let rows = || found.offers.iter();
        let counts = &self.weighed.counts[0];
        let holders = |o: &OfferRow| counts.holders_in(o.class as usize)[o.product as usize] as i64;
        Ok(Table::new([
            (self.id.clone(), Cells::i64(rows().map(|o| o.id))),
            ("product".to_owned(), Cells::Words(rows().map(|o| o.product).collect(), Arc::clone(&self.words))),
            ("class".to_owned(), Cells::i64(rows().map(|o| i64::from(o.class)))),
            ("weight".to_owned(), Cells::f64(rows().map(|o| o.weight))),
            ("holders".to_owned(), Cells::i64(rows().map(holders))),
            ("class_size".to_owned(), Cells::i64(rows().map(|o| counts.users[o.class as usize] as i64))),
        ])?)
    }

    fn nothing(&self, found: &Found) -> Result<Table, PushError> {
        let rows = found.without.iter();
        let ids = Cells::i64(rows.clone().map(|(id, ..)| *id));
        Ok(tables::without_table(&self.id, ids, rows.map(|(_, class, why)| (*class, *why)))?)
    }
}
