//! Tags of entities as BIO: `B-PER` begins one, `I-PER` is inside one, `O` is outside.
//!
//! Data also have IOBES (`S-` a single word, `E-` the end) and BILOU (`U-` a single word, `L-` the last), which are
//! read as BIO, and tags that are of no such scheme, such as parts of speech, which stay.

use super::Odd;
use crate::corpus::Bio;

/// A tag by its form.
enum Form<'a> {
    Outside,
    /// The letter before the hyphen, and the entity's type.
    Part(char, &'a str),
    Other,
}

/// The tags in BIO.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    pub tags: Vec<String>,
    pub is_repaired: bool,
}

fn form(tag: &str) -> Form<'_> {
    let mut chars = tag.chars();
    match (chars.next(), chars.next(), chars.as_str()) {
        (Some('O'), None, _) => Form::Outside,
        (Some(letter), Some('-'), kind) if "BIESLU".contains(letter) && !kind.is_empty() => Form::Part(letter, kind),
        // B and I of a single kind of entity
        (Some(letter @ ('B' | 'I')), None, _) => Form::Part(letter, ""),
        _ => Form::Other,
    }
}

/// Reads the tags of one document.
///
/// # Errors
/// Schemes that are mixed; `I-` that nothing begins, where `rule` refuses it.
pub(super) fn to_bio(tags: Vec<String>, rule: Bio) -> Result<Tagged, Odd> {
    let forms: Vec<_> = tags.iter().map(|tag| form(tag)).collect();
    let has = |letters: &str| {
        tags.iter().zip(&forms).find(|(_, form)| matches!(form, Form::Part(letter, _) if letters.contains(*letter)))
    };
    let other = tags.iter().zip(&forms).find(|(_, form)| matches!(form, Form::Other));
    let typed = |(_, form): &(&String, &Form)| matches!(form, Form::Part(_, kind) if !kind.is_empty());
    match (has("BI"), other) {
        (Some(part), Some((tag, _))) if typed(&part) => return Err(mixed(part.0, tag)),
        // parts of speech and the like
        (_, Some(_)) => return Ok(Tagged { tags, is_repaired: false }),
        _ => {}
    }
    if let (Some((tag, _)), Some((other, _))) = (has("ES"), has("LU")) {
        return Err(mixed(tag, other));
    }
    convert(&tags, &forms, rule)
}

fn mixed(tag: &str, other: &str) -> Odd {
    let message = format!(
        "expected tags of one scheme, BIO, IOBES or BILOU, got {tag:?} and {other:?}; write all of them in one"
    );
    Odd::new("mixes schemes of tags", message)
}

fn convert(tags: &[String], forms: &[Form<'_>], rule: Bio) -> Result<Tagged, Odd> {
    let (mut written, mut is_repaired) = (Vec::with_capacity(tags.len()), false);
    // the type of the entity that the next word may continue
    let mut open: Option<&str> = None;
    for (index, (tag, form)) in tags.iter().zip(forms).enumerate() {
        let Form::Part(letter, kind) = form else {
            open = None;
            written.push(tag.clone());
            continue;
        };
        let begins = "BSU".contains(*letter);
        if !begins && open != Some(kind) && rule == Bio::Refuse {
            let begin = with_letter('B', kind);
            let message = format!(
                "word {} has the tag {tag:?}, and none of {begin:?} begins it; correct it, or set data.bio to \"repair\"",
                index + 1
            );
            return Err(Odd::new("has a tag I-… that no B-… begins", message));
        }
        let continues = !begins && open == Some(kind);
        is_repaired |= !begins && !continues;
        written.push(with_letter(if continues { 'I' } else { 'B' }, kind));
        open = Some(*kind).filter(|_| !"ESLU".contains(*letter));
    }
    Ok(Tagged { tags: written, is_repaired })
}

fn with_letter(letter: char, kind: &str) -> String {
    if kind.is_empty() { letter.to_string() } else { format!("{letter}-{kind}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tags: &str, rule: Bio) -> Result<(String, bool), String> {
        let tags = tags.split(' ').map(str::to_owned).collect();
        let tagged = to_bio(tags, rule).map_err(|odd| odd.message)?;
        Ok((tagged.tags.join(" "), tagged.is_repaired))
    }

    #[test]
    fn schemes_are_read_as_bio() {
        for (tags, expected) in [
            ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC"),
            ("B-PER E-PER O S-LOC", "B-PER I-PER O B-LOC"),
            ("B-PER I-PER L-PER U-LOC", "B-PER I-PER I-PER B-LOC"),
            ("NN VB B", "NN VB B"),
            ("B M E S", "B M E S"),
            ("S-x NN", "S-x NN"),
            ("B I O B", "B I O B"),
            ("O O", "O O"),
        ] {
            assert_eq!(read(tags, Bio::Refuse), Ok((expected.into(), false)), "{tags}");
        }
    }

    #[test]
    fn what_nothing_begins_is_repaired_or_refused() {
        for (tags, expected) in [
            ("I-PER I-PER O", "B-PER I-PER O"),
            ("B-PER I-LOC", "B-PER B-LOC"),
            ("O E-PER E-PER", "O B-PER B-PER"),
            ("S-PER I-PER", "B-PER B-PER"),
            ("I O I", "B O B"),
        ] {
            assert_eq!(read(tags, Bio::Repair), Ok((expected.into(), true)), "{tags}");
            let error = read(tags, Bio::Refuse).unwrap_err();
            assert!(error.ends_with("begins it; correct it, or set data.bio to \"repair\""), "{error}");
        }
    }

    #[test]
    fn mixed_schemes_are_refused() {
        for (tags, one, other) in [("B-PER NN", "B-PER", "NN"), ("B-PER E-PER U-LOC", "E-PER", "U-LOC")] {
            let expected = format!(
                "expected tags of one scheme, BIO, IOBES or BILOU, got {one:?} and {other:?}; write all of them in one"
            );
            assert_eq!(read(tags, Bio::Repair), Err(expected));
        }
    }

    /// Type, first word and the word behind the last of each entity in BIO.
    fn entities(tags: &[String]) -> Vec<(String, usize, usize)> {
        let mut found: Vec<(String, usize, usize)> = Vec::new();
        for (index, tag) in tags.iter().enumerate() {
            match tag.split_once('-') {
                Some(("B", kind)) => found.push((kind.to_owned(), index, index + 1)),
                Some(("I", kind)) => {
                    let open = found.last_mut().filter(|(of, _, end)| of == kind && *end == index);
                    open.unwrap_or_else(|| panic!("{tag} continues nothing in {tags:?}")).2 = index + 1;
                }
                _ => {}
            }
        }
        found
    }

    /// `peers/tag_schemes_seqeval.py` wrote the tags and the entities that seqeval finds in them.
    #[test]
    fn entities_are_those_of_seqeval() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/tag_schemes.json");
        type Case = (String, Vec<(String, usize, usize)>);
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(cases.len() >= 300);
        for (tags, expected) in cases {
            let tags: Vec<_> = tags.split(' ').map(str::to_owned).collect();
            let Ok(tagged) = to_bio(tags.clone(), Bio::Repair) else { panic!("{tags:?} is refused") };
            assert_eq!(entities(&tagged.tags), expected, "{tags:?}");
        }
    }
}
