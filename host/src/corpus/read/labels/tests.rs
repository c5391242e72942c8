//! Labelled data of every format, and what is said of data that are wrong.

use crate::corpus::{DataConfig, Document, documents};
use crate::settings;
use parquet::file::writer::SerializedFileWriter;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Reads `files` under a config whose `[data]` begins with `data`; its sources are named `DIR/…`.
fn read(files: &[(&str, &str)], data: &str) -> Result<Vec<Document>, String> {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = dir.path().display().to_string();
    let read = config(&data.replace("DIR", &root)).and_then(|config| {
        let all = documents(&config).map_err(|error| error.to_string())?;
        all.collect::<crate::Result<Vec<_>>>().map_err(|error| error.to_string())
    });
    read.map_err(|error| error.replace(&format!("{root}/"), ""))
}

fn config(data: &str) -> Result<DataConfig, String> {
    let text = format!("[data]\n{data}");
    settings::parse(Path::new("x.toml"), &text, &[], |root| root.section("data", DataConfig::read))
        .map_err(|error| error.to_string())
}

/// Each document's text and metadata.
fn shown(documents: &[Document]) -> Vec<(String, String)> {
    documents.iter().map(|d| (d.text().to_owned(), d.metadata.clone().unwrap_or_default())).collect()
}

#[track_caller]
fn reads(files: &[(&str, &str)], data: &str, expected: &[(&str, &str)]) {
    let documents = read(files, data).unwrap();
    let expected: Vec<_> = expected.iter().map(|&(text, metadata)| (text.to_owned(), metadata.to_owned())).collect();
    assert_eq!(shown(&documents), expected);
}

#[track_caller]
fn refuses(files: &[(&str, &str)], data: &str, expected: &str) {
    let error = read(files, data).unwrap_err();
    assert_eq!(error, expected);
    assert_eq!(error.lines().count(), 1);
}

const LABELS: &str = "fields.label = \"sentiment\"\n[[data.source]]\npath = \"DIR/a.jsonl\"\n";
const TAGS: &str = "fields = { text = \"tokens\", tags = \"ner\" }\n[[data.source]]\npath = \"DIR/a.jsonl\"\n";

