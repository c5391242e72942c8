//! How garbled a text looks: combinations of characters that hardly any writer uses.
//!
//! After `ftfy.badness` of ftfy 6.3 (Apache-2.0), without the rules for encodings other than Windows-1252 and Latin-1.

/// A set of kinds of characters.
type Kinds = u16;

/// Common everywhere: dashes, the apostrophe, the ellipsis.
const COMMON: Kinds = 1;
/// Control characters of Latin-1.
const C1: Kinds = 1 << 1;
/// Hardly used except in garbled text.
const BAD: Kinds = 1 << 2;
/// Signs of paragraphs.
const LAW: Kinds = 1 << 3;
/// Signs of currencies.
const CURRENCY: Kinds = 1 << 4;
/// Signs that begin a quotation or sentence.
const START: Kinds = 1 << 5;
/// Signs that end one.
const END: Kinds = 1 << 6;
/// Superscripts, fractions, operators.
const NUMERIC: Kinds = 1 << 7;
/// Capital letters with accents.
const UPPER: Kinds = 1 << 8;
/// Small letters with accents.
const LOWER: Kinds = 1 << 9;
/// `a` to `z`.
const A_TO_Z: Kinds = 1 << 10;
/// Any letter, digit or underscore.
const WORD: Kinds = 1 << 11;
/// White space.
const SPACE: Kinds = 1 << 12;

/// Kinds of the characters of Windows-1252 and Latin-1.
fn kinds(char: char) -> Kinds {
    let word = if char == '_' || char.is_alphanumeric() { WORD } else { 0 };
    let kind = match char {
        'a'..='z' => A_TO_Z,
        '\u{a0}' => COMMON | SPACE,
        '\u{ad}' | '·' | '´' | '–' | '—' | '…' | '’' => COMMON,
        '\u{80}'..='\u{9f}' => C1,
        '¦' | '¤' | '¨' | '¬' | '¯' | '¸' | 'ƒ' | 'ˆ' | '˜' | '†' | '‡' | '‰' | '\u{fffd}' | 'ª' | 'º' => {
            BAD
        }
        '¶' | '§' => LAW,
        '¢' | '£' | '¥' | '€' => CURRENCY,
        '¡' | '«' | '¿' | '©' | '‘' | '‚' | '“' | '„' | '•' | '‹' => START,
        '®' | '»' | '”' | '›' | '™' => END,
        '²' | '³' | '¹' | '±' | '¼' | '½' | '¾' | '×' | 'µ' | '÷' => NUMERIC,
        'À'..='Ñ' | 'Ø' | 'Ü' | 'Ý' | 'Œ' | 'Š' | 'Ÿ' | 'Ž' => UPPER,
        'ß' | 'à'..='ñ' | 'ü' | 'œ' | 'š' | 'ž' => LOWER,
        _ if char.is_whitespace() => SPACE,
        _ => 0,
    };
    kind | word
}

/// Two kinds next to each other.
const PAIRS: [(Kinds, Kinds); 8] = [
    (BAD | LOWER | UPPER | START | END | CURRENCY | NUMERIC | LAW, BAD),
    (BAD, LOWER | UPPER | START | END | CURRENCY | NUMERIC | LAW),
    (LOWER | END | CURRENCY | NUMERIC, UPPER),
    (END | CURRENCY | NUMERIC, LOWER),
    (LOWER | END, CURRENCY),
    (UPPER, NUMERIC | LAW),
    (CURRENCY | NUMERIC, START),
    (C1, !0),
];

/// Three kinds next to each other.
const TRIPLES: [(Kinds, Kinds, Kinds); 5] = [
    (SPACE, UPPER, CURRENCY),
    (LOWER | UPPER | CURRENCY | END, START, NUMERIC),
    (LOWER | UPPER | CURRENCY | NUMERIC | LAW, END, START),
    (A_TO_Z, UPPER, START | CURRENCY),
    (LOWER | UPPER, START | END, WORD),
];

