//! The main text of a web page, without menus, advertisements and other furniture.

use super::page::parse;
use crate::base::caught;
use dom_smoothie::{Article, Config, Readability, TextMode};
use serde_json::{Map, Value};

/// What a page says.
#[derive(Default)]
pub(super) struct Page {
    /// Empty when the page has no main text.
    pub text: String,
    /// `title`, `byline`, `site_name`, `lang`, `published_time`: what the page has of them.
    pub fields: Map<String, Value>,
    /// Why nobody looked for the main text.
    pub refused: Option<&'static str>,
}

/// Reads a page by Mozilla's Readability (crate dom_smoothie).
pub(super) fn read_page(html: &str) -> Page {
    let config = Config { text_mode: TextMode::Formatted, ..Config::default() };
    // a page that the library does not expect is one without main text, not the end of a preparation
    let article = caught(|| {
        let document = parse(html)?;
        Ok(Readability::with_document(document, None, Some(config)).and_then(|mut page| page.parse()))
    });
    let article = match article.unwrap_or(Err("the library that looks for it gave up")) {
        Ok(article) => article,
        Err(why) => return Page { refused: Some(why), ..Page::default() },
    };
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
    Page { text: text_content.trim().to_owned(), fields: fields.collect(), refused: None }
}
