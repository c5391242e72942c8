//! Whole pages.

use crate::*;

const HOSTILE: &str = "</script></style><b onclick=\"x\">'&amp;{{ 7 * 7 }}-->";

fn page(blocks: Vec<Block>) -> Page {
    Page { sections: vec![Section { blocks, ..Section::default() }], ..Page::default() }
}

fn chart(series: Vec<Series>) -> Block {
    Block::Chart(Chart { title: "Loss".into(), x_label: "step".into(), series, ..Chart::default() })
}

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    Series { name: name.into(), points: points.to_vec(), kind: Kind::Line }
}

/// The value of the first attribute with a name.
fn attribute<'a>(html: &'a str, name: &str) -> &'a str {
    html.split_once(&format!(" {name}=\"")).unwrap().1.split_once('"').unwrap().0
}

/// A page in which every text is `text`.
fn filled(text: &str) -> Page {
    let own = || text.to_owned();
    let line = Series { name: own(), points: vec![(1.0, 2.0), (2.0, 3.0)], kind: Kind::Smoothed(3) };
    let empty = Series { name: own(), ..Series::default() };
    let chart = Chart {
        title: own(),
        x_label: own(),
        y_label: own(),
        log_y: true,
        series: vec![line, empty],
        marks: vec![Mark { x: 1.0, label: own() }],
    };
    let cell = |verdict| Cell { text: own(), verdict };
    let verdicts = [None, Some(Verdict::Better), Some(Verdict::Worse), Some(Verdict::Neutral)];
    let column = Column { name: own(), unit: own(), is_number: true };
    let table = Table {
        caption: own(),
        columns: vec![column; 4],
        rows: vec![verdicts.map(cell).to_vec()],
        footnotes: vec![own()],
    };
    let blocks = vec![
        Block::Chart(chart),
        Block::Table(table),
        Block::Facts(Facts { entries: vec![(own(), own())] }),
        Block::Samples(Samples { title: own(), samples: vec![Sample { at: own(), text: own() }] }),
        Block::Notice(own()),
        Block::Code(Code { title: own(), text: own() }),
    ];
    let section = Section { heading: own(), text: own(), blocks };
    Page { title: own(), subtitle: own(), generator: own(), sections: vec![section.clone(), section] }
}

#[test]
fn text_is_never_markup() {
    let (html, plain) = (filled(HOSTILE).html(), filled("plain").html());
    for mark in ["<", ">", "\"", "'"] {
        let of_script = |html: &str| html.matches(mark).count();
        assert_eq!(of_script(&html), of_script(&plain), "{mark}");
    }
    let escaped =
        "&lt;&#x2f;script&gt;&lt;&#x2f;style&gt;&lt;b onclick=&quot;x&quot;&gt;&#x27;&amp;amp;{{ 7 * 7 }}--&gt;";
    assert!(html.matches(escaped).count() > 30);
    assert_eq!(html.matches(escaped).count(), html.matches("7 * 7").count());
}

#[test]
fn text_of_another_direction_is_isolated() {
    let text = "\u{202e}abc\u{5d0}";
    let html = filled(text).html();
    assert!(html.contains(&format!("<bdi class=\"name\">{text}</bdi>")), "the legend");
    assert!(html.contains(&format!("\u{2068}{text}\u{2069}: 2 values")), "the description");
    assert!(html.contains(&format!("<pre class=\"text\" dir=\"auto\">\n{text}</pre>")), "a sample");
}

#[test]
fn a_text_keeps_its_first_line() {
    let code = Code { title: "a".into(), text: "\n\n[model]".into() };
    // a browser leaves out the first line break
    assert!(page(vec![Block::Code(code)]).html().contains(">\n\n\n[model]</pre>"));
}

#[test]
fn a_chart_without_values() {
    for points in [&[][..], &[(1.0, f64::NAN)], &[(f64::INFINITY, 1.0)]] {
        let html = page(vec![chart(vec![series("a", points)])]).html();
        assert!(html.contains("<p class=\"empty\">no values yet</p>") && !html.contains("<svg class=\"frame\""));
    }
    assert!(page(vec![chart(Vec::new())]).html().contains("no values yet"));
}

#[test]
fn one_point_is_a_dot() {
    let html = page(vec![chart(vec![series("a", &[(5.0, 2.0)])])]).html();
    assert_eq!(attribute(&html, "class=\"dots lone\" d"), "M50000 50000h1");
}

