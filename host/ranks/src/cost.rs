//! What sending costs: time and traffic of a step by the latency and the bandwidth of a network.
//!
//! A message of n bytes takes latency + n / bandwidth, whichever two ranks exchange it and however many do so at the
//! same time; what is sent while a rank computes costs its processor nothing. Sums go as
//! [`Group::sum`](crate::Group::sum) does them, tensor by tensor.

use crate::sum::PIECE;
use crate::{Group, Result};
use std::time::Instant;

/// A network between ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Network {
    /// Seconds that a message takes, however short it is.
    pub latency: f64,
    /// Bytes a second in each direction, while both are used.
    pub bandwidth: f64,
}

/// What a rank does in a step besides sending.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Seconds of forward, backward and update of its share.
    pub compute: f64,
    /// Seconds of these that are the update.
    pub update: f64,
    /// What is trained, in the order in which its gradients are whole.
    pub tensors: Vec<Trained>,
    /// Bytes of a number.
    pub width: usize,
}

/// A tensor that is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// How many numbers it has.
    pub numbers: usize,
    /// Seconds of the backward that are left when its gradient is whole.
    pub left: f64,
}

/// How ranks train one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Gradients are added up in every step.
    Replicated,
    /// The same, and each rank updates its part of the parameters.
    Zero1,
    /// All meet after so many steps, and train on for `overlap` of them while they send.
    Meeting {
        /// Steps between two meetings.
        steps: u64,
        /// Steps that hide the sending.
        overlap: u64,
        /// Parts of the model that meet one after the other.
        fragments: u64,
    },
    /// Each goes to the first rank after so many steps, and waits for nobody else.
    Apart(u64),
}

/// What a step comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds of a step.
    pub seconds: f64,
    /// Bytes that the busiest rank sends in a step.
    pub sent: f64,
}

impl Network {
    /// Measures the network of these ranks by sums: all of them call it. None of one rank.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn measured(group: &Group) -> Result<Option<Self>> {
        const SHORT: usize = 1;
        const LONG: usize = 1 << 22;
        if group.size() == 1 {
            return Ok(None);
        }
        let median = |n: usize, times: usize| -> Result<f64> {
            let mut values = vec![0.0_f32; n];
            let mut seconds = Vec::with_capacity(times);
            for _ in 0..times + 1 {
                let begun = Instant::now();
                group.sum(&mut values)?;
                seconds.push(begun.elapsed().as_secs_f64());
            }
            // the first one finds its memory
            seconds.remove(0);
            seconds.sort_by(f64::total_cmp);
            Ok(seconds[times / 2])
        };
        let (short, long) = (median(SHORT, 101)?, median(LONG, 9)?);
        let latency = short / sum(SHORT, group.size()).messages;
        let of_long = sum(LONG, group.size());
        let sending = (long - of_long.messages * latency).max(1e-9);
        Ok(Some(Self { latency, bandwidth: of_long.numbers * 4.0 / sending }))
    }

    /// Seconds of some messages.
    fn seconds(&self, messages: &Messages, width: usize) -> f64 {
        messages.messages * self.latency + messages.numbers * width as f64 / self.bandwidth
    }

    /// Seconds that gradients are still sent when the backward is over, over a `part` of the way of a sum: each is sent
    /// when it is whole and those before it are.
    fn waited(&self, work: &Work, ranks: usize, part: f64) -> f64 {
        let end = work.tensors.iter().fold(f64::NEG_INFINITY, |end, tensor| {
            end.max(-tensor.left) + self.seconds(&sum(tensor.numbers, ranks).times(part), work.width)
        });
        end.max(0.0)
    }

    /// A step of `ranks` ranks, each of which has `work` to do.
    pub fn step(&self, work: &Work, way: Way, ranks: usize) -> Cost {
        let numbers = || work.tensors.iter().map(|tensor| tensor.numbers);
        let all: Messages = numbers().map(|n| sum(n, ranks)).sum();
        let bytes = |messages: &Messages| messages.numbers * work.width as f64;
        match way {
            Way::Replicated => Cost { seconds: work.compute + self.waited(work, ranks, 1.0), sent: bytes(&all) },
            Way::Zero1 => {
                // gradients go the first half of the way of a sum, updated parameters the second
                let parts: Messages = numbers().map(|n| sum(n, ranks).times(0.5)).sum();
                let compute = work.compute - work.update * (1.0 - 1.0 / ranks as f64);
                let sending = self.waited(work, ranks, 0.5) + self.seconds(&parts, work.width);
                Cost { seconds: compute + sending, sent: bytes(&all) }
            }
            Way::Meeting { steps, overlap, fragments } => {
                let hidden = (fragments * overlap) as f64 * work.compute;
                let waited = (self.seconds(&all, work.width) - hidden).max(0.0);
                let rare = all.times(1.0 / steps as f64);
                Cost { seconds: work.compute + waited / steps as f64, sent: bytes(&rare) }
            }
            Way::Apart(steps) => {
                let there: Messages = numbers().map(sent).sum();
                let rare = there.times(1.0 / steps as f64);
                // there and back; the first rank does that with all others, one after the other
                let one = 2.0 * self.seconds(&rare, work.width);
                let others = (ranks - 1) as f64;
                Cost { seconds: (work.compute + one).max(others * one), sent: others * bytes(&rare) }
            }
        }
    }
}

