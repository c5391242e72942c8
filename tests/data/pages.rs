//! Web pages that would take minutes, or all memory, count as pages without main text.

use super::Corpus;
use std::time::{Duration, Instant};

/// Far more than any of these pages takes, and far less than the slowest took.
const LIMIT: Duration = Duration::from_secs(20);

const PARAGRAPH: &str = "<p>The river ran quietly past the old mill, and nobody in the village remembered who had \
    built it; on summer evenings the children sat upon its wall, counted the boats and the swallows.</p>";

#[test]
fn pages_beyond_the_limits_have_no_main_text() {
    let numbered = |n: usize, tag: &dyn Fn(usize) -> String| (0..n).map(tag).collect::<String>();
    let deep = "pages without main text: elements are nested more than 512 deep";
    let many = "pages without main text: more elements and texts than 1000000, or too many of them deep inside others";
    let wide = "pages without main text: a tag has more than 2000 attributes";
    let pages = [
        ("<div>".repeat(15_000) + PARAGRAPH, deep),
        ("<table><tr><td>".repeat(300_000), deep),
        ("<table>".to_owned() + &"<div>".repeat(500_000), deep),
        ("<svg><g>".repeat(100_000), deep),
        ("<p>".to_owned() + &"<span>x".repeat(100_000), deep),
        // formatting elements that every later paragraph opens again
        (numbered(50_000, &|i| format!("<p><b id={i}>x</p>")), deep),
        (numbered(400, &|i| format!("<b id={i}>")) + &"<p>x</p>".repeat(100_000), many),
        ("<div>".repeat(400) + &"<div>x</div>".repeat(100_000), many),
        ("<a href=x>y".repeat(500_000), many),
        (format!("<p {}>{PARAGRAPH}", numbered(500_000, &|i| format!("a{i}=1 "))), wide),
        (format!("<p {}>{PARAGRAPH}", numbered(500_000, &|i| format!("a{i} "))), wide),
    ];
    for (page, why) in pages {
        let mut corpus = Corpus::of("good.html", format!("<article>{}</article>", PARAGRAPH.repeat(5)));
        let start = page[..page.len().min(40)].to_owned();
        corpus.add("bad.html", page);
        let begun = Instant::now();
        let dataset = corpus.prepare().unwrap();
        assert!(begun.elapsed() < LIMIT, "{start}: {:?}", begun.elapsed());
        let report = &dataset.manifest.report;
        assert_eq!((report.read, report.empty, report.kept), (2, 1, 1), "{start}");
        assert_eq!(report.notes.keys().collect::<Vec<_>>(), [why], "{start}");
        assert!(report.lines().contains(&format!("data: 1 {why} (bad.html)")), "{start}");
    }
}

#[test]
fn large_and_sloppy_pages_are_read_to_their_end() {
    let texts = |page: &str| Corpus::of("a.html", page).texts().concat();
    let script = format!("<script>if (a<b c='1'{}) {{}}</script>", " d".repeat(5000));
    let pages = [
        // more than one piece of the parser's input, with characters of several bytes at every place
        (0..3000).map(|i| format!("<p>Paragraph {i}: über den Fluß, 中, with commas, and more.")).collect::<String>(),
        (0..3000).map(|i| format!("<li>Item {i}: über den Fluß, 中, with commas, and more.")).collect::<String>(),
        (0..3000)
            .map(|i| format!("<div><b>Item {i}: über den Fluß</b>, 中, with commas, and more.<br></div>"))
            .collect::<String>(),
    ];
    for page in pages {
        let text = texts(&format!("<html><head>{script}</head><body><article>{page}</article>"));
        assert!(text.contains(" 0: über den Fluß") && text.contains(" 2999: über den Fluß"), "{:.200}", page);
        assert_eq!(text.matches("中, with commas, and more.").count(), 3000, "{:.200}", page);
    }
}
