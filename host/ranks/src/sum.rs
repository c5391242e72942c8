//! Sums over all ranks, each rank with the same bits: two neighbours are added, then two pairs, as [`crate::Fold`] adds
//! parts. Addition of two numbers does not depend on which is first, so each of a pair may do half of the work.

use crate::{Group, Result};
use bytemuck::Pod;
use std::ops::{AddAssign, Range};

/// Numbers that are sent at a time: what is received has to lie somewhere.
pub(crate) const PIECE: usize = 1 << 18;

/// A step of a sum: the ranges of the numbers that this rank keeps and gives away, and to whom.
struct Half {
    keep: Range<usize>,
    give: Range<usize>,
    with: usize,
}

impl Group {
    /// Adds up the `values` of all ranks in place: all ranks call it with equally many.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn sum<T: Pod + AddAssign>(&self, values: &mut [T]) -> Result<()> {
        match self.size() {
            1 => Ok(()),
            size if size.is_power_of_two() => {
                self.reduce_scatter(values, 1)?;
                self.gather(values, 1)
            }
            _ => {
                self.fold_to_first(values)?;
                self.spread_from_first(values)
            }
        }
    }

    /// Adds up the `values` of all ranks: each has the sums of its [`Group::own`] afterwards, and anything in the rest.
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub fn reduce_scatter<T: Pod + AddAssign>(&self, values: &mut [T], unit: usize) -> Result<()> {
        match self.size().is_power_of_two() {
            true => {
                self.halves(self.rank(), values.len(), unit).iter().try_for_each(|half| self.add_half(values, half))
            }
            // a tree of other numbers of ranks has no halves
            false => self.sum(values),
        }
    }

    /// The numbers that this rank has when `n` are shared out, in parts that begin at multiples of `unit`.
    pub fn own(&self, n: usize, unit: usize) -> Range<usize> {
        self.own_of(self.rank(), n, unit)
    }

    /// As [`Group::own`], of another rank.
    pub fn own_of(&self, rank: usize, n: usize, unit: usize) -> Range<usize> {
        if self.size().is_power_of_two() {
            return self.halves(rank, n, unit).pop().map_or(0..n, |half| half.keep);
        }
        let begin = |rank: usize| (rank * n.div_ceil(unit) / self.size() * unit).min(n);
        begin(rank)..begin(rank + 1)
    }

    /// Sends numbers to a rank, which takes them with [`Group::receive`].
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub fn send<T: Pod>(&self, to: usize, values: &[T]) -> Result<()> {
        values.chunks(PIECE).try_for_each(|piece| self.exchange(to, bytemuck::cast_slice(piece), &mut []))
    }

    /// Takes as many numbers from a rank.
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub fn receive<T: Pod>(&self, from: usize, values: &mut [T]) -> Result<()> {
        values.chunks_mut(PIECE).try_for_each(|piece| self.exchange(from, &[], bytemuck::cast_slice_mut(piece)))
    }

    /// Gives every rank the numbers of all, where each has its [`Group::own`].
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub fn gather<T: Pod>(&self, values: &mut [T], unit: usize) -> Result<()> {
        if self.size().is_power_of_two() {
            return self.spread(values, &self.halves(self.rank(), values.len(), unit));
        }
        for from in 0..self.size() {
            let own = self.own_of(from, values.len(), unit);
            if self.rank() != from {
                self.receive(from, &mut values[own])?;
                continue;
            }
            let others = (0..self.size()).filter(|&other| other != from);
            others.into_iter().try_for_each(|other| self.send(other, &values[own.clone()]))?;
        }
        Ok(())
    }

    /// Halves of `n` numbers, then of the half that a rank keeps, with neighbours at growing distance.
    fn halves(&self, rank: usize, n: usize, unit: usize) -> Vec<Half> {
        let (mut range, mut distance, mut halves) = (0..n, 1, Vec::new());
        while distance < self.size() {
            let middle = range.start + range.len().div_ceil(unit) / 2 * unit;
            let (low, high) = (range.start..middle, middle..range.end);
            let (keep, give) = if rank & distance == 0 { (low, high) } else { (high, low) };
            range = keep.clone();
            halves.push(Half { keep, give, with: rank ^ distance });
            distance *= 2;
        }
        halves
    }

    /// Gives one half away, and adds what comes to the other one.
    fn add_half<T: Pod + AddAssign>(&self, values: &mut [T], half: &Half) -> Result<()> {
        let mut received = vec![T::zeroed(); PIECE.min(half.keep.len())];
        let n_pieces = half.keep.len().max(half.give.len()).div_ceil(PIECE);
        for piece in 0..n_pieces {
            let (keep, give) = (part(&half.keep, piece), part(&half.give, piece));
            let received = &mut received[..keep.len()];
            let send = bytemuck::cast_slice(&values[give]);
            self.exchange(half.with, send, bytemuck::cast_slice_mut(received))?;
            values[keep].iter_mut().zip(received).for_each(|(value, &mut other)| *value += other);
        }
        Ok(())
    }

    /// The way back: from the smallest part that this rank has to all.
    fn spread<T: Pod>(&self, values: &mut [T], halves: &[Half]) -> Result<()> {
        for half in halves.iter().rev() {
            let n_pieces = half.keep.len().max(half.give.len()).div_ceil(PIECE);
            for piece in 0..n_pieces {
                let (keep, give) = (part(&half.keep, piece), part(&half.give, piece));
                let (have, lack) = apart(values, keep, give);
                self.exchange(half.with, bytemuck::cast_slice(have), bytemuck::cast_slice_mut(lack))?;
            }
        }
        Ok(())
    }

    fn fold_to_first<T: Pod + AddAssign>(&self, values: &mut [T]) -> Result<()> {
        let mut received = vec![T::zeroed(); PIECE.min(values.len())];
        let mut distance = 1;
        while distance < self.size() {
            if self.rank() & distance != 0 {
                return self.send(self.rank() - distance, values);
            }
            if self.rank() + distance < self.size() {
                for piece in values.chunks_mut(PIECE) {
                    let received = &mut received[..piece.len()];
                    self.exchange(self.rank() + distance, &[], bytemuck::cast_slice_mut(received))?;
                    piece.iter_mut().zip(received).for_each(|(value, &mut other)| *value += other);
                }
            }
            distance *= 2;
        }
        Ok(())
    }

    /// The way back of [`Group::fold_to_first`].
    fn spread_from_first<T: Pod>(&self, values: &mut [T]) -> Result<()> {
        let mut distance = self.size().next_power_of_two() / 2;
        while distance > 0 {
            if self.rank().is_multiple_of(2 * distance) && self.rank() + distance < self.size() {
                self.send(self.rank() + distance, values)?;
            } else if self.rank() % (2 * distance) == distance {
                self.receive(self.rank() - distance, values)?;
            }
            distance /= 2;
        }
        Ok(())
    }
}

