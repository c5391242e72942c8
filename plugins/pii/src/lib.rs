//! Cleaner `pii`: replaces e-mail addresses and public IP addresses (version 4), which can identify persons.
//!
//! Addresses and their replacements are those of `PIIFormatter` of datatrove 0.10 (Apache-2.0), which was used for
//! FineWeb: its two regular expressions, e-mail first, then IP addresses in the result; only IP addresses that Python's
//! `ipaddress` calls global. There are two differences. An e-mail address directly after a letter of Chinese, Japanese,
//! Korean, Thai, Lao, Khmer or Burmese is found: these scripts put no space before it. And the replacements, which are
//! used in turn, start over in each document, where datatrove continues from document to document; so a document's new
//! text depends on the document alone.
//!
//! To mask instead, set the lists to one text such as `<email>`; an empty list removes addresses. With `max`, a
//! document with more addresses, such as a list of members, is dropped: `pii_too_many`, the score is their number. A
//! verdict with new text has the reason `pii_replaced`, their number as the score, and their places as spans.
//!
//! It is not idempotent for two odd texts: an address that touches another digit is separated from it, and may then
//! form an address with it again.

mod email;
mod ip;

use trainyard_plugin::{Create, Filter, Result, Rewrite, Verdict, config};

config! {
    /// Settings of `pii`.
    pub struct Settings {
        /// replaces e-mail addresses
        emails: bool = true,
        /// replaces IP addresses of version 4
        ips: bool = true,
        /// keeps IP addresses that are private, reserved or for documentation
        public_ips_only: bool = true,
        /// replacements for e-mail addresses, used in turn; empty: the addresses are removed
        email_replacements: Vec<String> = ["email@example.com".into(), "firstname.lastname@example.org".into()],
        /// replacements for IP addresses, used in turn; empty: the addresses are removed
        ip_replacements: Vec<String> = IPS.map(Into::into),
        /// maximum number of addresses in a document; 0: no limit
        max: u32 = 0u32,
    }
}

/// Addresses that did not respond when datatrove's authors chose them.
const IPS: [&str; 6] =
    ["22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168"];

/// The cleaner.
pub struct Pii(Settings);

impl Create for Pii {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        Ok(Self(settings))
    }
}

impl Filter for Pii {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(documents.iter().map(|document| self.verdict(document)).collect())
    }
}

impl Pii {
    fn verdict(&self, document: &str) -> Verdict {
        let emails = self.without_emails(document);
        let n_emails = emails.n_changes();
        let verdict = if n_emails == 0 {
            self.without_ips(document).verdict("pii_replaced")
        } else {
            // spans are places in the document as it came: those of the second step would be places in another text
            let mut verdict = emails.verdict("pii_replaced");
            if let Some(text) = &mut verdict.text {
                let ips = self.without_ips(text);
                verdict.score = Some((n_emails + ips.n_changes()) as f64);
                *text = ips.text();
            }
            verdict
        };
        match verdict.score {
            Some(n) if self.0.max > 0 && n > self.0.max.into() => {
                Verdict { spans: verdict.spans, ..Verdict::drop("pii_too_many").score(n) }
            }
            _ => verdict,
        }
    }

    fn without_emails<'a>(&self, text: &'a str) -> Rewrite<'a> {
        let mut rewrite = Rewrite::new(text);
        let mut from = 0;
        for at in memchr::memchr_iter(b'@', if self.0.emails { text.as_bytes() } else { &[] }) {
            if at >= from
                && let Some(range) = email::around(text, at, from)
            {
                from = range.end;
                let turn = rewrite.n_changes();
                rewrite.replace(range, in_turn(&self.0.email_replacements, turn));
            }
        }
        rewrite
    }

    fn without_ips<'a>(&self, text: &'a str) -> Rewrite<'a> {
        let mut rewrite = Rewrite::new(text);
        let mut from = 0;
        for dot in memchr::memchr_iter(b'.', if self.0.ips { text.as_bytes() } else { &[] }) {
            if dot >= from
                && let Some(range) = ip::around(text.as_bytes(), dot, from)
            {
                from = range.end;
                if ip::parse(&text[range.clone()]).is_some_and(|ip| !self.0.public_ips_only || ip::is_global(ip)) {
                    let turn = rewrite.n_changes();
                    rewrite.replace(range, in_turn(&self.0.ip_replacements, turn));
                }
            }
        }
        rewrite
    }
}

fn in_turn(replacements: &[String], turn: u64) -> &str {
    let n = replacements.len().max(1) as u64;
    replacements.get((turn % n) as usize).map_or("", String::as_str)
}

trainyard_plugin::export!(filter "pii" = Pii);

#[cfg(test)]
mod tests;