/// Messages that a rank waits for one after the other, and the numbers in them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Messages {
    messages: f64,
    numbers: f64,
}

impl Messages {
    fn times(self, factor: f64) -> Self {
        Self { messages: self.messages * factor, numbers: self.numbers * factor }
    }
}

impl std::iter::Sum for Messages {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self { messages: a.messages + b.messages, numbers: a.numbers + b.numbers })
    }
}

/// `n` numbers to one rank.
fn sent(n: usize) -> Messages {
    Messages { messages: n.div_ceil(PIECE) as f64, numbers: n as f64 }
}

/// A sum of `n` numbers over `ranks` ranks, as the busiest one sees it.
fn sum(n: usize, ranks: usize) -> Messages {
    let levels = ranks.next_power_of_two().trailing_zeros();
    match ranks.is_power_of_two() {
        // half of the numbers with one rank, a quarter with the next, and the same way back
        true => (1..=levels).map(|level| sent(n.div_ceil(1 << level)).times(2.0)).sum(),
        false => sent(n).times(2.0 * f64::from(levels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_by_hand() {
        let network = Network { latency: 1e-3, bandwidth: 1e6 };
        let tensors = [1000, 3000].map(|numbers| Trained { numbers, left: 0.0 }).to_vec();
        let work = Work { compute: 1.0, update: 0.5, tensors, width: 4 };
        let cost = |way, ranks| network.step(&work, way, ranks);
        // 4 messages, 500 and 1500 numbers there and back
        let replicated = Cost { seconds: 1.0 + 4e-3 + 0.016, sent: 16_000.0 };
        assert_eq!(cost(Way::Replicated, 2), replicated);
        // 3/4 of the numbers there and back in 8 messages
        let four = cost(Way::Replicated, 4);
        assert!((four.seconds - 1.032).abs() < 1e-9 && four.sent == 24_000.0, "{four:?}");
        let parts = cost(Way::Zero1, 2);
        assert!((parts.seconds - (0.75 + 0.02)).abs() < 1e-9 && parts.sent == 16_000.0, "{parts:?}");
        for (overlap, fragments, seconds) in [(0, 1, 1.002), (1, 1, 1.0), (0, 5, 1.002), (1, 5, 1.0)] {
            let rare = cost(Way::Meeting { steps: 10, overlap, fragments }, 2);
            assert!((rare.seconds - seconds).abs() < 1e-9 && rare.sent == 1600.0, "{rare:?}");
        }
        // two messages there, two back: 18 ms each way, every tenth step
        let apart = cost(Way::Apart(10), 2);
        assert!((apart.seconds - 1.0036).abs() < 1e-9 && apart.sent == 1600.0, "{apart:?}");
        // the first rank is busy with the others
        assert!((cost(Way::Apart(10), 1001).seconds - 3.6).abs() < 1e-9);
        assert_eq!(cost(Way::Replicated, 1), Cost { seconds: 1.0, sent: 0.0 });
        // 6 ms and 14 ms: the first is sent 4 ms before the end and lets the second wait, or long before it
        for (left, waited) in [(0.004, 0.016), (1.0, 0.014)] {
            let mut early = work.clone();
            early.tensors[0].left = left;
            let Cost { seconds, sent } = network.step(&early, Way::Replicated, 2);
            assert!((seconds - 1.0 - waited).abs() < 1e-9 && sent == 16_000.0, "{left}: {seconds}");
        }
        let mut early = work.clone();
        early.tensors.iter_mut().for_each(|tensor| tensor.left = 0.5);
        assert_eq!(network.step(&early, Way::Replicated, 2).seconds, 1.0);
        assert_eq!(sum(1000, 3), Messages { messages: 4.0, numbers: 4000.0 });
    }

    #[test]
    fn threads_are_measured() {
        let networks = crate::threads::run(2, |group| Network::measured(&group));
        for network in networks {
            let network = network.unwrap().unwrap();
            assert!(network.latency > 0.0 && network.bandwidth.is_finite() && network.bandwidth > 1e6, "{network:?}");
        }
        assert!(crate::threads::run(1, |group| Network::measured(&group)).pop().unwrap().unwrap().is_none());
    }
}
