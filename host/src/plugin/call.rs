//! The functions of every kind of plugin as data: a call and its answer.
//!
//! This is the waist of the plugin seam. A kind is a list of these functions (`kinds`), a backend carries any call to
//! an instance and its answer back (`seat`), and checks and policies are layers between the two. A new function is a
//! line of the table below.

#[cfg(unix)]
use super::codec::{Decode, Encode, Reader};
use trainyard_plugin::network::Network;
use trainyard_plugin::{
    Graph, MetricInfo, PluginError, PromptedPair, Result, Rule, Setting, Sizes, TextPair, TokenBatch, Verdict,
    Vocabulary,
};

/// Writes calls, and the bytes in which they go to another process, from a table of functions: number, name, argument
/// and answer of each.
macro_rules! functions {
    ($(
        $(#[$doc:meta])* $tag:literal $name:literal $function:ident $(($argument:ident: $type:ty))? -> $answer:ident;
    )+) => {
        /// A function of a plugin.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Function {
            $( $(#[$doc])* $function, )+
        }

        impl Function {
            /// Its name in messages and in `plugin.wit`.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$function => $name, )+
                }
            }

            /// Reads an answer of this function.
            #[cfg(unix)]
            pub fn answer(self, from: &mut Reader<'_>) -> Option<Answer> {
                match self {
                    $( Self::$function => Decode::decode(from).map(Answer::$answer), )+
                }
            }
        }

        /// One call, with its argument lent by the caller.
        #[derive(Debug, Clone, Copy)]
        pub enum Call<'a> {
            $( $(#[$doc])* $function $((&'a $type))?, )+
        }

        impl Call<'_> {
            /// The function that is called.
            pub const fn function(self) -> Function {
                match self {
                    $( Call::$function { .. } => Function::$function, )+
                }
            }
        }

        #[cfg(unix)]
        impl Encode for Call<'_> {
            fn encode(&self, to: &mut Vec<u8>) {
                match self {
                    $( Call::$function $(($argument))? => {
                        to.push($tag);
                        $( $argument.encode(to); )?
                    } )+
                }
            }
        }

        /// Reads a call, and returns what `serve` makes of it.
        #[cfg(unix)]
        pub fn served<'a, R>(from: &mut Reader<'a>, serve: impl FnOnce(Call<'_>) -> R) -> Option<R> {
            match u8::decode(from)? {
                $( $tag => {
                    $( let $argument: <$type as ToOwned>::Owned = Decode::decode(from)?; )?
                    Some(serve(Call::$function $((&$argument))?))
                } )+
                _ => None,
            }
        }
    };
}

