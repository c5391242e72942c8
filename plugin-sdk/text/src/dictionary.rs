//! Words of scripts without spaces, split by the dictionaries of ICU4X, which are not included in a sandbox.

/// Whether the dictionaries are included in this program.
pub const IS_HERE: bool = cfg!(not(target_arch = "wasm32"));

/// Returns the end of the text, from the beginning of `text` on, that a dictionary splits; 0 if it begins with other
/// text.
pub fn run_end(text: &str) -> usize {
    if text.as_bytes().first().is_none_or(u8::is_ascii) {
        return 0;
    }
    text.find(|char| !is_unspaced(char)).unwrap_or(text.len())
}

/// Returns the start of the first text that a dictionary splits; the length if there is none.
pub fn next_run(text: &str) -> usize {
    text.find(is_unspaced).unwrap_or(text.len())
}

/// Bytes of text that are split at once: the work of ICU4X grows with the square of it.
#[cfg(not(target_arch = "wasm32"))]
const CHUNK_BYTES: usize = 600;

/// Words at the end of a chunk that are split again with what follows: the dictionaries look three words ahead.
#[cfg(not(target_arch = "wasm32"))]
const AGAIN: usize = 4;

/// The words of such text, the last one first.
#[cfg(not(target_arch = "wasm32"))]
pub fn words(run: &str) -> Vec<&str> {
    use icu_segmenter::WordSegmenter;
    use icu_segmenter::options::WordBreakInvariantOptions;
    let segmenter = WordSegmenter::new_dictionary(WordBreakInvariantOptions::default());
    let (mut words, mut start) = (Vec::new(), 0);
    while start < run.len() {
        let chunk = &run[start..run.floor_char_boundary(start + CHUNK_BYTES)];
        let mut ends: Vec<usize> = segmenter.segment_str(chunk).filter(|end| *end > 0).collect();
        if start + chunk.len() < run.len() && ends.len() > AGAIN {
            ends.truncate(ends.len() - AGAIN);
        }
        let mut from = 0;
        for end in ends {
            words.push(&chunk[from..end]);
            from = end;
        }
        start += from;
    }
    words.reverse();
    words
}

/// The words of such text, the last one first.
#[cfg(target_arch = "wasm32")]
pub fn words(run: &str) -> Vec<&str> {
    vec![run]
}

/// Letters and marks of scripts without spaces that the dictionaries know.
fn is_unspaced(char: char) -> bool {
    matches!(char,
        // Thai, Lao, Burmese, Khmer, more of Burmese
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ece}' | '\u{edc}'..='\u{edf}'
        | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{109d}' | '\u{1780}'..='\u{17d3}' | '\u{17d7}'
        | '\u{17dc}'..='\u{17dd}' | '\u{a9e0}'..='\u{a9ef}' | '\u{a9fa}'..='\u{a9fe}' | '\u{aa60}'..='\u{aa7f}'
        // marks of iteration, kana, Han
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use crate::Words;

    fn split(text: &str) -> Vec<&str> {
        Words::Dictionary.split(text).collect()
    }

    /// Values of `tests/peers/words_icu.js` (ICU 78).
    #[test]
    fn words_of_scripts_without_spaces() {
        assert_eq!(split("ฉันรักภาษาไทย"), ["ฉัน", "รัก", "ภาษา", "ไทย"]);
        assert_eq!(split("ประเทศไทยมีแม่น้ำหลายสาย"), ["ประเทศไทย", "มี", "แม่น้ำ", "หลาย", "สาย"]);
        assert_eq!(split("ខ្ញុំរៀនភាសាខ្មែរ"), ["ខ្ញុំ", "រៀន", "ភាសាខ្មែរ"]);
        assert_eq!(split("ຂ້ອຍຮຽນພາສາລາວ"), ["ຂ້ອຍ", "ຮຽນ", "ພາສາ", "ລາວ"]);
        assert_eq!(split("ကျွန်တော်မြန်မာစာသင်တယ်"), ["ကျွန်တော်", "မြန်မာ", "စာသင်", "တယ်"]);
        assert_eq!(split("我们在北京学习。"), ["我们", "在", "北京", "学习", "。"]);
        assert_eq!(split("日本語の本を読む"), ["日本語", "の", "本", "を", "読む"]);
        // beside other text
        assert_eq!(
            split("ok, ไทย3.14 中文a_b カタカナ\u{200b}ລາວ"),
            ["ok", ",", "ไทย", "3.14", "中文", "a_b", "カタカナ", "\u{200b}", "ລາວ"]
        );
        assert_eq!(Words::Dictionary.count("ภาษาไทย ภาษาไทย"), 4);
    }

    #[test]
    fn other_text_is_split_as_by_unicode() {
        for text in ["", " ", "I'm 3.14, e.g. a_b; naïve e\u{301} 👩\u{200d}👧 한국 слово", "a\u{3000}b、c。"]
        {
            assert_eq!(split(text), Words::Unicode.split(text).collect::<Vec<_>>(), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_lost_and_long_text_takes_no_long_time() {
        for piece in ["กขค", "中文字", "ក្រ", "မြန်မာ", "\u{e31}", "あア", "ລາວa"] {
            let text = piece.repeat(20_000);
            assert_eq!(split(&text).concat(), text);
        }
        // and is cut alike wherever it stands
        let thai = "ประเทศไทยมีแม่น้ำหลายสายที่สำคัญต่อการเกษตรและการคมนาคม";
        let (once, often) = (split(thai), thai.repeat(100));
        assert!(split(&often).chunks(once.len()).all(|words| words == once));
    }
}
