//! Filter `language`: keeps documents in the languages that you list.
//!
//! `whatlang` detects the language: 70 languages, told apart by script, alphabet and the 300 most frequent trigrams of
//! each (after Cavnar and Trenkle 1994). It is small and needs no model file, but it is not as good as fastText: below
//! some 100 characters it guesses, close relatives (Norwegian and Danish, Serbian and Croatian) are easily confused, a
//! document in two languages is assigned one, and code or a list of names is assigned some language too. Its confidence
//! says how far the best language is ahead of the second; for a script that only one language uses, such as Chinese, it
//! is 1.
//!
//! A text in a script other than Latin often contains Latin letters: code, commands, names. There, code is left out, a
//! Chinese character counts as four letters, and the greater part decides, so that a Chinese page about code is
//! Chinese.
//!
//! Only one part of a document is examined, `sample_bytes` from its `sample`: `begin`, `middle` or `end`; if that is
//! code, more around it. Web pages begin and end with menus, books with licences.
//!
//! Languages are named as in ISO 639-3 (`eng`, `cmn`) or 639-1 (`en`, `zh`). Reasons: `language_other` when the
//! document is in another language or in none, `language_uncertain` when the confidence is below `min_confidence`; the
//! score is the confidence, 0 for other languages.

mod codes;
mod mixed;

use std::borrow::Cow;
use trainyard_plugin::{Create, Filter, PluginError, Result, Rule, Verdict, config};
use whatlang::{Lang, detect};

config! {
    /// Settings of `language`.
    pub struct Settings {
        /// languages to keep, as codes of ISO 639-3 or 639-1
        languages: Vec<String> = ["eng".into()],
        /// minimum confidence, 0 to 1; 0: no limit
        min_confidence: f64 = 0.65,
        /// maximum number of bytes of a document to examine; 0: all of it
        sample_bytes: u32 = 1024u32,
        /// which part to examine: begin, middle or end
        sample: String = "middle",
    }
}

/// How many times as much of a document is examined if its sample is code.
const WIDER: usize = 32;

/// The filter.
pub struct Language {
    languages: Vec<Lang>,
    rules: Vec<Rule>,
    sample_bytes: usize,
    sample: Sample,
}

#[derive(Debug, Clone, Copy)]
enum Sample {
    Begin,
    Middle,
    End,
}

impl Create for Language {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { languages, min_confidence, sample_bytes, sample } = settings;
        if languages.is_empty() {
            return Err(PluginError::config("languages: expected one or more, got none; no document would stay"));
        }
        let languages = languages.iter().map(|code| codes::language(code)).collect::<Result<_>>()?;
        let sample = match sample.as_str() {
            "begin" => Sample::Begin,
            "middle" => Sample::Middle,
            "end" => Sample::End,
            _ => return Err(PluginError::config(format!("sample: expected begin, middle or end, got {sample:?}"))),
        };
        let rules = vec![
            // any confidence in a language asked for is above 0
            Rule::at_least("language_other", "min_confidence", f64::MIN_POSITIVE),
            Rule::at_least("language_uncertain", "min_confidence", min_confidence).within(1.0)?,
        ];
        let sample_bytes = if sample_bytes == 0 { usize::MAX } else { sample_bytes as usize };
        Ok(Self { languages, rules, sample_bytes, sample })
    }
}

impl Filter for Language {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let verdict = |document: &&str| Rule::verdict(&self.rules, &[self.confidence(document); 2]);
        Ok(documents.iter().map(verdict).collect())
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        Ok(documents.iter().flat_map(|document| [self.confidence(document); 2]).collect())
    }
}

impl Language {
    /// Returns the confidence that a document is in one of the languages; 0 if it is in another.
    fn confidence(&self, document: &str) -> f64 {
        match detect(&self.looked_at(document)) {
            Some(info) if self.languages.contains(&info.lang()) => info.confidence().max(f64::MIN_POSITIVE),
            _ => 0.0,
        }
    }

    /// Returns the sample, or its main part if it is mixed.
    fn looked_at<'a>(&self, document: &'a str) -> Cow<'a, str> {
        let sample = self.sample_of(document, self.sample_bytes);
        if sample.len() < document.len() && mixed::is_code(sample) {
            let wide = self.sample_of(document, self.sample_bytes.saturating_mul(WIDER));
            if mixed::is_mixed(wide) {
                return mixed::main_part(wide);
            }
        }
        mixed::main_part(sample)
    }

    fn sample_of<'a>(&self, document: &'a str, n_bytes: usize) -> &'a str {
        let rest = document.len().saturating_sub(n_bytes);
        let start = match self.sample {
            Sample::Begin => 0,
            Sample::Middle => rest / 2,
            Sample::End => rest,
        };
        let end = document.len() - (rest - start);
        &document[document.floor_char_boundary(start)..document.floor_char_boundary(end)]
    }
}

