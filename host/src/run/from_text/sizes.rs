//! Sizes of a model and its training, chosen for a text and a machine: a table, and the reasons for each choice.

use super::survey::Text;

/// What a machine can do.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Floating-point operations a second of a large matrix product, on all cores.
    pub flops: f64,
    /// Time to train, in seconds.
    pub seconds: f64,
}

/// A shape of the network, and how it is best trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub layers: usize,
    pub width: usize,
    pub heads: usize,
    /// Tokens of a sequence.
    pub context: usize,
    /// Tokens of a step.
    pub step_tokens: usize,
    /// Peak learning rate: narrower models take higher ones (Yang et al. 2022, arXiv 2203.03466).
    pub lr: f64,
    /// Share of the machine's speed that a step reaches: small products reach less.
    efficiency: f64,
}

/// The shapes to choose from, the smallest first. Each has three to six times the parameters of the one before.
pub const SHAPES: [Shape; 7] = [
    shape((2, 64, 2, 64), 512, 4e-3, 0.15),
    shape((3, 128, 4, 128), 2048, 3e-3, 0.35),
    shape((4, 192, 6, 128), 2048, 2e-3, 0.45),
    shape((4, 256, 4, 256), 4096, 2e-3, 0.6),
    shape((6, 384, 6, 256), 8192, 1e-3, 0.65),
    shape((8, 512, 8, 512), 16_384, 8e-4, 0.7),
    shape((12, 768, 12, 1024), 65_536, 6e-4, 0.7),
];

const fn shape(sizes: (usize, usize, usize, usize), step_tokens: usize, lr: f64, efficiency: f64) -> Shape {
    let (layers, width, heads, context) = sizes;
    Shape { layers, width, heads, context, step_tokens, lr, efficiency }
}

/// Sizes of vocabularies, each with the bytes of text from which on it is taken and the bytes that one of its tokens
/// stands for, about, in English.
const VOCABULARIES: [(usize, u64, f64); 6] = [
    (BYTES, 0, 1.0),
    (512, 20_000, 1.9),
    (1024, 200_000, 2.6),
    (2048, 2_000_000, 3.3),
    (4096, 20_000_000, 3.8),
    (8192, 200_000_000, 4.2),
];

/// The vocabulary of the tokenizer `byte`.
pub const BYTES: usize = 257;

/// Passes over a text beyond which more of them teach nothing (Muennighoff et al. 2023, arXiv 2305.16264).
const PASSES_MAX: f64 = 16.0;

/// Passes up to which the same text is as good as new text, in the same paper; beyond, dropout is used.
const PASSES_AS_NEW: f64 = 4.0;

/// Tokens that a parameter must see, at least. Hoffmann et al. 2022 (arXiv 2203.15556) take 20 for the best use of a
/// long computation; in a short one a larger model learns more from each token.
const TOKENS_PER_PARAMETER: f64 = 2.0;

/// Steps that even the smallest text gets.
const STEPS_MIN: f64 = 400.0;

/// Everything that is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    pub shape: Shape,
    /// Tokens of the vocabulary; [`BYTES`] stands for the tokenizer `byte`.
    pub vocabulary: usize,
    pub dropout: f64,
    /// Sequences of a step.
    pub batch: usize,
    pub steps: u64,
    /// Passes over the text, about.
    pub passes: f64,
    /// Time that training will take on this machine, about.
    pub seconds: f64,
}

impl Sizes {
    /// The sizes for a text: the largest of `shapes`, smallest first and never empty, that can learn from it in the
    /// machine's time.
    pub fn choose(text: &Text, machine: &Machine, shapes: &[Shape]) -> Self {
        let mut chosen = Self::of(text, machine, &shapes[0]);
        for shape in &shapes[1..] {
            let sizes = Self::of(text, machine, shape);
            let seen = sizes.steps as f64 * shape.step_tokens as f64;
            if seen >= TOKENS_PER_PARAMETER * shape.parameters() && sizes.passes < PASSES_MAX {
                chosen = sizes;
            }
        }
        chosen
    }

    fn of(text: &Text, machine: &Machine, shape: &Shape) -> Self {
        let (vocabulary, bytes_per_token) = vocabulary(text, shape);
        let tokens = (text.bytes as f64 / bytes_per_token).max(1.0);
        let flops_per_token = shape.flops_per_token(vocabulary);
        let affordable = machine.seconds * machine.flops * shape.efficiency / flops_per_token;
        // what was not read of a long text is not counted: a pass takes longer then
        let useful = if text.is_whole { PASSES_MAX * tokens } else { f64::INFINITY };
        let steps = (affordable.min(useful) / shape.step_tokens as f64).max(STEPS_MIN);
        let steps = round(steps);
        let seen = steps * shape.step_tokens as f64;
        let passes = seen / tokens;
        Self {
            shape: *shape,
            vocabulary,
            dropout: if passes > PASSES_AS_NEW { 0.1 } else { 0.0 },
            batch: shape.step_tokens / shape.context,
            steps: steps as u64,
            passes,
            seconds: seen * flops_per_token / (machine.flops * shape.efficiency),
        }
    }
}

