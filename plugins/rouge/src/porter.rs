//! The stemmer of rouge-score: Porter 1980, "An algorithm for suffix stripping", with the changes of NLTK.

/// Words that NLTK knows the stem of.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// Suffixes of step 2, and what replaces them.
const STEP_2: [(&str, &str); 22] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
    ("logi", "log"),
];

/// Suffixes of step 3, and what replaces them.
const STEP_3: [(&str, &str); 7] =
    [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

/// Suffixes that step 4 takes away.
const STEP_4: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
];

/// Returns the stem of a word in lower case. A word with other characters than ASCII letters and digits is its own.
pub fn stem(word: &str) -> String {
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*stem).to_owned();
    }
    if word.len() <= 2 || !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return word.to_owned();
    }
    let word = step_1b(step_1a(word));
    let word = match word.strip_suffix('y') {
        Some(stem) if stem.len() > 1 && ends_in_consonant(stem) => format!("{stem}i"),
        _ => word,
    };
    step_5(step_4(step_3(step_2(word))))
}

/// Plurals.
fn step_1a(word: &str) -> String {
    match word {
        _ if word.len() == 4 && word.ends_with("ies") => word[..3].to_owned(),
        _ if word.ends_with("sses") || word.ends_with("ies") => word[..word.len() - 2].to_owned(),
        _ if word.ends_with("ss") => word.to_owned(),
        _ => word.strip_suffix('s').unwrap_or(word).to_owned(),
    }
}

/// Past tenses and participles.
fn step_1b(word: String) -> String {
    if let Some(stem) = word.strip_suffix("ied") {
        return if word.len() == 4 { format!("{stem}ie") } else { format!("{stem}i") };
    }
    if let Some(stem) = word.strip_suffix("eed") {
        return if measure(stem) > 0 { format!("{stem}ee") } else { word };
    }
    let stem = ["ed", "ing"].into_iter().find_map(|suffix| word.strip_suffix(suffix).filter(|stem| has_vowel(stem)));
    let Some(stem) = stem else { return word };
    if ["at", "bl", "iz"].iter().any(|suffix| stem.ends_with(suffix)) {
        return format!("{stem}e");
    }
    if ends_in_double_consonant(stem) {
        let is_single = !stem.ends_with(['l', 's', 'z']);
        return stem[..stem.len() - usize::from(is_single)].to_owned();
    }
    if measure(stem) == 1 && ends_cvc(stem) { format!("{stem}e") } else { stem.to_owned() }
}

/// Double suffixes.
fn step_2(mut word: String) -> String {
    while let Some(stem) = word.strip_suffix("alli").filter(|stem| measure(stem) > 0) {
        word = format!("{stem}al");
    }
    let rule = STEP_2.iter().find_map(|(suffix, with)| Some((*suffix, word.strip_suffix(suffix)?, with)));
    match rule {
        // the l belongs to the stem here, so that short ones such as "geo" count
        Some(("logi", stem, with)) if measure(&word[..stem.len() + 1]) > 0 => format!("{stem}{with}"),
        Some((suffix, stem, with)) if suffix != "logi" && measure(stem) > 0 => format!("{stem}{with}"),
        _ => word,
    }
}

fn step_3(word: String) -> String {
    let rule = STEP_3.iter().find_map(|(suffix, with)| Some((word.strip_suffix(suffix)?, with)));
    match rule {
        Some((stem, with)) if measure(stem) > 0 => format!("{stem}{with}"),
        _ => word,
    }
}

fn step_4(word: String) -> String {
    let rule = STEP_4.iter().find_map(|suffix| Some((*suffix, word.strip_suffix(suffix)?)));
    match rule {
        Some((suffix, stem)) if measure(stem) > 1 && (suffix != "ion" || stem.ends_with(['s', 't'])) => stem.to_owned(),
        _ => word,
    }
}

/// A last e, and double l.
fn step_5(word: String) -> String {
    let word = match word.strip_suffix('e') {
        Some(stem) if measure(stem) > 1 || measure(stem) == 1 && !ends_cvc(stem) => stem.to_owned(),
        _ => word,
    };
    match word.strip_suffix('l') {
        Some(stem) if stem.ends_with('l') && measure(stem) > 1 => stem.to_owned(),
        _ => word,
    }
}

/// Whether each letter is a consonant; a y is one at the beginning and behind a vowel.
fn consonants(word: &str) -> Vec<bool> {
    let mut consonants: Vec<bool> = Vec::with_capacity(word.len());
    for byte in word.bytes() {
        let is_consonant = match byte {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => consonants.last().is_none_or(|before| !before),
            _ => true,
        };
        consonants.push(is_consonant);
    }
    consonants
}

/// How often a consonant follows a vowel.
fn measure(stem: &str) -> usize {
    consonants(stem).windows(2).filter(|pair| !pair[0] && pair[1]).count()
}

fn has_vowel(stem: &str) -> bool {
    consonants(stem).contains(&false)
}

fn ends_in_consonant(stem: &str) -> bool {
    consonants(stem).last() == Some(&true)
}

fn ends_in_double_consonant(word: &str) -> bool {
    matches!(word.as_bytes(), [.., a, b] if a == b) && ends_in_consonant(word)
}

/// Whether a word ends in consonant, vowel and consonant, the last none of w, x and y, or is a vowel and a consonant.
fn ends_cvc(word: &str) -> bool {
    match consonants(word)[..] {
        [.., true, false, true] => !word.ends_with(['w', 'x', 'y']),
        [false, true] => true,
        _ => false,
    }
}