trainyard_plugin::export!(measured_filter "language" = Language, abilities = ["idempotent"]);

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "It is a truth universally acknowledged, that a single man in possession of a good fortune, \
                           must be in want of a wife. However little known the feelings or views of such a man may be";
    const GERMAN: &str = "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fand er sich in seinem Bett zu \
                          einem ungeheueren Ungeziefer verwandelt. Er lag auf seinem panzerartig harten Rücken";
    const CHINESE: &str =
        "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。";
    const JAPANESE: &str = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。";

    fn language(languages: &[&str], sample: &str, sample_bytes: u32) -> Language {
        let languages = languages.iter().map(|&code| code.into()).collect();
        Language::create(Settings { languages, sample: sample.into(), sample_bytes, ..Settings::default() }).unwrap()
    }

    fn reason(languages: &[&str], document: &str) -> String {
        language(languages, "middle", 2048).judge(&[document]).unwrap().remove(0).reason
    }

    #[test]
    fn languages_asked_for_stay() {
        for (code, short, text) in
            [("eng", "en", ENGLISH), ("deu", "de", GERMAN), ("cmn", "zh", CHINESE), ("jpn", "ja", JAPANESE)]
        {
            for code in [code, short] {
                assert_eq!(reason(&[code], text), "", "{code}");
                assert_eq!(reason(&["fra", "ru"], text), "language_other", "{code}");
            }
        }
        assert_eq!(reason(&["fr", "en"], ENGLISH), "");
        for text in ["", " \n", "12 + 3", "\0", "👩‍👩‍👧"] {
            assert_eq!(reason(&["eng"], text), "language_other", "{text:?}");
        }
    }

    /// Prose of seven languages with as much code as prose or more, by characters.
    #[test]
    fn text_with_code_is_in_the_language_of_its_prose() {
        let code = "import torch\nfrom torch.nn import functional as F\n\ndef train(model, loader, lr=1e-3):\n    \
                    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)\n    for x, y in loader:\n        \
                    loss = F.cross_entropy(model(x), y)\n        loss.backward()\n        optimizer.step()\n        \
                    print(f\"loss {loss.item():.3f}\")\n    return model\n";
        let russian = "Функция обучает модель: сначала вычисляется ошибка на каждом примере, затем параметры \
                       обновляются в направлении, обратном градиенту, и так до конца данных.";
        let korean = "이 함수는 모델을 학습시킵니다. 먼저 손실을 계산하고 그 다음에 매개변수를 갱신합니다. 데이터가 끝날 때까지 반복합니다.";
        let thai = "ฟังก์ชันนี้ฝึกแบบจำลองด้วยข้อมูลทั้งหมด โดยคำนวณค่าความผิดพลาดก่อน แล้วจึงปรับค่าพารามิเตอร์ทีละขั้นจนครบทุกตัวอย่าง";
        let arabic =
            "تقوم هذه الدالة بتدريب النموذج على جميع البيانات، فتحسب الخطأ أولا ثم تعدل المعاملات في كل خطوة حتى النهاية";
        let texts = [
            ("zh", CHINESE),
            ("ja", JAPANESE),
            ("ru", russian),
            ("ko", korean),
            ("th", thai),
            ("ar", arabic),
            ("en", ENGLISH),
        ];
        for (language_of_it, prose) in texts {
            let inline = format!("{prose} 使用 `model.fit(x, y)`");
            let inline = if language_of_it == "zh" { inline } else { prose.to_owned() };
            for document in
                [format!("{inline}\n{code}"), format!("{code}{inline}"), format!("{inline}\n{code}{inline}\n{code}")]
            {
                for (code, _) in texts {
                    let expected = if code == language_of_it { "" } else { "language_other" };
                    assert_eq!(reason(&[code], &document), expected, "{language_of_it} as {code}: {document}");
                }
            }
        }
        // other languages, and few words of the text's own
        for document in [
            "查询示例：\nSELECT name, age FROM users WHERE age > 18 ORDER BY name;\nINSERT INTO users VALUES (1, 'a');\n说明：\
             上面的语句查询成年用户。",
            "类的定义如下所示\npublic class Foo extends Bar {\n    private static final String NAME = \"foo\";\n    public \
             void run() throws Exception {\n        System.out.println(NAME);\n    }\n}\n这样就完成了继承。",
            "def add(a, b):\n    # 计算两个数的和\n    return a + b\n\ndef mul(a, b):\n    # 计算两个数的积\n    return a * b\n",
            "首先安装依赖。\n```bash\npip install torch transformers\ngit clone https://example.com/foo/bar.git\ncd bar && \
             python train.py --lr 1e-3\n```\n然后运行脚本。",
            "<div class=\"a\"><p>这是一个段落，介绍网页的基本结构。</p><ul><li>第一项</li></ul></div>",
            "我们使用 Transformer 模型，结合 attention 机制，在 ImageNet 数据集上 fine-tune，最终 accuracy 达到最好的结果。",
        ] {
            assert_eq!(reason(&["zh"], document), "", "{document}");
        }
        let english = "The Chinese word 你好 means hello, and 谢谢 means thank you. Learners often confuse the tones when \
                       they begin to study the language, but practice makes it easier over the years.";
        assert_eq!(reason(&["en"], english), "");
        // where the sample is code, more is looked at
        let long = format!("{}{}{}", CHINESE.repeat(3), code.repeat(6), CHINESE.repeat(3));
        assert!(language(&["zh"], "middle", 500).judge(&[&long]).unwrap()[0].keep);
        let all_code = code.repeat(20);
        let filter = language(&["zh"], "middle", 500);
        assert_eq!(filter.looked_at(&all_code), filter.sample_of(&all_code, 500));
    }

    #[test]
    fn little_text_is_uncertain() {
        let mut filter = language(&["eng"], "middle", 2048);
        let verdict = filter.judge(&["the cat and the dog"]).unwrap().remove(0);
        assert_eq!(
            (verdict.reason.as_str(), verdict.score.is_some_and(|score| score > 0.0)),
            ("language_uncertain", true)
        );
        let off = Settings { min_confidence: 0.0, ..Settings::default() };
        assert!(Language::create(off).unwrap().judge(&["the cat and the dog"]).unwrap()[0].keep);
    }

    #[test]
    fn a_part_is_looked_at() {
        let document = format!("{ENGLISH}{}{GERMAN}", CHINESE.repeat(3));
        for (sample, expected) in [("begin", "eng"), ("middle", "cmn"), ("end", "deu")] {
            for code in ["eng", "cmn", "deu"] {
                let keep = language(&[code], sample, 150).judge(&[&document]).unwrap()[0].keep;
                assert_eq!(keep, code == expected, "{sample} {code}");
            }
        }
        // characters are not cut, wherever the part begins
        for bytes in 1..40 {
            for sample in ["begin", "middle", "end"] {
                let filter = language(&["zh"], sample, bytes);
                assert!(filter.sample_of(CHINESE, bytes as usize).len() <= bytes as usize + 3);
                assert_eq!(filter.sample_of("", bytes as usize), "");
            }
        }
        assert_eq!(language(&["zh"], "middle", 0).looked_at(CHINESE), CHINESE);
    }

    #[test]
    fn verdicts_are_those_of_the_rules() {
        let mut filter = language(&["eng", "cmn"], "middle", 2048);
        let documents = ["", ENGLISH, GERMAN, CHINESE, "the cat and the dog"];
        let values = filter.measure(&documents).unwrap();
        let expected: Vec<_> = values.chunks(2).map(|values| Rule::verdict(&filter.rules(), values)).collect();
        assert_eq!(filter.judge(&documents).unwrap(), expected);
        assert_eq!(filter.rules()[1].limit, 0.65);
    }

    #[test]
    fn refuses() {
        let message = |settings| Language::create(settings).err().unwrap().message;
        let default = Settings::default;
        let known = message(Settings { languages: vec!["english".into()], ..default() });
        assert!(known.starts_with("languages: expected codes of ISO 639, one of afr (af), aka (ak), "), "{known}");
        assert!(known.ends_with(", zul (zu), got \"english\""), "{known}");
        let none = message(Settings { languages: Vec::new(), ..default() });
        assert_eq!(none, "languages: expected one or more, got none; no document would stay");
        let sample = message(Settings { sample: "start".into(), ..default() });
        assert_eq!(sample, "sample: expected begin, middle or end, got \"start\"");
        let confidence = message(Settings { min_confidence: 65.0, ..default() });
        assert_eq!(confidence, "min_confidence: expected 0 to 1, got 65");
    }
}
