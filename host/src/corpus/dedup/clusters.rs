//! Which documents belong together: union-find (Tarjan 1975), in which the lowest number of a cluster is its head.

/// Clusters of the numbers below a bound, 4 bytes each.
#[derive(Debug, Default)]
pub(super) struct Clusters(Vec<u32>);

impl Clusters {
    /// Adds a number, one above the last, as a cluster of its own.
    pub fn push(&mut self) {
        self.0.push(self.0.len() as u32);
    }

    pub fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// The lowest number of the cluster.
    pub fn head(&mut self, mut number: u32) -> u32 {
        loop {
            let parent = self.0[number as usize];
            if parent == number {
                return number;
            }
            // paths are halved while they are walked
            let above = self.0[parent as usize];
            self.0[number as usize] = above;
            number = above;
        }
    }

    /// Makes two clusters one. The result does not depend on the order of the calls.
    pub fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.head(a), self.head(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_the_lowest_in_any_order() {
        let pairs = [(5, 3), (1, 4), (4, 5), (7, 8), (8, 6)];
        for shift in 0..pairs.len() {
            let mut clusters = Clusters::default();
            (0..10).for_each(|_| clusters.push());
            pairs.iter().cycle().skip(shift).take(pairs.len()).for_each(|&(a, b)| clusters.join(a, b));
            let heads: Vec<_> = (0..10).map(|number| clusters.head(number)).collect();
            assert_eq!(heads, [0, 1, 2, 1, 1, 1, 6, 6, 6, 9]);
        }
    }
}