#[test]
fn json_lines_keep_what_is_learnt_from_under_its_key() {
    let lines = r#"{"text": "good", "sentiment": "pos", "stars": 5}
{"text": "fair", "sentiment": 0.5}
{"text": "both", "sentiment": ["pos", "neg"]}
"#;
    let metadata = [r#"{"label":"pos","stars":5}"#, r#"{"label":0.5}"#, r#"{"label":["pos","neg"]}"#];
    let data = format!("{LABELS}metadata = [\"stars\"]");
    reads(&[("a.jsonl", lines)], &data, &[("good", metadata[0]), ("fair", metadata[1]), ("both", metadata[2])]);
    let pair = r#"{"de": "ein Haus", "en": "a house"}"#;
    let data = "fields = { source = \"de\", target = \"en\" }\n[[data.source]]\npath = \"DIR/a.json\"";
    reads(&[("a.json", pair)], data, &[("ein Haus", r#"{"target":"a house"}"#)]);
}

#[test]
fn lists_of_words_are_texts_with_tags() {
    let line = r#"{"tokens": ["EU", "rejects", "it"], "ner": ["I-ORG", "O", "O"]}"#;
    reads(&[("a.jsonl", line)], TAGS, &[("EU rejects it", r#"{"tags":["B-ORG","O","O"]}"#)]);
    let line = r#"{"tokens": ["EU", "rejects"], "ner": [1, 0]}"#;
    let data = format!("tag_names = [\"O\", \"B-ORG\"]\n{TAGS}");
    reads(&[("a.jsonl", line)], &data, &[("EU rejects", r#"{"tags":["B-ORG","O"]}"#)]);
    let line = r#"{"tokens": "EU rejects", "ner": [{"start": 0, "end": 2, "type": "ORG"}]}"#;
    reads(&[("a.jsonl", line)], TAGS, &[("EU rejects", r#"{"tags":[{"start":0,"end":2,"type":"ORG"}]}"#)]);
    let line = r#"{"tokens": ["EU", "a b"], "ner": ["O", "O"]}"#;
    let expected = "a.jsonl:1: field \"tokens\": expected a word without white space as number 2, got \"a b\"; correct it, or set data.source.invalid_lines to \"skip\"";
    refuses(&[("a.jsonl", line)], TAGS, expected);
}

/// Writes a table of lists: two rows of words and of numbers for their tags, then a row of none.
fn write_lists(path: &Path) {
    use parquet::data_type::{ByteArrayType, Int64Type};
    let schema = "message m {
        optional group tokens (LIST) { repeated group list { optional binary element (UTF8); } }
        optional group ner (LIST) { repeated group list { optional int64 element; } }
    }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let (defined, repeated) = ([3, 3, 3, 0], [0, 1, 0, 0]);
    let mut column = group.next_column().unwrap().unwrap();
    let words = ["EU", "rejects", "Ann"].map(Into::into);
    column.typed::<ByteArrayType>().write_batch(&words, Some(&defined), Some(&repeated)).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 0, 2], Some(&defined), Some(&repeated)).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_has_lists_of_words_and_tags() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.parquet");
    write_lists(&path);
    let names = "tag_names = [\"O\", \"B-ORG\", \"B-PER\"]";
    let data = |names| format!("{names}\n{}", TAGS.replace("DIR/a.jsonl", &path.display().to_string()));
    let expected = [("EU rejects", r#"{"tags":["B-ORG","O"]}"#), ("Ann", r#"{"tags":["B-PER"]}"#)];
    reads(&[], &data(names), &expected);
    let error = read(&[], &data("")).unwrap_err();
    let expected = "a.parquet (row 1): field \"ner\": expected names of tags, got the number 1; write names, or list them in data.tag_names, or set data.source.invalid_lines to \"skip\"";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn unlabelled_documents_stop_or_are_left_out_or_kept() {
    let lines = "{\"text\": \"a\", \"sentiment\": null}\n{\"text\": \"b\", \"sentiment\": \"pos\"}\n{\"text\": \" \"}";
    let files = [("a.jsonl", lines)];
    let expected = "a.jsonl:1: no label (field \"sentiment\"); add it, or set data.unlabelled to \"skip\" or \"keep\"";
    refuses(&files, LABELS, expected);
    reads(&files, &format!("unlabelled = \"skip\"\n{LABELS}"), &[("b", r#"{"label":"pos"}"#)]);
    reads(&files, &format!("unlabelled = \"keep\"\n{LABELS}"), &[("a", ""), ("b", r#"{"label":"pos"}"#)]);
}

#[test]
fn bad_labels_name_file_line_field_and_cure() {
    let skip = ", or set data.source.invalid_lines to \"skip\"";
    let tags = "{\"tokens\": [\"a\", \"b\"], \"ner\": ";
    for (line, data, expected) in [
        (
            format!("{tags}[\"O\", \"O\", \"O\"]}}"),
            TAGS,
            "field \"ner\": expected one tag for each of 2 words, got 3, which is too many; correct it",
        ),
        (
            format!("{tags}[[0, 3, \"A\"], [2, 3, \"B\"]]}}"),
            TAGS,
            "field \"ner\": expected spans that do not overlap, got [0,3,\"A\"] and [2,3,\"B\"]; remove one of them",
        ),
        (
            format!("{tags}[3, 0]}}"),
            TAGS,
            "field \"ner\": expected names of tags, got the number 3; write names, or list them in data.tag_names",
        ),
        (
            "{\"text\": \"a\", \"sentiment\": {}}".to_owned(),
            LABELS,
            "field \"sentiment\": expected text, a number or a list of texts, got {}; write the label's name",
        ),
    ] {
        let lines = format!("\n{line}\n");
        refuses(&[("a.jsonl", &lines)], data, &format!("a.jsonl:2: {expected}{skip}"));
        assert_eq!(read(&[("a.jsonl", &lines)], &format!("{data}invalid_lines = \"skip\"")), Ok(Vec::new()));
    }
    let line = format!("{tags}[\"I-A\", \"O\"]}}");
    let expected = format!(
        "a.jsonl:1: field \"ner\": word 1 has the tag \"I-A\", and none of \"B-A\" begins it; correct it, or set data.bio to \"repair\"{skip}"
    );
    refuses(&[("a.jsonl", &line)], &format!("bio = \"refuse\"\n{TAGS}"), &expected);
}

#[test]
fn tables_are_read_by_their_columns() {
    let data = "fields.label = \"y\"\n[[data.source]]\npath = \"DIR/a.csv\"\nmetadata = [\"n\"]";
    let rows = "\u{feff}text,y,n\r\n\"a, \"\"b\"\"\r\nc\",pos,1\r\n\r\nd,\"[\"\"x\"\",\"\"y\"\"]\",\r\n";
    let expected = [("a, \"b\"\r\nc", r#"{"label":"pos","n":"1"}"#), ("d", r#"{"label":["x","y"],"n":""}"#)];
    reads(&[("a.csv", rows)], data, &expected);
    let documents = read(&[("a.csv", rows)], data).unwrap();
    assert_eq!(documents.iter().map(|document| document.id.as_str()).collect::<Vec<_>>(), ["a.csv:2", "a.csv:5"]);
    let data = "fields.label = \"y\"\n[[data.source]]\npath = \"DIR/a.tsv\"";
    reads(&[("a.tsv", "y\ttext\npos\t\"a\" b\n")], data, &[("\"a\" b", r#"{"label":"pos"}"#)]);
}

#[test]
fn bad_tables_name_the_line() {
    let data = "fields.label = \"y\"\n[[data.source]]\npath = \"DIR/a.csv\"";
    let skip = ", or set data.source.invalid_lines to \"skip\"";
    let cure = "put the value into quotes and double those inside it";
    for (rows, expected) in [
        ("text,y\na,b\nc\"d,b\n", format!("a.csv:3: a stray quote before or in column 2; {cure}{skip}")),
        ("text,y\n\"a\"b,c\n", format!("a.csv:2: a stray quote before or in column 4; {cure}{skip}")),
        ("text,y\na,\"b\nc,d\n", "a.csv:2: the quote that begins a value in line 2 is not closed; close it".into()),
        (
            "text,y\na,\"b\nc,\"d\"\n",
            format!("a.csv:2: a stray quote before or in column 4 of line 3, in a value that begins in line 2; {cure}"),
        ),
        (
            "text,y\na,b\na,b,c\n",
            format!(
                "a.csv:3: expected 2 values, as many as the first line has, got 3; put a value with a comma in it into quotes{skip}"
            ),
        ),
        ("text,z\na,b\n", "a.csv:1: no column \"y\", set data.fields.label to one of: text, z".into()),
        ("x,y\na,b\n", "a.csv:1: no column \"text\", set data.source.text_field to one of: x, y".into()),
        ("text,text\na,b\n", "a.csv:1: two columns are named \"text\"; give each a name of its own".into()),
        (
            "text,y\na,\n",
            "a.csv:2: no label (field \"y\"); add it, or set data.unlabelled to \"skip\" or \"keep\"".into(),
        ),
        ("", "a.csv: the file is empty, expected text; name another data.source.path".into()),
    ] {
        refuses(&[("a.csv", rows)], data, &expected);
    }
    let rows = "text,y\nc\"d,b\na,b,c\na,b\n";
    reads(&[("a.csv", rows)], &format!("{data}\ninvalid_lines = \"skip\""), &[("a", r#"{"label":"b"}"#)]);
}

#[test]
fn sentences_have_words_and_tags() {
    let text = "-DOCSTART- -X- O\n\n# a comment\nEU NNP S-ORG\nrejects VBZ O\n\n\nAnn NNP I-PER\n";
    let data = "[[data.source]]\npath = \"DIR/a.conll\"";
    let expected = [("EU rejects", r#"{"tags":["B-ORG","O"]}"#), ("Ann", r#"{"tags":["B-PER"]}"#)];
    reads(&[("a.conll", text)], data, &expected);
    let documents = read(&[("a.conll", text)], data).unwrap();
    assert_eq!(documents.iter().map(|document| document.id.as_str()).collect::<Vec<_>>(), ["a.conll:4", "a.conll:8"]);
    let data = format!("{data}\ncolumns = {{ word = 0, tag = 1 }}");
    reads(&[("a.conll", text)], &data, &[("EU rejects", r#"{"tags":["NNP","VBZ"]}"#), ("Ann", r#"{"tags":["NNP"]}"#)]);
    let data = "bio = \"refuse\"\n[[data.source]]\npath = \"DIR/a.bio\"";
    let skip = ", or set data.source.invalid_lines to \"skip\"";
    let expected =
        format!("a.bio:2: expected 2 columns, as many as the sentence's first line, got 3; correct it{skip}");
    refuses(&[("a.bio", "a O\nb c O\n")], data, &expected);
    let expected = format!(
        "a.bio:2: field \"tags\": word 1 has the tag \"I-X\", and none of \"B-X\" begins it; correct it, or set data.bio to \"repair\"{skip}"
    );
    refuses(&[("a.bio", "\na I-X\n")], data, &expected);
    let data = "fields.tags = \"tags\"\n[[data.source]]\npath = \"DIR/a.bio\"";
    let expected = "a.bio:1: no tags (field \"tags\"); add it, or set data.unlabelled to \"skip\" or \"keep\"";
    refuses(&[("a.bio", "a\nb\n")], data, expected);
}

#[test]
fn files_are_labelled_by_their_source_or_folder() {
    let data = "[[data.source]]\npath = \"DIR/reviews\"\nlabel_from = \"folder\"\n\
                [[data.source]]\npath = \"DIR/x.txt\"\nlabel = \"spam\"";
    let files = [("reviews/pos/1.txt", "good"), ("reviews/neg/1.txt", "bad"), ("x.txt", "buy")];
    let expected = [("bad", r#"{"label":"neg"}"#), ("good", r#"{"label":"pos"}"#), ("buy", r#"{"label":"spam"}"#)];
    reads(&files, data, &expected);
    let data = "fields.label = \"y\"\n[[data.source]]\npath = \"DIR/x.txt\"";
    let expected = "x.txt (document 1): no label (field \"y\"); add it, or set data.unlabelled to \"skip\" or \"keep\"";
    refuses(&files, data, expected);
}

#[test]
fn targets_are_text() {
    let data = "fields.target = \"en\"\n[[data.source]]\npath = \"DIR/a.jsonl\"\n";
    let skip = ", or set data.source.invalid_lines to \"skip\"";
    let expected =
        format!("a.jsonl:1: field \"en\": expected the target's text, got nothing but white space; write it{skip}");
    refuses(&[("a.jsonl", "{\"text\": \"a\", \"en\": \" \"}")], data, &expected);
    let expected = "a.jsonl:1: no target (field \"en\"); add it, or set data.unlabelled to \"skip\" or \"keep\"";
    refuses(&[("a.jsonl", "{\"text\": \"a\"}")], data, expected);
}

#[test]
fn configs_that_contradict_themselves_are_refused() {
    let source = "[[data.source]]\npath = \"DIR/x.txt\"\n";
    for (data, expected) in [
        (
            format!("fields = {{ text = \"a\", source = \"b\" }}\n{source}"),
            "x.toml:2:19: data.fields.text: expected text or source, two names for one field, got both",
        ),
        (
            format!("{source}text_field = \"a\"\nfields.text = \"b\""),
            "x.toml:5:1: data.source.0.fields: expected text_field or fields.text, two names for one field, got both",
        ),
        (
            format!("{source}metadata = [\"label\"]\nfields.label = \"y\""),
            "x.toml:4:12: data.source.0.metadata: the name \"label\" is that of the documents' label, which is not the field \"label\"; remove it from the list",
        ),
        (
            format!("{source}label = \"a\"\nlabel_from = \"folder\""),
            "x.toml:4:9: data.source.0.label: expected label or label_from, got both: remove one of the two",
        ),
        (
            format!("group = \"a\"\nstratify = \"b\"\n{source}"),
            "x.toml:3:12: data.stratify: documents of one group are in one split, whatever their labels: remove stratify or group",
        ),
        (
            format!("fields = {{ label = \"a\", tags = \"a\" }}\n{source}"),
            "x.toml:2:32: data.fields.tags: expected another field than that of label, got \"a\" for both",
        ),
        (
            format!("label_names = [\"a\", \"a\"]\n{source}"),
            "x.toml:2:15: data.label_names: expected each name once, got \"a\" twice",
        ),
    ] {
        assert_eq!(config(&data).unwrap_err(), expected);
    }
}

#[test]
fn a_config_that_says_nothing_of_labels_is_written_as_before() {
    let plain = config("[[data.source]]\npath = \"x.txt\"").unwrap();
    let json = serde_json::to_value(&plain).unwrap();
    for key in ["fields", "unlabelled", "bio", "tag_names", "label_names", "stratify"] {
        assert_eq!(json.get(key), None, "{key}");
    }
    for key in ["fields", "label", "label_from", "columns", "labels"] {
        assert_eq!(json["source"][0].get(key), None, "{key}");
    }
    assert_eq!(plain.source[0].labels_text().unwrap(), "");
    let rules = "unlabelled = \"keep\"\nlabel_names = [\"a\"]\nstratify = \"label\"\n";
    let fields = "fields = { source = \"a\", label = \"y\" }\n[[data.source]]\npath = \"x.txt\"\nfields.label = \"z\"";
    let labelled = config(&format!("{rules}{fields}")).unwrap();
    assert_eq!((labelled.source[0].text_field.as_str(), labelled.source[0].fields.label.as_deref()), ("a", Some("z")));
    assert!(labelled.source[0].metadata.is_empty());
    let written = toml::to_string(&labelled).unwrap();
    let again = settings::parse(Path::new("x.toml"), &written, &[], DataConfig::read).unwrap();
    assert_eq!(again, labelled);
}
