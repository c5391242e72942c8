//! The order in which parts of a sum are added up: a binary tree over their numbers.
//!
//! Part i is added as a binary counter counts: two neighbours make a pair, two pairs make four, and so on; what is left
//! at the end is added from the smallest to the largest. A rank with a power of two of neighbouring parts has one
//! branch of the tree, so the sum is the same however many ranks there are.

/// The partial sums that wait for their neighbours.
#[derive(Debug)]
pub struct Fold<T> {
    /// By level: the sum of 2^level parts.
    waiting: Vec<Option<T>>,
}

impl<T> Default for Fold<T> {
    fn default() -> Self {
        Self { waiting: Vec::new() }
    }
}

/// Levels that a fold of `n` parts has at most: the memory that it needs is that of so many parts.
pub fn levels(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

impl<T> Fold<T> {
    /// The sums that the next part is added to, in this order, before it is put here with [`Fold::put`].
    pub fn take_neighbours(&mut self) -> Vec<T> {
        let n = self.waiting.iter().take_while(|waiting| waiting.is_some()).count();
        self.waiting[..n].iter_mut().filter_map(Option::take).collect()
    }

    /// Lets the sum of a part and its `n` neighbours wait.
    pub fn put(&mut self, sum: T, n: usize) {
        if self.waiting.len() <= n {
            self.waiting.resize_with(n + 1, || None);
        }
        self.waiting[n] = Some(sum);
    }

    /// The sums that [`Fold::take_all`] takes, in its order.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().flatten()
    }

    /// The sums that the last part is added to, in this order.
    pub fn take_all(&mut self) -> Vec<T> {
        self.waiting.drain(..).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of parts from `first` on.
    fn tree(first: usize, n: usize) -> String {
        let mut fold = Fold::default();
        let add = |sum: String, other: String| format!("({other}{sum})");
        for i in first..first + n - 1 {
            let neighbours = fold.take_neighbours();
            let n = neighbours.len();
            fold.put(neighbours.into_iter().fold(i.to_string(), add), n);
        }
        fold.take_all().into_iter().fold((first + n - 1).to_string(), add)
    }

    #[test]
    fn the_tree() {
        for (n, expected) in [(1, "0"), (2, "(01)"), (3, "((01)2)"), (4, "((01)(23))"), (6, "(((01)(23))(45))")] {
            assert_eq!(tree(0, n), expected);
        }
        // branches of two and four parts are those of the whole
        assert_eq!(tree(0, 8), format!("({}{})", tree(0, 4), tree(4, 4)));
        assert_eq!(tree(0, 6), format!("(({}{}){})", tree(0, 2), tree(2, 2), tree(4, 2)));
        assert_eq!([1, 2, 3, 4, 5, 8].map(levels), [0, 1, 2, 2, 3, 3]);
    }
}
