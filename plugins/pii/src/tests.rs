//! Tests of what is found and how it is replaced.

use super::*;
use trainyard_plugin::Span;

fn verdict(settings: &Settings, document: &str) -> Verdict {
    Pii::create(settings.clone()).unwrap().judge(&[document]).unwrap().remove(0)
}

fn masked(document: &str) -> String {
    let settings = Settings {
        email_replacements: vec!["<email>".into()],
        ip_replacements: vec!["<ip>".into()],
        ..Settings::default()
    };
    verdict(&settings, document).text.unwrap_or_else(|| document.into())
}

#[test]
fn emails() {
    assert_eq!(masked("Write to jane.doe+x@mail.example.co.uk."), "Write to <email>.");
    assert_eq!(masked("<a@b.c>, (d_e@f-g.h)"), "<<email>>, (<email>)");
    assert_eq!(masked("a@b.c@d.e"), "<email>@d.e");
    assert_eq!(masked("..a..b@c.d"), "..a..<email>");
    assert_eq!(masked("a@b.c-"), "<email>-");
    assert_eq!(masked("a@b.c-.d"), "<email>-.d");
    assert_eq!(masked("a@[1.2.3.4] a@[1.2.3.x-y:] a@[1.2.3.256]"), "<email> <email> a@[<ip>6]");
    // a word begins behind what is no letter; é is one
    assert_eq!(masked("!!a@b.c éa@b.c é!a@b.c яa@b.c"), "!!<email> éa@b.c é<email> яa@b.c");
    for document in ["", "@", "a@", "@b.c", "a@b", "a@.c", "a@b.", "a@-b.c", "a@b-.c", "a.@b.c", "a@[1.2.3]", "a@b..c"]
    {
        assert_eq!(verdict(&Settings::default(), document), Verdict::keep(), "{document:?}");
    }
}

/// Some scripts have no space before an address; Python's `\b` needs one.
#[test]
fn emails_beside_scripts_without_spaces() {
    for (before, behind) in [
        ("请写信到", "联系我们"),
        ("邮箱：", "。"),
        ("メールは", "まで"),
        ("カタカナ", "ｶﾅ"),
        ("々", "〇"),
        ("อีเมล", "ครับ"),
        ("ອີເມວ", "ແມ່ນ"),
        ("អ៊ីមែល", "។"),
        ("အီးမေးလ်", "သို့"),
        ("메일은", "입니다"),
        ("ＭＡＩＬ", "Ａ"),
        ("𠮷", "𠮷"),
    ] {
        let masked = masked(&format!("{before}zhang.san@example.cn{behind}8.8.8.8{before}"));
        assert_eq!(masked, format!("{before}<email>{behind}<ip>{before}"));
    }
}

#[test]
fn ips() {
    assert_eq!(masked("8.8.8.8 and 1.2.3.4."), "<ip> and <ip>.");
    // cut out of longer runs
    assert_eq!(masked("999.1.2.3 1234.5.6.7 1.2.3.256 1.2.3.4.5"), "9<ip> 1<ip> <ip>6 <ip>.5");
    assert_eq!(masked("1.1.1.1.2.2.2.2 1.256.3.4 v1.2.3 1..2.3.4"), "<ip>.<ip> 1.256.3.4 v1.2.3 1..2.3.4");
    let private = [
        "0.1.2.3",
        "10.0.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.9.9",
        "198.51.100.7",
        "203.0.113.9",
        "240.0.0.1",
        "255.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "01.2.3.4",
        "1.2.3.04",
        "::1",
    ];
    for document in private {
        assert_eq!(verdict(&Settings::default(), document), Verdict::keep(), "{document}");
    }
    let public = ["172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "198.17.0.1", "198.20.0.1", "224.0.0.1"];
    for document in public.into_iter().chain(["192.0.0.8", "192.0.1.0", "239.255.255.255", "203.0.114.1"]) {
        assert_eq!(masked(document), "<ip>", "{document}");
    }
    // the digits of a private address are used up
    assert_eq!(masked("10.0.0.1.8.8.8.8"), "10.0.0.1.<ip>");
    let all = Settings { public_ips_only: false, ..Settings::default() };
    assert_eq!(verdict(&all, "10.0.0.1 01.2.3.4").text.as_deref(), Some("22.214.171.124 01.2.3.4"));
}

#[test]
fn replacements_take_turns_in_each_document() {
    let text = "a@b.c 1.2.3.4 a@b.c 8.8.8.8 a@b.c 9.9.9.9";
    let expected = "email@example.com 22.214.171.124 firstname.lastname@example.org 126.96.36.199 email@example.com \
                    188.8.131.52";
    let mut filter = Pii::create(Settings::default()).unwrap();
    let verdicts = filter.judge(&[text, "", text]).unwrap();
    assert_eq!(verdicts[0].text.as_deref(), Some(expected));
    assert_eq!(verdicts[2], verdicts[0]);
    assert_eq!(filter.judge(&[text]).unwrap()[0], verdicts[0]);
}

#[test]
fn settings_choose() {
    let text = "a@b.c 1.2.3.4";
    let settings = Settings { emails: false, ip_replacements: Vec::new(), ..Settings::default() };
    assert_eq!(verdict(&settings, text).text.as_deref(), Some("a@b.c "));
    let settings = Settings { ips: false, email_replacements: vec!["x".into()], ..Settings::default() };
    assert_eq!(verdict(&settings, text).text.as_deref(), Some("x 1.2.3.4"));
    let settings = Settings { max: 1, ..Settings::default() };
    let found = verdict(&settings, text);
    assert_eq!((found.keep, found.reason.as_str(), found.score, found.text), (false, "pii_too_many", Some(2.0), None));
    assert!(verdict(&settings, "a@b.c 10.0.0.1").keep);
}

#[test]
fn verdicts_say_what_and_where() {
    let found = verdict(&Settings::default(), "é a@b.c");
    assert_eq!((found.reason.as_str(), found.score), ("pii_replaced", Some(1.0)));
    assert_eq!(found.spans, [Span { start: 3, end: 8 }]);
}

#[test]
fn long_runs_take_no_long_time() {
    let runs = ["@", "a@", "a.", "1.", "a@b.", "@[1.", "!@", "1.1.1.", "a@a-"].map(|piece| piece.repeat(1 << 19));
    for run in &runs {
        verdict(&Settings::default(), run);
    }
    verdict(&Settings::default(), &("a".repeat(1 << 20) + &"@b".repeat(1 << 19)));
}
