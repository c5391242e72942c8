//! A page as HTML.

use crate::content::{Block, Code, Facts, Page, Samples, Section, Table};
use crate::drawing::Drawing;
use crate::look::Looks;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The name ends in `.html`: the template engine escapes all text.
const NAME: &str = "page.html";

/// The style sheet.
pub const STYLE: &str = include_str!("page.css");

/// The part of the script that writes numbers and finds ticks and points.
pub const NUMBERS: &str = include_str!("numbers.js");

const SCRIPT: &str = concat!(include_str!("numbers.js"), include_str!("page.js"));

/// A page as the template writes it.
#[derive(Serialize)]
struct Whole<'a> {
    title: &'a str,
    subtitle: &'a str,
    generator: &'a str,
    sections: Vec<Part<'a>>,
}

/// A section as the template writes it.
#[derive(Serialize)]
struct Part<'a> {
    heading: &'a str,
    text: &'a str,
    blocks: Vec<Piece<'a>>,
}

/// A block as the template writes it.
#[derive(Serialize)]
#[serde(tag = "kind", content = "content", rename_all = "lowercase")]
enum Piece<'a> {
    Chart(Box<Drawing<'a>>),
    Table(&'a Table),
    Facts(&'a Facts),
    Samples(&'a Samples),
    Notice(&'a str),
    Code(&'a Code),
}

impl<'a> Part<'a> {
    fn new(section: &'a Section, looks: &Looks, n_charts: &mut usize) -> Self {
        let mut blocks = Vec::new();
        for group in section.blocks.chunk_by(|a, b| is_chart(a) && is_chart(b)) {
            for (index, block) in group.iter().enumerate() {
                // two in a row: of an odd number, the first has a row of its own
                let is_wide = index == 0 && group.len() % 2 == 1;
                *n_charts += usize::from(is_chart(block));
                blocks.push(Piece::new(block, *n_charts, is_wide, looks));
            }
        }
        Self { heading: &section.heading, text: &section.text, blocks }
    }
}

impl<'a> Piece<'a> {
    fn new(block: &'a Block, number: usize, is_wide: bool, looks: &Looks) -> Self {
        match block {
            Block::Chart(chart) => Self::Chart(Box::new(Drawing::new(chart, number, is_wide, looks))),
            Block::Table(table) => Self::Table(table),
            Block::Facts(facts) => Self::Facts(facts),
            Block::Samples(samples) => Self::Samples(samples),
            Block::Notice(text) => Self::Notice(text),
            Block::Code(code) => Self::Code(code),
        }
    }
}

fn is_chart(block: &Block) -> bool {
    matches!(block, Block::Chart(_))
}

impl Page {
    /// Returns the page as one HTML file, the same for the same content.
    pub fn html(&self) -> String {
        let looks = Looks::of(self);
        let mut n_charts = 0;
        let sections = self.sections.iter().map(|section| Part::new(section, &looks, &mut n_charts)).collect();
        let Self { title, subtitle, generator, .. } = self;
        let rendered = render(&Whole { title, subtitle, generator, sections });
        // the template is a part of the program, and has values for all its names
        rendered.expect("a template that renders")
    }
}

fn render(page: &Whole) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    let values = context! {
        page => Value::from(Serde(page)),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        style_hash => hash(STYLE),
        script_hash => hash(SCRIPT),
    };
    environment.render_named_str(NAME, include_str!("page.html"), values)
}

/// What a policy allows a text by.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