/// Counts the places in which a text between two characters looks garbled.
pub fn badness(before: Option<char>, text: &str, after: Option<char>) -> usize {
    let mut rest = before.into_iter().chain(text.chars()).chain(after);
    let (mut a, mut b, mut c) = (rest.next(), rest.next(), rest.next());
    let mut n = 0;
    while let Some(first) = a {
        n += usize::from(is_bad(first, b, c, rest.clone().next()));
        (a, b, c) = (b, c, rest.next());
    }
    n
}

/// Whether a rule applies to characters that follow one another.
fn is_bad(a: char, b: Option<char>, c: Option<char>, d: Option<char>) -> bool {
    let kind_a = kinds(a);
    let Some(b) = b else { return kind_a & C1 != 0 };
    let (kind_b, kind_c) = (kinds(b), c.map_or(0, kinds));
    PAIRS.iter().any(|&(x, y)| kind_a & x != 0 && (kind_b & y != 0 || y == !0))
        || TRIPLES.iter().any(|&(x, y, z)| kind_a & x != 0 && kind_b & y != 0 && kind_c & z != 0)
        || is_bad_pair(a, b, kind_b)
        || is_bad_longer([a, b], c, d)
}

/// Rules for two single characters.
fn is_bad_pair(a: char, b: char, kind_b: Kinds) -> bool {
    match (a, b) {
        ('Œ' | 'œ', _) if !b.is_ascii_alphabetic() => true,
        ('À'..='Ñ' | 'Ø' | 'Ü' | 'Ý' | 'Œ' | 'Š' | 'Ÿ' | 'Ž', '°') => true,
        (
            'Â' | 'Ã' | 'Î' | 'Ð',
            '€' | 'œ' | 'Š' | 'š' | '¢' | '£' | 'Ÿ' | 'ž' | '\u{a0}' | '\u{ad}' | '·' | '–' | '—' | '´',
        ) => true,
        ('Â' | 'Ã' | 'Î' | 'Ð', _) => kind_b & (START | END) != 0,
        ('×', '²' | '³') | ('à', '²' | 'µ' | '¹' | '¼' | '½' | '¾') => true,
        _ => false,
    }
}

/// Rules for three and four characters.
fn is_bad_longer([a, b]: [char; 2], c: Option<char>, d: Option<char>) -> bool {
    // Arabic takes four: two of these are found in other texts
    let is_arabic = |char: char| {
        matches!(char, 'Ÿ' | 'Š' | '®' | '°' | 'µ' | '»')
            || kinds(char) & (COMMON | CURRENCY | BAD | NUMERIC | START) != 0
    };
    let ends_sentence = |char: char| char.is_ascii_lowercase() || ".,?!".contains(char) || kinds(char) & END != 0;
    match (a, b, c, d) {
        ('Ø' | 'Ù', b, Some('Ø' | 'Ù'), Some(d)) => is_arabic(b) && is_arabic(d),
        (a, 'Â', Some(c), _) if ends_sentence(a) => c == ' ' || kinds(c) & (START | END) != 0,
        (a, 'Ã', Some(' '), _) => a.is_ascii_lowercase(),
        (a, ' ', Some('Ã' | 'Â'), Some(' ')) => a.is_ascii_lowercase(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbled_texts_look_so() {
        for text in ["Ã©", "â€™", "Ã¤", "ðŸ˜€", "Ã\u{a0}", "Ø§Ù„", "Î±", "ä¸\u{ad}", "a\u{93}b", "caÃ±a", "Ø¯Ø±", "Å‚a"]
        {
            assert!(badness(None, text, None) > 0, "{text}");
        }
    }

    #[test]
    fn others_do_not() {
        for text in [
            "",
            "abc",
            "café",
            "naïve",
            "Ångström",
            "«été»",
            "“Ö”",
            "10 €",
            "½",
            "Ünï",
            "中文",
            "日本",
            "Ж",
            "5°C",
            "¿Qué?",
            "CAFÉ»",
            "§ 5",
            "Œuvre",
            "a · b",
        ] {
            assert_eq!(badness(None, text, None), 0, "{text}");
        }
    }
}
