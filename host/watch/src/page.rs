//! The page: one file with its style and script inside, which may ask this server alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use trainyard_page::{NUMBERS, STYLE};

const SCRIPT: [&str; 3] = [NUMBERS, include_str!("chart.js"), include_str!("watch.js")];

/// The page and its policy.
#[derive(Debug)]
pub struct Page {
    /// The HTML.
    pub html: String,
    /// What the browser lets it do.
    pub policy: String,
}

impl Page {
    /// Puts the page together.
    pub fn new() -> Self {
        let style = [STYLE, include_str!("watch.css")].concat();
        let script = SCRIPT.concat();
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash(&style),
            hash(&script)
        );
        let html = include_str!("watch.html").replace("{{ style }}", &style).replace("{{ script }}", &script);
        Self { html, policy }
    }
}

/// What a policy allows a text by.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole() {
        let page = Page::new();
        assert!(!page.html.contains("{{"), "a place without its text");
        assert!(!page.html.contains("http:") && !page.html.contains("src="), "it asks for something");
        assert_eq!(page.html.matches("</script>").count(), 1);
        assert_eq!(page.policy.matches("sha256-").count(), 2);
    }
}
