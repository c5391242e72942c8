//! The main text of a web page, without menus, advertisements and other furniture.

use dom_smoothie::{Article, Config, Readability, TextMode};
use serde_json::{Map, Value};

/// What a page says.
#[derive(Default)]
pub(super) struct Page {
    /// Empty when the page has no main text.
    pub text: String,
    /// `title`, `byline`, `site_name`, `lang`, `published_time`: what the page has of them.
    pub fields: Map<String, Value>,
}

/// Reads a page by Mozilla's Readability (crate dom_smoothie).
pub(super) fn read_page(html: &str) -> Page {
    let config = Config { text_mode: TextMode::Formatted, ..Config::default() };
    let article = Readability::new(html, None, Some(config)).and_then(|mut page| page.parse());
    let Ok(Article { title, byline, site_name, lang, published_time, text_content, .. }) = article else {
        return Page::default();
    };
    let title = Some(title).filter(|title| !title.is_empty());
    let fields = [
        ("title", title),
        ("byline", byline),
        ("site_name", site_name),
        ("lang", lang),
        ("published_time", published_time),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))));
    Page { text: text_content.trim().to_owned(), fields: fields.collect() }
}
