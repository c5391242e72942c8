//! The config that is written for a text: commented, so that it can be edited and passed instead of the text.

use super::sizes::{BYTES, Sizes};
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
    let _ =
        writeln!(text, "document_bytes = {bytes:<9}# a longer text is cut into documents, some of which are held out");
    text
}

/// The whole config.
pub fn render(subject: &Subject<'_>, text: &Text, sizes: &Sizes) -> String {
    let Subject { shown, config, name, .. } = subject;
    let shape = &sizes.shape;
    let dir = subject.dir.map(|dir| format!("dir = {}\n", quoted(&dir.to_string_lossy()))).unwrap_or_default();
    let run = match subject.dir {
        Some(dir) => dir.join(name).display().to_string(),
        None => format!("runs/{name}"),
    };
    let amount = amount(text);
    let (steps, batch, passes) = (sizes.steps, sizes.batch, sizes.passes);
    let (heads, context, every) = (shape.heads, shape.context, (steps / 10).max(1));
    let mut all = format!(
        "\
# Training on {shown}, with sizes chosen for the text and the machine by `trainyard train {shown}`.
#
#     trainyard train {config}               train as this file says, edited or not
#     trainyard train {config} --resume      resume after an interruption
#     trainyard generate {run}
#
# `trainyard config reference` explains every setting.

[run]
name = {}
{dir}
",
        quoted(name)
    );
    let _ = match text.share() {
        Some(share) => writeln!(
            all,
            "[data]\n{}{}",
            line(&format!("validation = {share}"), "share of the documents that is measured during training"),
            line(&format!("test = {share}"), "share that is measured once, at the end")
        ),
        None => writeln!(
            all,
            "[data]\n{}test = 0.0\n",
            line("validation = 0.0", "too little text to hold any out: there is nothing to measure")
        ),
    };
    all += &source(subject);
    let _ = match sizes.vocabulary {
        BYTES => write!(
            all,
            "\n[tokenizer]\n{}",
            line("plugin = \"byte\"", &format!("{amount}: too little to learn a vocabulary from"))
        ),
        size => write!(
            all,
            "\n[tokenizer]\nplugin = \"bpe\"\n{}",
            line(&format!("config.vocab_size = {size}"), &format!("{amount}: each token should occur often"))
        ),
    };
    let _ =
        write!(all, "\n[model]\n{}", line("kind = \"gpt\"", "the largest that can learn from the text in the time"));
    let _ = writeln!(all, "layers = {}\nheads = {heads}\nwidth = {}\ncontext = {context}", shape.layers, shape.width);
    let why = if sizes.dropout > 0.0 { "the text is read many times" } else { "the text is not read often" };
    all += &line(&format!("dropout = {:.1}", sizes.dropout), why);
    let _ = write!(
        all,
        "\n[optimizer]\n{}",
        line(&format!("lr = {}", shape.lr), &format!("for models of width {}", shape.width))
    );
    let _ = write!(all, "\n[schedule]\n{}", line("warmup = 0.05", "share of the steps"));
    let time = format!("about {} on the machine it was chosen for", duration(sizes.seconds));
    let _ = write!(all, "\n[train]\n{}", line(&format!("steps = {steps}"), &time));
    let seen =
        format!("sequences of {context} tokens; about {} of the text in all", passes_text(passes, text.is_whole));
    all += &line(&format!("batch = {batch}"), &seen);
    let _ = writeln!(all, "validate_every = {every}\ncheckpoint_every = {}", (steps / 5).max(1));
    let _ = write!(
        all,
        "\n[sample]\n{}tokens = 200\n",
        line(&format!("prompt = {}", quoted(&text.beginning)), "what the model continues at the end")
    );
    all
}

/// A setting and its comment.
fn line(setting: &str, comment: &str) -> String {
    format!("{setting:<26}# {comment}\n")
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

fn passes_text(passes: f64, is_whole: bool) -> String {
    match passes {
        _ if !is_whole => "a part".to_owned(),
        ..1.05 => format!("{:.0} %", 100.0 * passes),
        ..9.5 => format!("{passes:.1} passes"),
        _ => format!("{passes:.0} passes"),
    }
}