functions! {
    /// Takes a batch of the first pass, or of training text.
    0 "observe" Observe(texts: [&'a str]) -> Nothing;
    /// Ends training with a model.
    1 "train" Train -> Bytes;
    /// Takes a model.
    2 "load" Load(model: [u8]) -> Nothing;
    /// All tokens.
    3 "vocabulary" Vocabulary -> Vocabulary;
    /// One sequence of ids per text.
    4 "encode" Encode(texts: [&'a str]) -> Tokens;
    /// One text per sequence.
    5 "decode" Decode(batch: TokenBatch) -> Texts;
    /// One verdict per document.
    6 "judge" Judge(documents: [&'a str]) -> Verdicts;
    /// Whether there is a first pass.
    7 "two-pass" TwoPass -> Flag;
    /// What was observed or counted.
    8 "state" State -> Bytes;
    /// Adds another instance's state.
    9 "merge" Merge(state: [u8]) -> Nothing;
    /// A formula.
    10 "describe" Describe -> Graph;
    /// How to read a number.
    11 "info" Info -> Info;
    /// Counts a batch of generated texts.
    12 "update" Update(pairs: [TextPair<'a>]) -> Nothing;
    /// The number that was counted.
    13 "value" Value -> Number;
    /// Limits of measured values.
    14 "rules" Rules -> Rules;
    /// What the rules compare, shape [documents, rules].
    15 "measure" Measure(documents: [&'a str]) -> Numbers;
    /// The network for sizes.
    16 "describe" Network(sizes: Sizes) -> Network;
    /// Settings from a config of another program.
    17 "import-config" ImportConfig(config: [Setting]) -> Settings;
    /// The config of another program.
    18 "export-config" ExportConfig(sizes: Sizes) -> Settings;
    /// Counts a batch of generated texts with their prompts.
    19 "update" UpdatePrompted(pairs: [PromptedPair<'a>]) -> Nothing;
    /// What a number was computed with.
    20 "signature" Signature -> Text;
}

/// Writes the enum of answers, and the ways to and from what is in them.
macro_rules! answers {
    ($( $(#[$doc:meta])* $answer:ident($type:ty), )+) => {
        /// What a function answers. Each type is in one of these alone.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Answer {
            $( $(#[$doc])* $answer($type), )+
        }

        /// Without a tag: the function that was called says what is read.
        #[cfg(unix)]
        impl Encode for Answer {
            fn encode(&self, to: &mut Vec<u8>) {
                match self {
                    $( Self::$answer(value) => value.encode(to), )+
                }
            }
        }

        $(
            impl From<$type> for Answer {
                fn from(value: $type) -> Self {
                    Self::$answer(value)
                }
            }

            impl TryFrom<Answer> for $type {
                type Error = PluginError;

                fn try_from(answer: Answer) -> Result<Self> {
                    match answer {
                        Answer::$answer(value) => Ok(value),
                        _ => Err(PluginError::internal(concat!("expected an answer of type ", stringify!($answer)))),
                    }
                }
            }
        )+
    };
}

answers! {
    /// Nothing: it was done.
    Nothing(()),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// Numbers.
    Numbers(Vec<f64>),
    /// A model or a state.
    Bytes(Vec<u8>),
    /// A line of text.
    Text(String),
    /// Decoded texts.
    Texts(Vec<Vec<u8>>),
    /// Encoded texts.
    Tokens(TokenBatch),
    /// All tokens.
    Vocabulary(Vocabulary),
    /// Verdicts on documents.
    Verdicts(Vec<Verdict>),
    /// A formula.
    Graph(Graph),
    /// How to read a number.
    Info(MetricInfo),
    /// Limits of measured values.
    Rules(Vec<Rule>),
    /// A network.
    Network(Network),
    /// Settings.
    Settings(Vec<Setting>),
}

/// What goes into a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Documents, sequences or pairs.
    pub items: u64,
    /// Bytes of text, or 4 for each token id.
    pub bytes: u64,
}

impl<'a> Call<'a> {
    /// What goes into this call.
    pub fn work(self) -> Work {
        let of_pair =
            |pair: &TextPair<'_>| pair.hypothesis.len() + pair.references.iter().map(|text| text.len()).sum::<usize>();
        let (items, bytes) = match self {
            Call::Observe(texts) | Call::Encode(texts) | Call::Judge(texts) | Call::Measure(texts) => {
                (texts.len(), texts.iter().map(|text| text.len()).sum())
            }
            Call::Decode(batch) => (batch.ends.len(), 4 * batch.ids.len()),
            Call::Update(pairs) => (pairs.len(), pairs.iter().map(of_pair).sum()),
            Call::UpdatePrompted(pairs) => {
                (pairs.len(), pairs.iter().map(|it| it.prompt.len() + of_pair(&it.pair)).sum())
            }
            Call::Load(bytes) | Call::Merge(bytes) => (0, bytes.len()),
            _ => (0, 0),
        };
        Work { items: items as u64, bytes: bytes as u64 }
    }

    /// A call for each item of the batch; the call itself where it takes no batch.
    pub fn for_each_item(self) -> Vec<Self> {
        match self {
            Call::Observe(texts) => texts.chunks(1).map(Call::Observe).collect(),
            Call::Encode(texts) => texts.chunks(1).map(Call::Encode).collect(),
            Call::Judge(documents) => documents.chunks(1).map(Call::Judge).collect(),
            Call::Measure(documents) => documents.chunks(1).map(Call::Measure).collect(),
            Call::Update(pairs) => pairs.chunks(1).map(Call::Update).collect(),
            Call::UpdatePrompted(pairs) => pairs.chunks(1).map(Call::UpdatePrompted).collect(),
            other => vec![other],
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::codec::{Encode, read, result};
    use super::*;
    use trainyard_plugin::Value;
    use trainyard_plugin::network::Net;

    /// What crosses to another process is what was sent.
    #[test]
    fn calls_and_answers_read_as_they_were_written() {
        let batch = TokenBatch { ids: vec![1, 2, 3], ends: vec![2, 3] };
        let pairs = [TextPair { hypothesis: "é", references: vec!["a", ""] }];
        let prompted = [PromptedPair { prompt: "ä", pair: pairs[0].clone() }];
        let sizes = Sizes::new(1000, 64).labels(3);
        let values = [
            Value::Boolean(true),
            Value::Integer(-3),
            Value::Number(0.5),
            Value::Text("é".into()),
            Value::Numbers(vec![1.0, -0.0]),
            Value::Texts(vec!["a".into(), String::new()]),
        ];
        let config = values.map(|value| Setting { key: "rope_scaling.factor".into(), value });
        let calls = [
            Call::Observe(&["a", "é"]),
            Call::Train,
            Call::Load(b"\0model"),
            Call::Decode(&batch),
            Call::Update(&pairs),
            Call::UpdatePrompted(&prompted),
            Call::Measure(&[]),
            Call::Network(&sizes),
            Call::ImportConfig(&config),
        ];
        for call in calls {
            let mut bytes = Vec::new();
            call.encode(&mut bytes);
            let seen = read(&bytes, usize::MAX, |from| served(from, |call| format!("{call:?}")));
            assert_eq!(seen, Some(format!("{call:?}")));
            assert_eq!(read(&bytes[..bytes.len() - 1], usize::MAX, |from| served(from, |_| ())), None, "{call:?}");
        }
        let g = Net::new();
        let x = g.embedding("wte", g.ids(), 9, 4).scale(0.5);
        g.head("logits", g.tied("wte", x));
        g.ignore(&["*.bias"]);
        // one embedding and one product of matching sizes
        let network = g.network().expect("it is well typed");
        let answers = [
            (Function::Judge, Ok(Answer::Verdicts(vec![Verdict::drop("why").score(0.5)]))),
            (Function::TwoPass, Ok(Answer::Flag(true))),
            (Function::Encode, Ok(Answer::Tokens(batch))),
            (Function::Value, Ok(Answer::Number(-0.0))),
            (Function::Signature, Ok(Answer::Text("case:lc".into()))),
            (Function::Train, Err(PluginError::state("not yet"))),
            (Function::Network, Ok(Answer::Network(network))),
            (Function::ExportConfig, Ok(Answer::Settings(config.to_vec()))),
        ];
        for (function, answer) in answers {
            let mut bytes = Vec::new();
            answer.encode(&mut bytes);
            assert_eq!(read(&bytes, usize::MAX, |from| result(from, |from| function.answer(from))), Some(answer));
        }
    }

    #[test]
    fn work_is_counted_and_batches_are_cut_into_items() {
        let texts = ["one", "é"];
        assert_eq!(Call::Judge(&texts).work(), Work { items: 2, bytes: 5 });
        assert_eq!(Call::Merge(b"state").work(), Work { items: 0, bytes: 5 });
        let alone: Vec<_> = Call::Encode(&texts).for_each_item().iter().map(|call| format!("{call:?}")).collect();
        assert_eq!(alone, ["Encode([\"one\"])", "Encode([\"é\"])"]);
    }
}