impl Shape {
    /// Parameters of the blocks: 12 · layers · width².
    fn parameters(&self) -> f64 {
        12.0 * self.layers as f64 * (self.width * self.width) as f64
    }

    /// Operations of forward and backward per token: 6 for each weight of the blocks and of the output layer, and those
    /// of attention (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
    fn flops_per_token(&self, vocabulary: usize) -> f64 {
        let head = (vocabulary * self.width) as f64;
        let attention = 12.0 * (self.layers * self.context * self.width) as f64;
        6.0 * (self.parameters() + head) + attention
    }
}

/// The size of the vocabulary, and the bytes of text per token.
fn vocabulary(text: &Text, shape: &Shape) -> (usize, f64) {
    let fits = |size: usize| size == BYTES || size <= 8 * shape.layers * shape.width;
    let by_length = VOCABULARIES.iter().rposition(|(size, from, _)| text.bytes >= *from && fits(*size)).unwrap_or(0);
    // Chinese, for example: a character is three bytes, and there are thousands of them
    let wide = text.bytes as f64 / text.chars.max(1) as f64 > 2.0;
    let larger = VOCABULARIES.get(by_length + 1).is_some_and(|(size, ..)| wide && by_length > 0 && fits(*size));
    let (size, _, bytes_per_token) = VOCABULARIES[by_length + usize::from(larger)];
    (size, bytes_per_token)
}

/// A number with two digits, such as 1300.
fn round(number: f64) -> f64 {
    let scale = 10_f64.powf(number.log10().floor() - 1.0).max(1.0);
    (number / scale).round() * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: u64) -> Text {
        Text { bytes, chars: bytes, is_whole: true, ..Text::default() }
    }

    /// Some laptops, two busy cores and a GPU.
    const MACHINES: [f64; 4] = [2e10, 1.5e11, 6e11, 2e14];

    #[test]
    fn more_text_and_more_time_give_larger_models() {
        for flops in MACHINES {
            let machine = Machine { flops, seconds: 300.0 };
            let sizes = (3..10).map(|n| Sizes::choose(&text(10_u64.pow(n)), &machine, &SHAPES)).collect::<Vec<_>>();
            assert!(sizes.is_sorted_by_key(|sizes| sizes.shape.width), "{sizes:?}");
            assert!(sizes.is_sorted_by_key(|sizes| sizes.vocabulary), "{sizes:?}");
            let longer = Machine { seconds: 3000.0, ..machine };
            for bytes in [1_000, 1_000_000, 1_000_000_000] {
                let (short, long) =
                    [machine, longer].map(|machine| Sizes::choose(&text(bytes), &machine, &SHAPES)).into();
                let (short, long): (Sizes, Sizes) = (short, long);
                assert!(long.shape.width >= short.shape.width);
            }
        }
    }

    #[test]
    fn a_run_takes_its_time_and_no_more() {
        for (flops, bytes) in MACHINES.into_iter().flat_map(|flops| (3..10).map(move |n| (flops, 10_u64.pow(n)))) {
            let sizes = Sizes::choose(&text(bytes), &Machine { flops, seconds: 300.0 }, &SHAPES);
            assert!(sizes.seconds < 320.0, "{flops} {bytes}: {sizes:?}");
            assert!(sizes.steps >= 400 && sizes.batch >= 8, "{sizes:?}");
            assert!(sizes.passes < 17.0 || sizes.steps == 400, "{flops} {bytes}: {sizes:?}");
            assert_eq!(sizes.dropout > 0.0, sizes.passes > 4.0);
        }
    }

    #[test]
    fn wide_characters_have_a_larger_vocabulary() {
        let machine = Machine { flops: 1.5e11, seconds: 300.0 };
        let latin = Sizes::choose(&text(1_000_000), &machine, &SHAPES);
        let chinese = Sizes::choose(&Text { chars: 340_000, ..text(1_000_000) }, &machine, &SHAPES);
        assert_eq!((latin.vocabulary, chinese.vocabulary), (1024, 2048));
        let tiny = Sizes::choose(&Text { chars: 340, ..text(1000) }, &machine, &SHAPES);
        assert_eq!(tiny.vocabulary, BYTES);
    }

    #[test]
    fn steps_have_two_digits() {
        assert_eq!([1234.0, 1250.0, 998.0, 200.0].map(round), [1200.0, 1300.0, 1000.0, 200.0]);
    }
}