/// A piece of a range; empty beyond its end.
fn part(range: &Range<usize>, piece: usize) -> Range<usize> {
    let start = (range.start + piece * PIECE).min(range.end);
    start..(start + PIECE).min(range.end)
}

/// Two ranges that do not overlap, the second one to be written.
fn apart<T>(values: &mut [T], read: Range<usize>, write: Range<usize>) -> (&[T], &mut [T]) {
    if read.start < write.start || read.is_empty() {
        let (low, high) = values.split_at_mut(write.start);
        return (low.get(read).unwrap_or_default(), &mut high[..write.len()]);
    }
    let (low, high) = values.split_at_mut(read.start);
    (&high[..read.len()], low.get_mut(write).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::threads;

    /// Numbers whose sum depends on the order of additions.
    fn numbers(rank: usize, n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + rank * 104_729) % 1_000_003) as f32 * 1.000_1 + 1e-3 * rank as f32).collect()
    }

    /// As one rank folds the parts.
    fn expected(size: usize, n: usize) -> Vec<f32> {
        let mut fold = crate::Fold::default();
        let add = |sum: Vec<f32>, other: Vec<f32>| sum.iter().zip(other).map(|(a, b)| a + b).collect();
        for rank in 0..size - 1 {
            let neighbours = fold.take_neighbours();
            let level = neighbours.len();
            fold.put(neighbours.into_iter().fold(numbers(rank, n), add), level);
        }
        fold.take_all().into_iter().fold(numbers(size - 1, n), add)
    }

    #[test]
    fn every_rank_has_the_same_sum() {
        for size in 1..=8 {
            for n in [0, 1, 2, 3, 7, 1000, 700_001] {
                let sums = threads::run(size, |group| {
                    let mut values = numbers(group.rank(), n);
                    group.sum(&mut values).map(|()| values)
                });
                let expected = expected(size, n);
                sums.into_iter().for_each(|sum| assert!(sum.unwrap() == expected, "{size} ranks, {n} numbers"));
            }
        }
    }

    #[test]
    fn bytes_of_all() {
        for size in 1..=5 {
            let all = threads::run(size, |group| group.share_bytes(&[group.rank() as u8; 3]));
            let expected: Vec<Vec<u8>> = (0..size).map(|rank| vec![rank as u8; 3]).collect();
            all.into_iter().for_each(|all| assert_eq!(all.unwrap(), expected));
        }
    }

    #[test]
    fn what_each_has_comes_to_all() {
        for (size, unit) in (1..=8).flat_map(|size| [1, 64].map(|unit| (size, unit))) {
            for n in [0, 1, 5, 1000, 600_000] {
                let all = threads::run(size, |group| {
                    let mut values = vec![-1.0; n];
                    let own = group.own(n, unit);
                    assert!(own.is_empty() || own.start % unit == 0, "{own:?}");
                    values[own.clone()].iter_mut().zip(own).for_each(|(value, i)| *value = i as f64);
                    group.gather(&mut values, unit).map(|()| values)
                });
                let expected: Vec<f64> = (0..n).map(|i| i as f64).collect();
                all.into_iter().for_each(|all| assert!(all.unwrap() == expected, "{size} ranks, {n} numbers"));
            }
        }
    }

    #[test]
    fn each_has_its_part_of_the_sum() {
        for (size, unit) in (1..=8).flat_map(|size| [1, 64].map(|unit| (size, unit))) {
            for n in [0, 1, 63, 64, 1000, 300_001] {
                let parts = threads::run(size, |group| {
                    let mut values = numbers(group.rank(), n);
                    let own = group.own(n, unit);
                    group.reduce_scatter(&mut values, unit).map(|()| values[own].to_vec())
                });
                // ranks do not have neighbouring parts
                let mut got: Vec<f32> = parts.into_iter().flat_map(Result::unwrap).collect();
                let mut all = expected(size, n);
                got.sort_by(f32::total_cmp);
                all.sort_by(f32::total_cmp);
                assert!(got == all, "{size} ranks, {n} numbers");
            }
        }
    }
}
