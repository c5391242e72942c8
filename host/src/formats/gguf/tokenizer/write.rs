//! The metadata of llama.cpp for a `tokenizer.json`.

use super::kinds::Kind;
use super::{SPACE, base64, pieces, pre};
use crate::formats::hf::tokens_around;
use crate::{Error, Result};
use candle_core::quantized::gguf_file::Value;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

type Metadata = Vec<(String, Value)>;

/// The files of a tokenizer.
#[derive(Debug, Default)]
pub struct Files {
    /// `tokenizer.json`, if there is one.
    pub json: Option<Json>,
    /// `tokenizer_config.json`, empty if there is none.
    pub config: Map<String, Json>,
    /// `chat_template.jinja`, if there is one.
    pub chat_template: Option<String>,
}

/// Numbers of special tokens as the model's `config.json` has them.
#[derive(Debug, Default)]
pub struct Special {
    /// Starts a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Fills up a batch.
    pub pad: Option<u32>,
}

/// Writes a tokenizer of `vocab` tokens; numbers without a token are filled up.
///
/// # Errors
/// A kind of tokenizer that llama.cpp has not, or a token above the model's table.
pub fn write(files: &Files, special: &Special, vocab: usize) -> Result<Metadata> {
    let mut metadata = Metadata::new();
    let mut put = |key: &str, value: Value| metadata.push((format!("tokenizer.{key}"), value));
    if let Some(template) = chat_template(files) {
        put("chat_template", Value::String(template));
    }
    let Some(json) = &files.json else {
        put("ggml.model", Value::String("none".into()));
        return Ok(metadata);
    };
    let mut writer = Writer { json, texts: vec![None; vocab], kinds: vec![Kind::Unused; vocab], out: metadata };
    writer.collect()?;
    match (json["model"]["type"].as_str(), is_byte_level(json)) {
        (Some("BPE") | None, true) => writer.byte_level()?,
        (Some("BPE") | None, false) => writer.sentence_piece()?,
        (Some("Unigram"), _) => writer.unigram()?,
        (Some("WordPiece"), _) => writer.word_piece()?,
        (Some(other), _) => {
            let expected = "expected BPE, Unigram or WordPiece, which llama.cpp has";
            return Err(Error::run(format!("tokenizer.json: {expected}, got a model of type {other:?}")));
        }
    }
    writer.special(&files.config, special);
    Ok(writer.out)
}

fn chat_template(files: &Files) -> Option<String> {
    let of_config = match files.config.get("chat_template") {
        Some(Json::String(template)) => Some(template.clone()),
        // several, by name
        Some(Json::Array(templates)) => {
            let default = templates.iter().find(|template| template["name"] == "default");
            default.and_then(|template| template["template"].as_str()).map(str::to_owned)
        }
        _ => None,
    };
    files.chat_template.clone().or(of_config)
}

fn is_byte_level(json: &Json) -> bool {
    let is_it = |step: &Json| step["type"] == "ByteLevel";
    let has =
        |step: &Json, parts: &str| is_it(step) || step[parts].as_array().is_some_and(|parts| parts.iter().any(is_it));
    has(&json["pre_tokenizer"], "pretokenizers") || has(&json["decoder"], "decoders")
}

struct Writer<'a> {
    json: &'a Json,
    /// Text by id.
    texts: Vec<Option<String>>,
    kinds: Vec<Kind>,
    out: Metadata,
}

