//! Which tokens of a window are hidden. Every choice is a function of the stream of random numbers, the number of the
//! sequence and a place: nothing is drawn one after the other.

use crate::base::random::Stream;
use std::ops::Range;

/// The random numbers of one sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    pub stream: Stream,
    /// The sequence's number.
    pub number: u64,
}

/// What a random number decides.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use {
    /// Where spans of noise end.
    Noise,
    /// Where what is between them ends.
    Kept,
    /// How long a span is.
    Length,
    /// Where a span is.
    Order,
    /// Where a sentence is.
    Sentence,
}

impl Draws {
    /// Uniform numbers in [0, 2⁶⁴).
    fn key(&self, what: Use, place: usize) -> u64 {
        let [a, b, ..] = self.stream.block(self.number, (what as u64) << 32 | place as u64);
        u64::from(a) << 32 | u64::from(b)
    }

    /// Uniform numbers in [0, 1).
    fn uniform(&self, what: Use, place: usize) -> f64 {
        (self.key(what, place) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `n` of `count` places in a random order: all of them are equally likely.
    pub fn chosen(&self, what: Use, count: usize, n: usize) -> Vec<usize> {
        let mut keys: Vec<(u64, usize)> = (0..count).map(|place| (self.key(what, place), place)).collect();
        keys.sort_unstable();
        keys.into_iter().take(n).map(|(_, place)| place).collect()
    }
}

/// Number of spans of noise, and of tokens in them, for T5's corruption of `length` tokens.
pub(super) fn amount(length: usize, rate: f64, mean: f64) -> (usize, usize) {
    if length < 2 {
        return (0, 0);
    }
    let tokens = ((length as f64 * rate).round_ties_even() as usize).clamp(1, length - 1);
    let spans = ((tokens as f64 / mean).round_ties_even() as usize).clamp(1, tokens.min(length - tokens));
    (spans, tokens)
}

/// T5's noise: a share `rate` of `length` tokens, in spans of `mean` tokens on average, none of which is the first
/// token and the last of which ends the text. All choices of these are equally likely (`random_spans_noise_mask` in
/// T5's code, Raffel et al., arXiv 1910.10683).
pub(super) fn spans(draws: &Draws, length: usize, rate: f64, mean: f64) -> Vec<Range<usize>> {
    let (n, tokens) = amount(length, rate, mean);
    let noise = segments(draws, Use::Noise, tokens, n);
    let kept = segments(draws, Use::Kept, length - tokens, n);
    let mut end = 0;
    let span = |(kept, noise)| {
        let start = end + kept;
        end = start + noise;
        start..end
    };
    kept.into_iter().zip(noise).map(span).collect()
}

/// `total` cut into `n` parts, none of them empty; all ways are equally likely.
fn segments(draws: &Draws, what: Use, total: usize, n: usize) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let mut ends = draws.chosen(what, total - 1, n - 1);
    ends.sort_unstable();
    ends.push(total - 1);
    let mut start = 0;
    let part = |end| {
        let length = end + 1 - start;
        start = end + 1;
        length
    };
    ends.into_iter().map(part).collect()
}

/// BART's noise: a share `rate` of `length` tokens, rounded up, in spans whose lengths have Poisson's distribution with
/// this mean, the last one cut to what is left (Lewis et al., arXiv 1910.13461). Spans do not overlap; those of no
/// tokens are between tokens.
pub(super) fn infilling(draws: &Draws, length: usize, rate: f64, mean: f64) -> Vec<Range<usize>> {
    let tokens = ((length as f64 * rate).ceil() as usize).min(length);
    let (mut lengths, mut left) = (Vec::new(), tokens);
    while left > 0 {
        let length = poisson(draws.uniform(Use::Length, lengths.len()), mean).min(left);
        lengths.push(length);
        left -= length;
    }
    // kept tokens and spans in a row
    let slots = draws.chosen(Use::Order, length - tokens + lengths.len(), lengths.len());
    let mut slots: Vec<_> = slots.into_iter().zip(lengths).collect();
    slots.sort_unstable();
    let mut hidden = 0;
    let span = |(index, (slot, length)): (usize, (usize, usize))| {
        let start = slot - index + hidden;
        hidden += length;
        start..start + length
    };
    slots.into_iter().enumerate().map(span).collect()
}

/// The number below which a share `uniform` of Poisson's distribution lies.
fn poisson(uniform: f64, mean: f64) -> usize {
    let mut probability = (-mean).exp();
    let (mut number, mut below) = (0, probability);
    // beyond that a probability is 0
    let most = 20 * mean.ceil() as usize + 100;
    while uniform >= below && number < most {
        number += 1;
        probability *= mean / number as f64;
        below += probability;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(number: u64) -> Draws {
        Draws { stream: Stream::new(7, "denoise"), number }
    }

    /// Statistics of transformers' copy of T5's code, by `tests/peers/denoise_t5.py`.
    #[derive(serde::Deserialize)]
    struct Published {
        length: usize,
        rate: f64,
        mean: f64,
        masks: f64,
        noise: usize,
        spans: usize,
        /// Share of spans of each length, from 1 on; the last one counts all that are longer.
        lengths: Vec<f64>,
        /// Share of masks in which the token at each tenth of the text is noise.
        places: Vec<f64>,
    }

    fn published() -> Vec<Published> {
        serde_json::from_str(include_str!("noise.json")).expect("the file that the script wrote")
    }

    /// Asserts that two shares, of `n` and of `m`, are of one distribution: five standard deviations.
    fn assert_alike(ours: f64, theirs: f64, (n, m): (f64, f64), what: &str) {
        let share = (ours * n + theirs * m) / (n + m);
        let deviation = (share * (1.0 - share) * (1.0 / n + 1.0 / m)).sqrt();
        assert!((ours - theirs).abs() <= 5.0 * deviation + 1e-12, "{what}: {ours}, published {theirs}");
    }

    #[test]
    fn spans_have_the_published_distribution() {
        const MASKS: usize = 4000;
        for case in published() {
            let Published { length, rate, mean, .. } = case;
            assert_eq!(amount(length, rate, mean), (case.spans, case.noise), "{length} {rate} {mean}");
            let (mut lengths, mut places) = (vec![0.0; case.lengths.len()], vec![0.0; case.places.len()]);
            for number in 0..MASKS {
                let spans = spans(&draws(number as u64), length, rate, mean);
                assert_eq!(spans.iter().map(ExactSizeIterator::len).sum::<usize>(), case.noise);
                for span in &spans {
                    lengths[span.len().min(case.lengths.len()) - 1] += 1.0 / (MASKS * case.spans) as f64;
                }
                for (tenth, share) in places.iter_mut().enumerate() {
                    let place = tenth * (length - 1) / (case.places.len() - 1);
                    *share += f64::from(u8::from(spans.iter().any(|span| span.contains(&place)))) / MASKS as f64;
                }
            }
            let n = (MASKS as f64, case.masks);
            let n_spans = (n.0 * case.spans as f64, n.1 * case.spans as f64);
            for (index, (ours, theirs)) in lengths.iter().zip(&case.lengths).enumerate() {
                assert_alike(*ours, *theirs, n_spans, &format!("{length} {rate} {mean}: spans of {}", index + 1));
            }
            for (tenth, (ours, theirs)) in places.iter().zip(&case.places).enumerate() {
                assert_alike(*ours, *theirs, n, &format!("{length} {rate} {mean}: noise at tenth {tenth}"));
            }
        }
    }

    #[test]
    fn spans_are_in_order_and_apart() {
        for length in 0..40 {
            for (rate, mean) in [(0.15, 3.0), (0.5, 1.0), (0.9, 1.5), (0.01, 10.0)] {
                let spans = spans(&draws(length as u64), length, rate, mean);
                let mut end = 0;
                for span in &spans {
                    assert!(span.start > end || (end == 0 && span.start > 0), "{length} {rate} {mean}: {spans:?}");
                    assert!(!span.is_empty() && span.end <= length, "{length} {rate} {mean}: {spans:?}");
                    end = span.end;
                }
                assert!(spans.is_empty() == (length < 2) && (length < 2 || end == length));
            }
        }
    }

    #[test]
    fn infilling_hides_its_share_in_spans_of_poisson() {
        const LENGTH: usize = 500;
        let (mut counts, mut starts) = ([0_u32; 8], 0.0);
        let n = 400;
        for number in 0..n {
            let spans = infilling(&draws(number), LENGTH, 0.3, 3.0);
            assert_eq!(spans.iter().map(ExactSizeIterator::len).sum::<usize>(), 150);
            assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{spans:?}");
            assert!(spans.last().is_some_and(|span| span.end <= LENGTH));
            // the last length is what was left
            spans.iter().for_each(|span| counts[span.len().min(7)] += 1);
            starts += spans.iter().map(|span| span.start as f64).sum::<f64>() / spans.len() as f64 / n as f64;
        }
        let total = f64::from(counts.iter().sum::<u32>());
        let mut probability = (-3.0_f64).exp();
        for (length, &count) in counts[..7].iter().enumerate() {
            let share = f64::from(count) / total;
            // one span of fifty is cut
            assert!((share - probability).abs() < 0.02, "{length}: {share}, expected {probability}");
            probability *= 3.0 / (length + 1) as f64;
        }
        assert!((starts - LENGTH as f64 / 2.0).abs() < 5.0, "spans begin at {starts} on average");
    }
}
