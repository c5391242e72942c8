//! Conversations: how they are read, written as tokens, learnt from, and continued. `golden/chat` is made by
//! `peers/chat_tokens.py`, which says what is in it.

use crate::device::{self, values};
use crate::program::{Outcome, trainyard};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard::corpus::Packing;
use trainyard::feed::{Dataset, packed_eval_batches};
use trainyard::loss::Program;
use trainyard::rows::{InputSet, PlacedRows};
use trainyard::run::{RunConfig, RunPlugins, RunTask};
use trainyard::train::Trainer;

fn golden(name: &str) -> PathBuf {
    Path::new(&device::manifest_dir()).join("golden/chat").join(name)
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str], input: &str) -> Outcome {
    trainyard(arguments).in_folder(folder).input(input).succeeds()
}

#[track_caller]
fn fails(folder: &Path, arguments: &[&str], code: i32, expected: &str) {
    let ran = trainyard(arguments).in_folder(folder).run();
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
    assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn texts_tokens_and_masks_are_those_of_transformers() {
    let renders: Value = serde_json::from_slice(&fs::read(golden("renders.json")).unwrap()).unwrap();
    let conversations: Vec<_> =
        renders["lines"].as_object().unwrap().values().map(|line| line.as_str().unwrap()).collect();
    for (template, expected) in renders["renders"].as_object().unwrap() {
        let file = golden(&format!("{template}.jinja"));
        let (file, tokenizer) = (file.display().to_string(), golden("tokenizer.json").display().to_string());
        let mut arguments = vec!["data", "render", "--template", &file, "--tokenizer", &tokenizer];
        arguments.extend(["--bos-token", "<s>", "--eos-token", "</s>"]);
        let input = conversations.join("\n");
        let plain = lines(&succeeds(Path::new("."), &arguments, &input).stdout);
        arguments.push("--generation-prompt");
        let prompts = lines(&succeeds(Path::new("."), &arguments, &input).stdout);
        let expected = expected.as_object().unwrap();
        assert_eq!((plain.len(), prompts.len()), (expected.len(), expected.len()));
        for (((name, expected), plain), prompt) in expected.iter().zip(&plain).zip(&prompts) {
            match expected.get("error") {
                Some(error) => assert_eq!((&plain["error"], &prompt["error"]), (error, error), "{template} {name}"),
                None => {
                    assert_eq!(plain["text"], expected["text"], "{template} {name}");
                    assert_eq!(prompt["text"], expected["prompt"], "{template} {name}");
                    assert_eq!(plain["ids"], expected["ids"], "{template} {name}");
                    assert_eq!(plain["mask"], expected["mask"], "{template} {name}");
                }
            }
        }
    }
}

#[test]
fn conversations_that_cannot_be_written_are_errors_where_that_is_asked_for() {
    let (template, tokenizer) = (golden("strict.jinja"), golden("tokenizer.json"));
    let (template, tokenizer) = (template.display().to_string(), tokenizer.display().to_string());
    let arguments = ["data", "render", "--template", &template, "--tokenizer", &tokenizer, "--strict"];
    let input = "{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}\n[1]\n";
    let ran = trainyard(&arguments).input(input).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "error: 2 conversations could not be written\n"));
    let written = lines(&ran.stdout);
    assert_eq!(written[0]["error"], "user and assistant must alternate, got assistant at 1");
    assert!(written[1]["error"].as_str().unwrap().starts_with("expected an object with \"messages\""), "{written:?}");
}

const CAPITALS: [(&str, &str); 4] = [("France", "Paris"), ("Italy", "Rome"), ("Japan", "Tokyo"), ("Peru", "Lima")];

/// Questions about capitals, of which some are followed by another.
fn conversations(n: usize) -> String {
    let of = |index: usize| CAPITALS[index * 7 % 4];
    let line = |index: usize| {
        let mut messages = Vec::new();
        for turn in 0..=usize::from(index.is_multiple_of(3)) {
            let (country, capital) = of(index + turn);
            messages.push(json!({"role": "user", "content": format!("{country}?")}));
            messages.push(json!({"role": "assistant", "content": format!("{capital}.")}));
        }
        json!({"id": index.to_string(), "messages": messages}).to_string() + "\n"
    };
    (0..n).map(line).collect()
}

const CONFIG: &str = r#"
[data]
validation = 0.2
test = 0.0
[data.fields]
messages = "messages"
[[data.source]]
path = "chat.jsonl"
[task]
kind = "chat"
[tokenizer]
plugin = "byte"
[model]
kind = "llama"
layers = 1
heads = 2
width = 32
context = 192
[train]
steps = 120
batch = 4
threads = 1
checkpoint_every = 60
[optimizer]
lr = 1e-2
[schedule]
warmup = 5
"#;

