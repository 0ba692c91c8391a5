//! What rows remember of the scores that pass by: the best one, or a list of the best.

use super::cpu::{BLOCK_ROWS, TILE_ROWS};
use crate::backend::simd::Vector;

/// What a block of rows remembers.
pub(super) trait Keeper {
    /// Forgets everything; `outputs` belong to the block's rows.
    fn start(&mut self, outputs: &mut Outputs<'_>);
    /// Looks at the scores of the tile that begins at `row`, against centres from `first` on.
    fn look<V: Vector, const W: usize>(
        &mut self,
        outputs: &mut Outputs<'_>,
        row: usize,
        first: usize,
        scores: [[V; W]; TILE_ROWS],
    );
    /// Writes the labels of a row's winners, the best first.
    fn finish<V: Vector>(&self, outputs: &mut Outputs<'_>, row: usize);
}

/// Labels and distances of a block of rows, `nearest` a row.
pub(super) struct Outputs<'a> {
    pub labels: &'a mut [u32],
    pub distances: &'a mut [f32],
    pub nearest: usize,
}

impl Outputs<'_> {
    pub(super) fn rows(&self) -> usize {
        self.labels.len() / self.nearest
    }

    pub(super) fn of(&mut self, row: usize) -> (&mut [u32], &mut [f32]) {
        let place = row * self.nearest..(row + 1) * self.nearest;
        (&mut self.labels[place.clone()], &mut self.distances[place])
    }
}

/// The best score of each lane and which vector of centres had it, as f32 so that one comparison moves both: exact
/// below 2^24 centres.
pub(super) struct Best {
    scores: [[f32; 16]; BLOCK_ROWS],
    vectors: [[f32; 16]; BLOCK_ROWS],
}

impl Best {
    pub(super) fn new() -> Self {
        Self { scores: [[0.0; 16]; BLOCK_ROWS], vectors: [[0.0; 16]; BLOCK_ROWS] }
    }
}

impl Keeper for Best {
    #[inline(always)]
    fn start(&mut self, outputs: &mut Outputs<'_>) {
        let rows = outputs.rows().next_multiple_of(TILE_ROWS);
        self.scores[..rows].fill([f32::MAX; 16]);
        self.vectors[..rows].fill([0.0; 16]);
    }

    #[inline(always)]
    fn look<V: Vector, const W: usize>(
        &mut self,
        _outputs: &mut Outputs<'_>,
        row: usize,
        first: usize,
        scores: [[V; W]; TILE_ROWS],
    ) {
        let numbers: [V; W] = std::array::from_fn(|w| V::splat((first / V::LANES + w) as f32));
        let known = self.scores[row..][..TILE_ROWS].iter_mut().zip(&mut self.vectors[row..][..TILE_ROWS]);
        for (scores, (known, vectors)) in scores.into_iter().zip(known) {
            let (mut best, mut vector) = (V::load(known), V::load(vectors));
            for (score, number) in scores.into_iter().zip(numbers) {
                vector = score.if_less(best, number, vector);
                best = score.min(best);
            }
            best.store(known);
            vector.store(vectors);
        }
    }

    #[inline(always)]
    fn finish<V: Vector>(&self, outputs: &mut Outputs<'_>, row: usize) {
        const LANES: [f32; 16] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
        let best = V::load(&self.scores[row]);
        let centres = V::load(&self.vectors[row]).mul_add(V::splat(V::LANES as f32), V::load(&LANES));
        let worse = V::splat(f32::MAX);
        let winners = V::splat(best.lowest()).if_less(best, worse, centres);
        outputs.labels[row] = winners.lowest() as u32;
    }
}

/// Sorted lists, which lie in the outputs.
pub(super) struct Lists;

impl Keeper for Lists {
    #[inline(always)]
    fn start(&mut self, outputs: &mut Outputs<'_>) {
        outputs.distances.fill(f32::MAX);
        outputs.labels.fill(0);
    }

    #[inline(always)]
    fn look<V: Vector, const W: usize>(
        &mut self,
        outputs: &mut Outputs<'_>,
        row: usize,
        first: usize,
        scores: [[V; W]; TILE_ROWS],
    ) {
        let rows = outputs.rows();
        for (r, scores) in (row..rows).zip(scores) {
            let (labels, distances) = outputs.of(r);
            let last = distances[distances.len() - 1];
            let mut lowest = scores[0];
            for score in &scores[1..] {
                lowest = score.min(lowest);
            }
            if lowest.any_less(V::splat(last)) {
                let mut all = [0.0; 64];
                for (w, score) in scores.iter().enumerate() {
                    score.store(&mut all[w * V::LANES..]);
                }
                insert_all(labels, distances, first, &all[..W * V::LANES]);
            }
        }
    }

    #[inline(always)]
    fn finish<V: Vector>(&self, _outputs: &mut Outputs<'_>, _row: usize) {}
}

/// Puts those scores into the list that belong there. Centres come in ascending order, and a score goes behind its
/// equals: of equal ones the lowest comes first.
#[inline(never)]
fn insert_all(labels: &mut [u32], distances: &mut [f32], first: usize, scores: &[f32]) {
    let last = distances.len() - 1;
    for (lane, &score) in scores.iter().enumerate() {
        if score < distances[last] {
            let place = distances.partition_point(|known| *known <= score);
            distances.copy_within(place..last, place + 1);
            labels.copy_within(place..last, place + 1);
            distances[place] = score;
            labels[place] = (first + lane) as u32;
        }
    }
}
