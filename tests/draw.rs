//! Choices from a seed.

use trainyard::base::random::Stream;

pub struct Draw {
    stream: Stream,
    n_drawn: u64,
}

impl Draw {
    pub fn new(seed: u64, name: &str) -> Self {
        Self { stream: Stream::new(seed, name), n_drawn: 0 }
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.n_drawn += 1;
        self.stream.uniform(self.n_drawn)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// From `least` to `most`.
    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        least + self.below((most - least + 1) as usize) as u32
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
