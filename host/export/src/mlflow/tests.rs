//! Names and numbers, and servers that are not MLflow's. What a real server takes is tested by
//! `tests/peers/mlflow_server.py`.

use super::*;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::spawn;

#[test]
fn names_are_those_that_mlflow_allows() {
    for (name, expected) in [
        ("train/loss", "train/loss"),
        ("validation/größe", "validation/größe"),
        ("a/<b>,c", "a/_b__c"),
        ("/a//b/../.", "_/a/_/b/_/_"),
    ] {
        assert_eq!(key(name), expected);
    }
    assert_eq!(key(&"ä".repeat(300)).chars().count(), KEY_CHARS);
}

#[test]
fn numbers_that_json_lacks_are_words() {
    let words = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5].map(number);
    assert_eq!(words, [json!("NaN"), json!("Infinity"), json!("-Infinity"), json!(-0.5)]);
}

/// The error of an export to a server that gives this answer to every request.
fn error(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let error = of(&url);
    server.join().unwrap();
    error.replace(&url, "URL")
}

fn of(url: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    fs::write(&log, "{\"kind\":\"step\",\"step\":1}\n").unwrap();
    export(&log, url, "x").unwrap_err().to_string()
}

#[test]
fn a_server_that_takes_nothing_is_told_in_one_line() {
    let got = error("HTTP/1.1 500 x\r\ncontent-length: 26\r\n\r\n{\"message\":\"out of order\"}");
    assert_eq!(got, "URL: expected that MLflow takes experiments/get-by-name, got status 500: out of order");
    let got = error("HTTP/1.1 403 x\r\ncontent-length: 2\r\n\r\nhi");
    assert!(got.ends_with("got status 403: no message; is it an MLflow server?"), "{got}");
    let got = error("what");
    assert!(got.starts_with("URL: expected an MLflow server's answer to experiments/get-by-name, got: "), "{got}");
    assert!(got.ends_with("; start one, or correct the address"), "{got}");
}

#[test]
fn an_address_that_is_not_plain_http_is_told() {
    let expected = "https://example.com: expected an address of plain HTTP, as http://example.com:5000; for another, forward a \
                    local port";
    assert_eq!(of("https://example.com"), expected);
}