impl Writer<'_> {
    /// Fills texts and kinds from the model's vocabulary and the added tokens.
    fn collect(&mut self) -> Result<()> {
        let json = self.json;
        let has_bytes = json["model"]["byte_fallback"] == true;
        // elsewhere, llama.cpp has it among the marks
        let unknown = json["model"]["unk_token"].as_str().filter(|_| has_bytes);
        let unknown_id = json["model"]["unk_id"].as_u64();
        let vocab: Vec<(&str, u64)> = match &json["model"]["vocab"] {
            Json::Object(vocab) => vocab.iter().filter_map(|(text, id)| Some((text.as_str(), id.as_u64()?))).collect(),
            Json::Array(vocab) => {
                vocab.iter().zip(0..).filter_map(|(piece, id)| Some((piece[0].as_str()?, id))).collect()
            }
            _ => return Err(Error::run("tokenizer.json: model.vocab: expected an object or a list")),
        };
        for (text, id) in vocab {
            let is_byte = has_bytes && text.len() == 6 && text.starts_with("<0x") && text.ends_with('>');
            let kind = match () {
                () if is_byte => Kind::Byte,
                () if unknown == Some(text) || unknown_id == Some(id) => Kind::Unknown,
                () => Kind::Normal,
            };
            self.put_token(text, id, kind)?;
        }
        for token in json["added_tokens"].as_array().into_iter().flatten() {
            let (Some(text), Some(id)) = (token["content"].as_str(), token["id"].as_u64()) else { continue };
            let kind = match token["special"] == true {
                true if unknown == Some(text) || unknown_id == Some(id) => Kind::Unknown,
                true => Kind::Control,
                false => Kind::UserDefined,
            };
            self.put_token(text, id, kind)?;
        }
        Ok(())
    }

    fn put_token(&mut self, text: &str, id: u64, kind: Kind) -> Result<()> {
        let place = usize::try_from(id).ok().filter(|place| *place < self.texts.len());
        let place = place.ok_or_else(|| {
            let n = self.texts.len();
            let what = "expected less than config.json's vocab_size";
            Error::run(format!("tokenizer.json: token {text:?} has id {id}, {what}, {n}"))
        })?;
        self.texts[place] = Some(text.to_owned());
        self.kinds[place] = kind;
        Ok(())
    }

    fn put(&mut self, key: &str, value: Value) {
        self.out.push((format!("tokenizer.ggml.{key}"), value));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, Value::String(value.into()));
    }

    /// Writes the tokens as `spell` has them, and their kinds.
    fn tokens(&mut self, spell: impl Fn(&str, Kind) -> String) {
        let texts = self.texts.iter().zip(&self.kinds).enumerate();
        let texts = texts.map(|(id, (text, kind))| match text {
            Some(text) => Value::String(spell(text, *kind)),
            None => Value::String(format!("[PAD{id}]")),
        });
        let texts = Value::Array(texts.collect());
        let kinds = Value::Array(self.kinds.iter().map(|kind| Value::I32(*kind as i32)).collect());
        self.put("tokens", texts);
        self.put("token_type", kinds);
    }

    fn merges(&self) -> Vec<(&str, &str)> {
        let merges = self.json["model"]["merges"].as_array().into_iter().flatten();
        let parts = merges.filter_map(|merge| match merge {
            Json::String(merge) => merge.split_once(' '),
            merge => Some((merge[0].as_str()?, merge[1].as_str()?)),
        });
        parts.collect()
    }

    fn byte_level(&mut self) -> Result<()> {
        let model = &self.json["model"];
        let rule = pre::of_json(&self.json["pre_tokenizer"], model["ignore_merges"] == true);
        let name = rule.map_or("default", |rule| rule.names[0]);
        if rule.is_none() {
            tracing::warn!(
                "llama.cpp has no rule for words like the pre_tokenizer of tokenizer.json: it takes its default one, and \
                 gives some texts other tokens"
            );
        }
        self.text("model", "gpt2");
        self.text("pre", name);
        self.tokens(|text, _| text.to_owned());
        let merges = self.merges().into_iter().map(|(left, right)| Value::String(format!("{left} {right}"))).collect();
        self.put("merges", Value::Array(merges));
        Ok(())
    }

    fn sentence_piece(&mut self) -> Result<()> {
        if self.json["model"]["byte_fallback"] != true && !self.json.to_string().contains(SPACE) {
            let what = "expected bytes or spaces in its tokens, which llama.cpp has";
            return Err(Error::run(format!("tokenizer.json: {what}, got BPE of other words")));
        }
        let mut ranks: HashMap<String, usize> = HashMap::new();
        let merges = self.merges();
        let n = merges.len();
        for (rank, (left, right)) in merges.into_iter().enumerate() {
            ranks.entry([left, right].concat()).or_insert(rank);
        }
        let scores = self.texts.iter().zip(&self.kinds).enumerate().map(|(id, (text, kind))| {
            let rank = text.as_ref().and_then(|text| ranks.get(text).copied());
            Value::F32(match (kind, rank) {
                (Kind::Normal | Kind::UserDefined, Some(rank)) => -(rank as f32),
                (Kind::Normal | Kind::UserDefined, None) => -((n + id) as f32),
                _ => 0.0,
            })
        });
        let scores = Value::Array(scores.collect());
        self.text("model", "llama");
        self.text("pre", "default");
        self.tokens(|text, _| text.to_owned());
        self.put("scores", scores);
        self.space_prefix();
        Ok(())
    }

    fn unigram(&mut self) -> Result<()> {
        let vocab = self.json["model"]["vocab"].as_array().cloned().unwrap_or_default();
        let score = |id: usize| vocab.get(id).and_then(|piece| piece[1].as_f64()).unwrap_or(0.0);
        let scores = Value::Array((0..self.texts.len()).map(|id| Value::F32(score(id) as f32)).collect());
        self.text("model", "t5");
        self.text("pre", "default");
        self.tokens(|text, _| text.to_owned());
        self.put("scores", scores);
        self.space_prefix();
        let normalizer = &self.json["normalizer"];
        let steps = match normalizer["normalizers"].as_array() {
            Some(steps) => steps.iter().collect(),
            None => vec![normalizer],
        };
        let removes = steps.iter().any(|step| step["type"] == "Strip" || step["pattern"]["Regex"] == " {2,}");
        let table = steps.iter().find_map(|step| base64::decode(step["precompiled_charsmap"].as_str()?));
        self.put("remove_extra_whitespaces", Value::Bool(removes));
        if let Some(table) = table {
            self.put("precompiled_charsmap", Value::Array(table.into_iter().map(Value::U8).collect()));
        }
        Ok(())
    }

    fn word_piece(&mut self) -> Result<()> {
        if self.json["normalizer"]["lowercase"] == false {
            tracing::warn!(
                "llama.cpp writes all text in lower case before WordPiece: words with capitals differ there"
            );
        }
        self.text("model", "bert");
        self.text("pre", "default");
        self.tokens(|text, kind| match text.strip_prefix("##") {
            Some(part) if !part.is_empty() => part.to_owned(),
            _ if kind != Kind::Normal || pieces::is_mark(text) => text.to_owned(),
            _ => format!("{SPACE}{text}"),
        });
        Ok(())
    }

    /// Writes whether a space is put in front of a text.
    fn space_prefix(&mut self) {
        let prepends =
            |step: &Json| step["type"] == "Prepend" || step["type"] == "Metaspace" && step["prepend_scheme"] != "never";
        let any = |step: &Json, parts: &str| {
            prepends(step) || step[parts].as_array().is_some_and(|parts| parts.iter().any(prepends))
        };
        let is_there =
            any(&self.json["normalizer"], "normalizers") || any(&self.json["pre_tokenizer"], "pretokenizers");
        self.put("add_space_prefix", Value::Bool(is_there));
    }

    /// Writes the numbers of special tokens, and which of them are put around a text.
    fn special(&mut self, config: &Map<String, Json>, special: &Special) {
        let json = self.json;
        let named = |key: &str| {
            let value = config.get(key)?;
            let text = value.as_str().or_else(|| value["content"].as_str())?;
            let id = self.texts.iter().position(|known| known.as_deref() == Some(text))?;
            u32::try_from(id).ok()
        };
        let parts = tokens_around(&json["post_processor"]);
        let id = |text: &Option<String>| {
            let text = text.as_deref()?;
            let id = self.texts.iter().position(|known| known.as_deref() == Some(text))?;
            u32::try_from(id).ok()
        };
        let (first, last) = (id(&parts[0]), id(&parts[1]));
        let in_table = |id: Option<u32>| id.filter(|id| (*id as usize) < self.texts.len());
        let is_bert = json["model"]["type"] == "WordPiece";
        let unknown = json["model"]["unk_token"].as_str().map(str::to_owned);
        let bos = if is_bert { named("cls_token").or(first) } else { named("bos_token").or(in_table(special.bos)) };
        let sep = named("sep_token").or(last.filter(|_| is_bert));
        let eos = named("eos_token").or(in_table(special.eos));
        let found = [
            ("bos_token_id", bos),
            ("eos_token_id", eos),
            ("unknown_token_id", named("unk_token").or(id(&unknown))),
            ("seperator_token_id", sep),
            ("padding_token_id", named("pad_token").or(in_table(special.pad))),
            ("mask_token_id", named("mask_token")),
        ];
        for (key, id) in found {
            if let Some(id) = id {
                self.put(key, Value::U32(id));
            }
        }
        if !is_bert {
            self.put("add_bos_token", Value::Bool(first.is_some() && first == bos));
            self.put("add_eos_token", Value::Bool(last.is_some() && last == eos));
        }
    }
}