fn project(config: &str, data: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chat.jsonl"), data).unwrap();
    fs::write(folder.path().join("chat.toml"), config).unwrap();
    folder
}

#[test]
fn a_model_learns_to_answer() {
    let set = "[sample]\ntemperature = 0.0\n[[eval.text]]\npath = \"capitals.jsonl\"\ntokens = 24\n";
    let metric = "[[metric]]\nplugin = \"exact-match\"\n";
    let folder = project(&[CONFIG, set, metric].concat(), &conversations(200));
    let folder = folder.path();
    let line = |(country, capital)| json!({"prompt": format!("{country}?"), "reference": format!("{capital}.")});
    // the fourth is right only in a longer conversation
    let asked: String = [0, 1, 3].map(|index| format!("{}\n", line(CAPITALS[index]))).concat();
    fs::write(folder.join("capitals.jsonl"), asked).unwrap();
    let shown = succeeds(folder, &["data", "show", "chat.toml", "--sequences", "1"], "").stdout;
    assert!(shown.starts_with("sequence 1: ") && shown.contains("<|im_start|>assistant\n\u{27e6}"), "{shown}");
    assert!(shown.contains(".<|im_end|>\u{27e7}\n") && !shown.contains("<|endoftext|>"), "{shown}");
    let trained = succeeds(folder, &["train", "chat.toml", "--json"], "").stdout;
    let trained: Value = serde_json::from_str(&trained).unwrap();
    // prompts of a test set are asked by the template, and answers end as in a chat
    let set = &trained["sets"]["capitals"];
    assert_eq!((&set["values"][0]["value"], &set["documents"]), (&json!(1.0), &json!(3)), "{trained}");
    let measured = succeeds(folder, &["eval", "runs/chat", "--json"], "").stdout;
    assert_eq!(&serde_json::from_str::<Value>(&measured).unwrap()["sets"]["capitals"], set);
    let asked = "Peru?\nJapan?\n";
    let answered = succeeds(folder, &["chat", "runs/chat", "--temperature", "0", "--tokens", "24"], asked);
    assert_eq!(answered.stdout, "Lima.\nTokyo.\n", "{}", answered.stderr);
    let one = ["generate", "runs/chat", "--chat", "--prompt", "France?", "--temperature", "0", "--tokens", "24"];
    assert_eq!(succeeds(folder, &one, "").stdout, "Paris.\n");
    // other programs find the template, and other texts are measured by it
    let checkpoint = folder.join("runs/chat/checkpoints/step-120");
    let template = fs::read_to_string(checkpoint.join("chat_template.jinja")).unwrap();
    assert!(template.contains("<|im_start|>"), "{template}");
    fs::write(folder.join("new.jsonl"), conversations(7)).unwrap();
    let measured = succeeds(folder, &["eval", "runs/chat", "--data", "new.jsonl", "--json"], "").stdout;
    let measured: Value = serde_json::from_str(&measured).unwrap();
    assert!(measured.to_string().contains("cross-entropy"), "{measured}");
}

