//! All integration tests, one module per subject.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod adapters; // against PEFT
mod backends; // the same answers from all three forms of a plugin
mod baselines; // classifiers that do not see the order of words
mod bench;
mod bpe; // against the tokenizers crate
mod building; // of plugins
mod card; // of a plugin
mod chat; // conversations
mod checkpoint_folder; // what other programs load
mod cleaners; // against unicodedata, ftfy, datatrove and others
mod cli;
mod compat; // what was published stays
mod config;
mod confined; // what a plugin in a process of its own cannot do
mod damaged; // contents that are nonsense under checksums that are right
mod data;
mod dedup;
mod develop; // list and dev
mod device; // where the suite computes
mod disk; // a full one, and tokens of other programs
mod docs; // what the documentation shows
mod draw; // choices from a seed
mod drill; // runs that are killed, starved and damaged resume to the same bytes
mod experiments; // many runs: swept, listed, compared
mod explain; // why documents stay or go
mod features; // values of scikit-learn
mod filters; // verdicts of datatrove
mod finetune; // adapters, as the page shows
mod first; // a text and nothing else
mod folder; // of a run: whose files, who writes
mod formats; // of other programs
mod frozen; // parameters without a gradient
mod fuzz; // nonsense as input
mod gguf; // against gguf-py
mod gpu; // the suite on a GPU, or on the emulator of one
mod header; // the C header against the Rust structs
mod hf_tokenizer; // against the tokenizers crate
mod hostile; // plugins that are broken or mean harm
mod identity; // what a run is
mod interrupt; // Ctrl-C and SIGTERM
mod isolation; // plugins in a process of their own
mod kinds; // frozen ones and drafts
mod languages; // plugins in C, Python and JavaScript
mod laws; // losses and metrics that are well typed and wrong
mod loading; // the cache of compiled code, limits, WASI
mod logits; // of imported models
mod loss;
mod measures; // rules and measured values of filters
mod model;
mod model_plugins; // runs whose network is a plugin
mod native_state; // what native code does to its process
mod networks; // families of models against transformers
mod numerics; // runs that were begun by an older program
mod opening; // runs as other commands find them
mod ops;
mod outputs; // not over files of the user
mod plugins; // builds plugins for the others
mod program; // runs the built program
mod prompts; // text metrics that read prompts and say signatures, test sets
mod questions; // against lm-evaluation-harness
mod ranks; // several processes that train one model
mod records; // metrics.jsonl
mod reference;
mod release; // what people without a checkout install
mod results; // numbers that can be compared
mod resume;
mod score; // texts against references, as sacrebleu
mod settings; // on the command line, and the reference of all
mod start; // from the weights of another model
mod subwords; // wordpiece and unigram
mod tasks; // labels, tags, hidden tokens, pairs of texts
mod tasks_files; // what other programs are told of them, and theirs taken over
mod tasks_text; // models that write one text from another
mod terminal; // what files say of themselves
mod tidy;
mod tokenizer_files; // as the world writes them
mod training;
