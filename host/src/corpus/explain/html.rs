//! The drop table as one page of HTML: no scripts, nothing from elsewhere.

use super::drops::{DropTable, FilterDrops, ReasonDrops, percent};
use super::judgement::number;
use super::sample::{Excerpt, Sample};
use crate::report;
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;\
background:#fff}h1{font-size:1.5em}h2{font-size:1.15em;margin:2em 0 .3em}table{border-collapse:collapse;width:100%}\
td,th{padding:.2em .6em .2em 0;text-align:left;vertical-align:top}.n{text-align:right;\
font-variant-numeric:tabular-nums;\
white-space:nowrap}.bar{width:30%}.bar i{display:block;height:.9em;margin-top:.3em;background:#c60;min-width:1px}\
.kept i{background:#285}code,.text{font:13px/1.45 ui-monospace,monospace}.text{margin:.2em 0 .8em;padding:.4em .6em;\
background:#f5f5f2;overflow-wrap:anywhere}mark{background:#fd8}summary{cursor:pointer}small{color:#666}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.text{background:#262626}mark{background:#850;\
color:#fff}small{color:#999}}";

/// The page; `title` says which corpus it is about.
pub fn page(title: &str, table: &DropTable) -> String {
    let title = escape(title);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: dropped documents</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
         <h1>{title}: what the filters dropped</h1>\n"
    );
    overview(&mut html, table);
    for filter in &table.filters {
        section(&mut html, filter, table.documents);
    }
    html.push_str("</body></html>\n");
    html
}

fn overview(html: &mut String, table: &DropTable) {
    let DropTable { documents, bytes, kept, kept_bytes, filters } = table;
    html.push_str(
        "<table><tr><th></th><th class=n>documents</th><th class=n>share</th><th class=n>text</th><th></th></tr>\n",
    );
    row(html, "read", *documents, *documents, *bytes, "kept");
    for filter in filters {
        row(html, &format!("dropped by {}", escape(&filter.name)), filter.dropped, *documents, filter.bytes, "");
    }
    row(html, "kept", *kept, *documents, *kept_bytes, "kept");
    html.push_str("</table>\n");
}

/// A line of a table; `name` is HTML.
fn row(html: &mut String, name: &str, n: u64, all: u64, bytes: u64, class: &str) {
    let (share, bytes) = (percent(n, all), report::bytes(bytes as f64));
    let width = 100.0 * n as f64 / all.max(1) as f64;
    let _ = writeln!(
        html,
        "<tr><td>{name}</td><td class=n>{n}</td><td class=n>{share}</td><td class=n>{bytes}</td>\
         <td class=\"bar {class}\"><i style=\"width:{width:.2}%\"></i></td></tr>"
    );
}

fn section(html: &mut String, filter: &FilterDrops, all: u64) {
    let FilterDrops { name, seen, rewritten, dropped, reasons, .. } = filter;
    let _ = writeln!(
        html,
        "<h2>{}</h2>\n<p>{seen} seen, {dropped} dropped, {rewritten} rewritten</p>\n<table>",
        escape(name)
    );
    for ReasonDrops { reason, rule, documents, bytes, .. } in reasons {
        let rule = rule.as_ref().map(|rule| format!(" <small>{}</small>", escape(rule))).unwrap_or_default();
        row(html, &format!("<code>{}</code>{rule}", escape(reason)), *documents, all, *bytes, "");
    }
    html.push_str("</table>\n");
    for ReasonDrops { reason, samples, .. } in reasons.iter().filter(|reason| !reason.samples.is_empty()) {
        let (n, reason) = (samples.len(), escape(reason));
        let _ = writeln!(html, "<details><summary><code>{reason}</code> <small>{n} examples</small></summary>");
        samples.iter().for_each(|sample| example(html, sample));
        html.push_str("</details>\n");
    }
}

fn example(html: &mut String, sample: &Sample) {
    let Sample { id, start, score, spans, .. } = sample;
    let score = score.map(|score| format!(" <small>{}</small>", number(score))).unwrap_or_default();
    let _ = writeln!(html, "<p><code>{}</code>{score}</p>", escape(id));
    if spans.is_empty() {
        let _ = writeln!(html, "<div class=text>{}</div>", escape(start));
    }
    for Excerpt { before, text, after, .. } in spans {
        let [before, text, after] = [before, text, after].map(|text| escape(text));
        let _ = writeln!(html, "<div class=text>{before}<mark>{text}</mark>{after}</div>");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Document, Judged};
    use trainyard_plugin::{Span, Verdict};

    #[test]
    fn texts_are_escaped_and_spans_marked() {
        let text = "a <script>alert('x')</script> & \"b\"";
        let document = Document { id: "<id>".into(), source: 0, text: text.into(), metadata: None };
        let judged = Judged { document, original: None, outcomes: Vec::new() };
        let spans = vec![Span { start: 2, end: 10 }];
        let sample = Sample::new(&judged, &Verdict { spans, ..Verdict::drop("why").score(0.5) });
        let reason = ReasonDrops {
            reason: "why".into(),
            rule: Some("max ≤ 1".into()),
            documents: 1,
            share: 0.5,
            bytes: 10,
            samples: vec![sample],
        };
        let filter =
            FilterDrops { name: "f<g".into(), seen: 2, rewritten: 0, dropped: 1, bytes: 10, reasons: vec![reason] };
        let table = DropTable { documents: 2, bytes: 20, kept: 1, kept_bytes: 10, filters: vec![filter] };
        let html = page("corpus & more", &table);
        assert!(html.contains("a <mark>&lt;script&gt;</mark>alert('x')&lt;/script&gt; &amp; &quot;b&quot;"), "{html}");
        assert!(
            html.contains("<title>corpus &amp; more: dropped documents</title>") && html.contains("<h2>f&lt;g</h2>")
        );
        assert!(html.contains("<code>&lt;id&gt;</code> <small>0.5</small>"));
        assert!(
            !html.contains("http") && !html.contains("<script") && !html.contains("src="),
            "nothing from elsewhere"
        );
        assert!(html.contains("width:50.00%") && html.contains("50.0 %"));
    }
}