#[test]
fn a_constant_series_is_a_line_in_the_middle() {
    let html = page(vec![chart(vec![series("a", &[(0.0, 2.0), (10.0, 2.0)])])]).html();
    assert!(html.contains("<path d=\"M0 50000l100000 0\">"));
}

#[test]
fn values_that_are_not_drawn_are_counted() {
    let html = page(vec![chart(vec![series("a", &[(0.0, 2.0), (1.0, f64::NAN), (2.0, 2.0)])])]).html();
    assert!(html.contains("1 value is not drawn: not finite."));
    let points = vec![(0.0, 0.0), (1.0, -1.0), (2.0, 2.0)];
    let chart = Chart { log_y: true, series: vec![series("a", &points)], ..Chart::default() };
    assert!(page(vec![Block::Chart(chart)]).html().contains("2 values are not drawn: not finite, or not above zero."));
}

#[test]
fn what_a_chart_says_in_words() {
    let html = page(vec![chart(vec![series("a", &[(0.0, 9.0), (2000.0, 2.5)]), series("b", &[])])]).html();
    let text = "over \u{2068}step\u{2069} from 0 to 2,000. \u{2068}a\u{2069}: 2 values between 2.5000 and 9, the last \
                2.5000. \u{2068}b\u{2069}: no values yet.";
    assert!(html.contains(text), "{html}");
}

#[test]
fn the_script_gets_the_numbers() {
    let html = page(vec![chart(vec![series("a", &[(0.0, 1.0), (2000.0, f64::NAN), (4000.0, 3.0)])])]).html();
    let data = attribute(&html, "data-points").replace("&quot;", "\"");
    assert_eq!(data, r#"{"x":[0,4e3],"y":[0.9,3.1],"log":false,"series":[[[0,2e3,4e3],[1,null,3],[],[]]]}"#);
}

#[test]
fn an_average_stays_within_a_logarithmic_axis() {
    let mut points = vec![(0.0, 0.0); 50];
    points.extend([(1.0, 2.0), (2.0, 4.0)]);
    let series = vec![Series { kind: Kind::Smoothed(10), ..series("a", &points) }];
    let html = page(vec![Block::Chart(Chart { log_y: true, series, ..Chart::default() })]).html();
    let data = attribute(&html, "data-points");
    assert!(data.contains("[0,0,0,") && data.contains("null,2,3.1]"), "zeros are no part of the average: {data}");
}

#[test]
fn rows_of_any_length() {
    let cells = vec![Cell { text: "a".into(), verdict: None }; 3];
    let table = Table { columns: vec![Column::default()], rows: vec![cells, Vec::new()], ..Table::default() };
    assert_eq!(page(vec![Block::Table(table)]).html().matches("<bdi>a</bdi>").count(), 3);
}

#[test]
fn charts_stand_in_pairs() {
    let wide = |n: usize| page(vec![chart(vec![series("a", &[])]); n]).html().matches("class=\"chart wide\"").count();
    assert_eq!([1, 2, 3, 4, 5].map(wide), [1, 0, 1, 0, 1]);
}

#[test]
fn the_page_asks_nothing_of_a_network() {
    let html = filled("plain").html();
    for address in ["http:", "https:", "src=", "@import", "url(", "fetch("] {
        assert!(!html.contains(address), "{address}");
    }
    let policy = "default-src 'none'; style-src 'sha256-";
    assert!(html.contains(policy) && !html.contains("unsafe-inline"));
}

#[test]
fn the_same_content_is_the_same_page() {
    let names: Vec<_> = (0..20).map(|n| series(&format!("run {n}"), &[(0.0, f64::from(n)), (1.0, 2.0)])).collect();
    let page = page(vec![chart(names.clone()), chart(names)]);
    assert_eq!(page.html(), page.html());
}

#[test]
fn a_million_records_make_a_small_page() {
    let points: Vec<_> =
        (0..1_000_000_u32).map(|n| (f64::from(n), f64::from(n.wrapping_mul(2_654_435_761)) * 1e-9)).collect();
    let smoothed = Series { kind: Kind::Smoothed(1000), ..series("a", &points) };
    let n_bytes = page(vec![chart(vec![smoothed]); 5]).html().len();
    assert!(n_bytes < 3_000_000, "{n_bytes} bytes");
}
