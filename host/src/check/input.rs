//! Texts that break plugins: a fixed list, and random ones from a seed.

use crate::base::random::Stream;

/// Texts that broke tokenizers and filters before.
const NASTY: [&str; 34] = [
    "",
    " ",
    "\n",
    "\r\n\r\n",
    "\t \u{a0}\u{2003}\u{3000}",
    "\0",
    "a\0b",
    "\u{feff}with a byte order mark",
    "é and e\u{301}, ﬁ and fi, Å and \u{212b}",
    "\u{301}\u{301}\u{301} marks on nothing",
    "日本語とEnglishの混ざった文章。",
    "今天天气很好，我们去公园散步吧！",
    "الكتابة من اليمين إلى اليسار",
    "हिन्दी में लिखा हुआ पाठ",
    "ภาษาไทยไม่มีช่องว่าง",
    "👨‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ☺️",
    "\u{202e}reversed\u{202c} \u{200b}zero\u{200d}width\u{2060}",
    "\u{10ffff}\u{e000}\u{fffd}",
    "İstanbul ẞ ß ŉ ǆ",
    "don't I'll we've THEY'RE it's 'tis",
    "1234567890 ٣٤٥ ⅷ ½ ²",
    "<|endoftext|>",
    "text <|endoftext|> text <|im_start|>",
    "{\"key\": [1, 2.5e-3, null]}\n",
    "www.example.com/a?b=c&d=%20#e",
    "    fn main() {\n        println!(\"{}\", 1);\n    }\n",
    "- one\n- two\n* three\n• four\n1. five...\n",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "the the the the the the the the the the the the",
    "....!!!!????----____####",
    "ends with a space ",
    " begins with one",
    "\u{1b}[31mred\u{1b}[0m\u{7}",
    "ünïcödé ÜNÏCÖDÉ ﷺ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
];

const WORDS: [&str; 48] = [
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "is",
    "it",
    "was",
    "that",
    "for",
    "he",
    "with",
    "as",
    "his",
    "on",
    "be",
    "at",
    "by",
    "had",
    "not",
    "but",
    "from",
    "have",
    "they",
    "which",
    "one",
    "were",
    "her",
    "all",
    "would",
    "there",
    "garden",
    "evening",
    "walked",
    "slowly",
    "towards",
    "house",
    "letter",
    "sister",
    "nothing",
    "pleasure",
    "perhaps",
    "yesterday",
    "morning",
    "answered",
    "remember",
    "question",
];

/// Bytes of a document in the measurements of speed.
const DOCUMENT_BYTES: usize = 1024;

/// The inputs of one check.
pub struct Inputs {
    /// The fixed texts, long ones too.
    pub nasty: Vec<String>,
    /// Random texts.
    pub random: Vec<String>,
    /// English-like documents of about 1 KB, to train on and to measure with.
    pub prose: Vec<String>,
}

impl Inputs {
    pub fn new(seed: u64, cases: usize) -> Self {
        let mut nasty: Vec<String> = NASTY.iter().map(|&text| text.to_owned()).collect();
        nasty.extend(["a".repeat(20_000), " ".repeat(20_000), "ab".repeat(10_000), "😀".repeat(5_000)]);
        let random = (0..cases).map(|case| text(&mut Dice::new(seed, case))).collect();
        let prose = (0..256).map(|case| prose(&mut Dice::new(seed ^ 0x0070_726f_7365, case), DOCUMENT_BYTES)).collect();
        Self { nasty, random, prose }
    }

    /// All texts but the long prose.
    pub fn texts(&self) -> Vec<&str> {
        self.nasty.iter().chain(&self.random).chain(self.prose.iter().take(8)).map(String::as_str).collect()
    }

    /// The prose.
    pub fn prose(&self) -> Vec<&str> {
        self.prose.iter().map(String::as_str).collect()
    }
}

/// Uniform numbers of one case, one after the other.
pub struct Dice {
    stream: Stream,
    rolled: u64,
}

impl Dice {
    pub fn new(seed: u64, case: usize) -> Self {
        Self { stream: Stream::new(seed, &format!("check-{case}")), rolled: 0 }
    }

    /// A number in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.rolled += 1;
        self.stream.uniform(self.rolled)
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }
}

fn prose(dice: &mut Dice, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        let n_words = 5 + dice.below(15);
        for i in 0..n_words {
            let word = WORDS[dice.below(WORDS.len())];
            match i {
                0 => text.extend(word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1))),
                _ => text.extend([" ", word]),
            }
        }
        text.push_str(if dice.below(6) == 0 { ".\n\n" } else { ". " });
    }
    text
}

/// A random text of one of several makes.
fn text(dice: &mut Dice) -> String {
    match dice.below(5) {
        0 => {
            let n = dice.below(60);
            (0..n).filter_map(|_| char::from_u32(dice.below(0x11_0000) as u32)).collect()
        }
        1 => {
            let n = dice.below(200);
            (0..n).map(|_| char::from(dice.below(128) as u8)).collect()
        }
        2 => {
            let n = 1 + dice.below(6);
            (0..n).map(|_| NASTY[dice.below(NASTY.len())]).collect()
        }
        3 => {
            // prose with a few of its characters replaced
            let mut chars: Vec<char> = prose(dice, 100).chars().collect();
            for _ in 0..5 {
                let (at, from) = (dice.below(chars.len()), NASTY[1 + dice.below(NASTY.len() - 1)]);
                chars[at] = from.chars().next().unwrap_or('x');
            }
            chars.into_iter().collect()
        }
        _ => {
            let bytes = dice.below(2000);
            prose(dice, bytes)
        }
    }
}
