//! The config that is written for a text: commented, so that it can be edited and passed instead of the text.

use super::sizes::{BYTES, Shape, Sizes};
use super::survey::Text;
use std::fmt::Write as _;
use std::path::Path;
use toml::Value;

/// Documents that a text is cut into, at most this long.
pub const DOCUMENT_BYTES: u64 = 16_000;

/// What a config is written for.
pub struct Subject<'a> {
    /// The run's name.
    pub name: &'a str,
    /// Where runs are, where it is not the usual folder.
    pub dir: Option<&'a Path>,
    /// The text as the user named it.
    pub shown: &'a str,
    /// The text, absolute.
    pub path: &'a str,
    /// Its format has to be said, because its name does not.
    pub is_unnamed: bool,
    /// What its documents are cut to.
    pub document_bytes: u64,
    /// The config's own path as the user would write it.
    pub config: &'a str,
}

/// A config that reads the text and nothing else: what it holds is not known yet.
pub fn draft(subject: &Subject<'_>) -> String {
    format!("[data]\nvalidation = 0.0\ntest = 0.0\n\n{}\n[tokenizer]\nplugin = \"byte\"\n", source(subject))
}

fn source(subject: &Subject<'_>) -> String {
    let mut text = format!("[[data.source]]\npath = {}\n", quoted(subject.path));
    if subject.is_unnamed {
        text += "format = \"text\"\n";
    }
    let bytes = subject.document_bytes;
    let _ = writeln!(
        text,
        "document_bytes = {bytes:<7}  # a longer text is cut into documents, some of which are held out"
    );
    text
}

/// The whole config.
pub fn render(subject: &Subject<'_>, text: &Text, sizes: &Sizes) -> String {
    head(subject) + &data(subject, text, sizes) + &training(text, sizes)
}

fn head(subject: &Subject<'_>) -> String {
    let Subject { shown, config, name, dir, .. } = subject;
    let dir_line = dir.map(|dir| format!("dir = {}\n", quoted(&dir.to_string_lossy()))).unwrap_or_default();
    let run = dir.unwrap_or(Path::new("runs")).join(name);
    format!(
        "\
# Training on {shown}, with sizes chosen for the text and the machine by `trainyard train {shown}`.
#
#     trainyard train {config}               train as this file says, edited or not
#     trainyard train {config} --resume      resume after an interruption
#     trainyard generate {}
#
# `trainyard config reference` explains every setting.

[run]
name = {}
{dir_line}
",
        run.display(),
        quoted(name)
    )
}

fn data(subject: &Subject<'_>, text: &Text, sizes: &Sizes) -> String {
    let amount = amount(text);
    let shares = match text.share() {
        Some(share) => {
            line(&format!("validation = {share}"), "share of the documents for validation during training")
                + &line(&format!("test = {share}"), "share for the test at the end")
        }
        None => {
            line("validation = 0.0", "too little text to hold any out: there is nothing to measure") + "test = 0.0\n"
        }
    };
    let tokenizer = match sizes.vocabulary {
        BYTES => line("plugin = \"byte\"", &format!("{amount}: too little to learn a vocabulary from")),
        size => {
            let why = format!("{amount}: each token should occur often");
            "plugin = \"bpe\"\n".to_owned() + &line(&format!("config.vocab_size = {size}"), &why)
        }
    };
    format!("[data]\n{shares}\n{}\n[tokenizer]\n{tokenizer}", source(subject))
}

fn training(text: &Text, sizes: &Sizes) -> String {
    let Sizes { shape, dropout, batch, steps, passes, seconds, .. } = sizes;
    let Shape { layers, width, heads, context, lr, .. } = shape;
    let (validate_every, checkpoint_every) = ((steps / 10).max(1), (steps / 5).max(1));
    let kind = line("kind = \"gpt\"", "the largest that can learn from the text in the time");
    let why = if *dropout > 0.0 { "the text is read many times" } else { "the text is not read often" };
    let dropout = line(&format!("dropout = {dropout:.1}"), why);
    let lr = line(&format!("lr = {lr}"), &format!("for models of width {width}"));
    let warmup = line("warmup = 0.05", "share of the steps");
    let time = format!("about {} on the machine it was chosen for", duration(*seconds));
    let steps = line(&format!("steps = {steps}"), &time);
    let seen = format!("sequences of {context} tokens; {} in all", seen(*passes, text.is_whole));
    let batch = line(&format!("batch = {batch}"), &seen);
    let prompt = line(&format!("prompt = {}", quoted(&text.beginning)), "what the model continues at the end");
    format!(
        "\n[model]\n{kind}layers = {layers}\nheads = {heads}\nwidth = {width}\ncontext = {context}\n{dropout}\
         \n[optimizer]\n{lr}\n[schedule]\n{warmup}\n[train]\n{steps}{batch}validate_every = {validate_every}\n\
         checkpoint_every = {checkpoint_every}\n\n[sample]\n{prompt}tokens = 200\n"
    )
}

/// A setting and its comment.
fn line(setting: &str, comment: &str) -> String {
    format!("{setting:<24}  # {comment}\n")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// `1.2 MB of text`, at least as much.
pub fn amount(text: &Text) -> String {
    let more = if text.is_whole { "" } else { "more than " };
    format!("{more}{} of text", size(text.bytes))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// `3 minutes`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        ..1.5 => "a second".to_owned(),
        ..90.0 => format!("{seconds:.0} seconds"),
        ..5400.0 => format!("{:.0} minutes", seconds / 60.0),
        _ => format!("{:.1} hours", seconds / 3600.0),
    }
}

fn seen(passes: f64, is_whole: bool) -> String {
    match passes {
        _ if !is_whole => "a part of the text".to_owned(),
        ..1.05 => format!("{:.0} % of the text", 100.0 * passes),
        ..9.5 => format!("{passes:.1} passes over the text"),
        _ => format!("{passes:.0} passes over the text"),
    }
}