#[test]
fn tokens_of_a_tokenizer_end_answers() {
    let (template, tokenizer) = (golden("marked.jinja"), golden("tokenizer.json"));
    let config = CONFIG
        .replace("kind = \"chat\"", &format!("kind = \"chat\"\ntemplate = {template:?}"))
        .replace("plugin = \"byte\"", &format!("plugin = \"hf-tokenizer\"\nmodel = {tokenizer:?}"));
    let folder = project(&config, &conversations(200));
    let folder = folder.path();
    let said = succeeds(folder, &["train", "chat.toml"], "").stderr;
    assert!(!said.contains("special tokens"), "{said}");
    let file = |name: &str| -> Value {
        let path = folder.join("runs/chat/checkpoints/step-120").join(name);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let tokenizer = file("tokenizer.json");
    let tokens = tokenizer["added_tokens"].as_array().unwrap();
    let end = &tokens.iter().find(|token| token["content"] == "<|end|>").unwrap()["id"];
    let ends = file("generation_config.json");
    assert!(ends["eos_token_id"].as_array().unwrap().contains(end), "{ends}");
    let answered = succeeds(folder, &["chat", "runs/chat", "--temperature", "0", "--tokens", "24"], "Peru?\n");
    assert_eq!(answered.stdout, "Lima.\n", "{}", answered.stderr);
    // another tokenizer's template, resumed without its file: the checkpoint has it
    fs::write(folder.join("chat.toml"), config.replace("steps = 120", "steps = 121")).unwrap();
    let more = ["train", "chat.toml", "--resume", "--allow-changed", "train.steps", "--allow-changed", "schedule"];
    succeeds(folder, &more, "");
    let saved = fs::read(folder.join("runs/chat/checkpoints/step-121/chat_template.jinja")).unwrap();
    assert_eq!(saved, fs::read(template).unwrap());
}

/// The last hidden states of every conversation's tokens that predict something, by these tokens, as bits.
fn states(config: &RunConfig, trainer: &mut Trainer, data: &Dataset, task: &RunTask, packing: Packing) -> States {
    let (context, batch, bytes) = (config.model.context(), config.train.batch, &data.tokenizer.token_bytes);
    let mut states = States::new();
    for rows in packed_eval_batches(&data.train, task.rows.as_ref(), packing, context, batch, bytes, 0).unwrap() {
        let placed = PlacedRows::new(trainer.model.engine(), &rows, InputSet::NONE).unwrap();
        let hidden = values(&trainer.model.forward(&placed.tokens(), None).unwrap());
        let width = hidden.len() / rows.inputs.len();
        let at = rows.at.as_ref().unwrap();
        for sequence in 0..rows.sequences {
            let window = sequence * context..(sequence + 1) * context;
            let starts = window.clone().filter(|&place| rows.document_position[place] == 0);
            let starts: Vec<usize> = starts.chain([window.end]).collect();
            for part in starts.windows(2).map(|part| part[0]..part[1]) {
                let rows_of = at.iter().map(|&row| row as usize).filter(|row| part.contains(row));
                let last = rows_of.clone().next_back();
                let Some(last) = last else { continue };
                let ids = rows.inputs[part.start..=last].to_vec();
                let bits = rows_of.flat_map(|row| &hidden[row * width..(row + 1) * width]).map(|value| value.to_bits());
                states.entry(ids).or_default().push(bits.collect());
            }
        }
    }
    states
}

type States = BTreeMap<Vec<u32>, Vec<Vec<u64>>>;

#[test]
fn packed_conversations_are_read_as_alone() {
    let folder = project(CONFIG, &conversations(60));
    let arguments = ["train", "chat.toml", "--set", "train.steps=2", "--set", "train.checkpoint_every=0"];
    succeeds(folder.path(), &arguments, "");
    let config = RunConfig::load(&folder.path().join("runs/chat/config.toml"), &[]).unwrap();
    let data = trainyard::feed::open(&folder.path().join("runs/chat/data")).unwrap();
    let plugins = RunPlugins::open(&config).unwrap();
    let task = RunTask::open(&config, &plugins.data.tokenizer, &data).unwrap();
    let loss = plugins.loss.loss().unwrap().describe().unwrap();
    let program = Program::compile_for(&[&loss], config.task.supplied()).unwrap();
    let described = plugins.described(&config, task.sizes).unwrap();
    let mut trainer = Trainer::new(&config, described, program, device::device()).unwrap();
    let packed = states(&config, &mut trainer, &data, &task, Packing::BestFit);
    let alone = states(&config, &mut trainer, &data, &task, Packing::Pad);
    let n = |states: &States| states.values().map(Vec::len).sum::<usize>();
    assert!(packed.len() >= 6 && n(&packed) >= 40, "{} {}", packed.len(), n(&packed));
    assert_eq!(n(&packed), n(&alone));
    for (ids, states) in &alone {
        let first = &states[0];
        assert!(states.iter().chain(&packed[ids]).all(|other| other == first), "{ids:?}");
    }
    assert_eq!(packed.len(), alone.len());
}

#[test]
fn parts_of_a_conversation_are_learnt_as_the_config_says() {
    let data = json!({"id": "a", "messages": [
        {"role": "user", "content": "1"}, {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3"}, {"role": "assistant", "content": "4"}]});
    let data = (0..20).map(|id| data.to_string().replace("\"a\"", &format!("\"{id}\"")) + "\n").collect::<String>();
    let folder = project(CONFIG, &data);
    let shown = |learn: &str| {
        let set = format!("task.learn=\"{learn}\"");
        let arguments =
            ["data", "show", "chat.toml", "--sequences", "1", "--set", &set, "--set", "data.packing=\"pad\""];
        succeeds(folder.path(), &arguments, "").stdout
    };
    let answers = shown("answers");
    assert!(
        answers.contains("\u{27e6}2<|im_end|>\u{27e7}") && answers.contains("\u{27e6}4<|im_end|>\u{27e7}"),
        "{answers}"
    );
    let last = shown("last");
    assert!(last.contains("\n2<|im_end|>\n") && last.contains("\u{27e6}4<|im_end|>\u{27e7}"), "{last}");
    let all = shown("all");
    assert!(all.contains("<\u{27e6}|im_start|>user\n1<|im_end|>"), "{all}");
}

#[test]
fn other_spellings_are_conversations() {
    let spellings = [
        (
            "messages = \"conversations\"\nsystem = \"system\"",
            json!({"system": "S", "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n\u{27e6}A<|im_end|>\u{27e7}",
        ),
        (
            "text = \"instruction\"\ninput = \"input\"\ntarget = \"output\"",
            json!({"instruction": "Q", "input": "I", "output": "A"}),
            "<|im_start|>user\nQ\nI<|im_end|>\n<|im_start|>assistant\n\u{27e6}A<|im_end|>\u{27e7}",
        ),
        (
            "text = \"q\"\ntarget = \"a\"",
            json!({"q": "Q", "a": "A"}),
            "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n\u{27e6}A<|im_end|>\u{27e7}",
        ),
    ];
    for (fields, line, expected) in spellings {
        let data: String = (0..20).map(|_| format!("{line}\n")).collect();
        let folder = project(&CONFIG.replace("messages = \"messages\"", fields), &data);
        let shown = succeeds(folder.path(), &["data", "show", "chat.toml", "--sequences", "1"], "").stdout;
        assert!(shown.contains(expected), "{fields}: {shown}");
    }
}

#[test]
fn tables_hold_conversations() {
    let config = CONFIG
        .replace("messages = \"messages\"", "messages = \"turns\"")
        .replace("validation = 0.2", "validation = 0.0");
    let first = "<|im_start|>user\nRot?<|im_end|>\n<|im_start|>assistant\n\u{27e6}Red.<|im_end|>\u{27e7}";
    let parquet = Path::new(&device::manifest_dir()).join("golden/parquet/messages.parquet");
    let csv = "turns\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"Rot?\"\"}, {\"\"role\"\": \"\"assistant\"\", \
               \"\"content\"\": \"\"Red.\"\"}]\"\n";
    for (name, bytes) in [("chat.parquet", fs::read(parquet).unwrap()), ("chat.csv", csv.as_bytes().to_vec())] {
        let folder = project(&config.replace("chat.jsonl", name), "");
        fs::write(folder.path().join(name), bytes).unwrap();
        let shown = succeeds(folder.path(), &["data", "show", "chat.toml", "--sequences", "1"], "").stdout;
        assert!(shown.contains(first), "{name}: {shown}");
    }
}

#[test]
fn what_cannot_be_learnt_is_named() {
    let unanswered = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n";
    let folder = project(CONFIG, &(conversations(30) + unanswered));
    let expected =
        "chat.jsonl:31: field \"messages\": expected a message of the assistant, got those of user; leave it out";
    fails(folder.path(), &["train", "chat.toml"], 1, expected);
    // left out where the config says so
    let skipped = CONFIG.replace("path = \"chat.jsonl\"", "path = \"chat.jsonl\"\ninvalid_lines = \"skip\"");
    fs::write(folder.path().join("chat.toml"), skipped).unwrap();
    let said = succeeds(folder.path(), &["train", "chat.toml", "--set", "train.steps=1"], "").stderr;
    assert!(said.contains("the field \"messages\" has no answer"), "{said}");
    // what the template says, with the conversation
    let system = "{\"id\": \"x\", \"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"assistant\", \
                  \"content\": \"a\"}]}\n";
    let folder = project(CONFIG, &(conversations(30) + system));
    let template = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system, please') }}{% endif %}\
                    {{ m.role + ': ' + m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    fs::write(folder.path().join("chat.jinja"), template).unwrap();
    let expected = "document \"x\": no system, please";
    fails(folder.path(), &["train", "chat.toml", "--set", "task.template=\"chat.jinja\""], 1, expected);
    // conversations that are longer than the context
    let folder = project(CONFIG, &conversations(60));
    let said =
        succeeds(folder.path(), &["train", "chat.toml", "--set", "model.context=90", "--set", "train.steps=1"], "");
    assert!(said.stderr.contains("conversations are longer than model.context = 90 and are cut"), "{}", said.stderr);
    fails(
        folder.path(),
        &["train", "chat.toml", "--overwrite", "--set", "model.context=8"],
        1,
        "no document has a token to predict",
    );
    fails(
        folder.path(),
        &["train", "chat.toml", "--set", "data.packing=\"concatenate\""],
        2,
        "expected \"best-fit\" or \"pad\", got \"concatenate\", which cuts what task.kind = \"chat\" keeps together",
    );
}
