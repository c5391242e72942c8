//! The tables of an author's type: generic C functions that `export!` puts into one constant.

use super::answer::Answer;
pub use super::networks::model;
use super::{
    FAILED, FilterTable, Header, Host, Instance, List, LossTable, Measures, MeasuresTable, MetricTable, OK, PANICKED,
    PromptedPair, PromptsTable, Setting, SignatureTable, Status, Str, TextMetricTable, TextPair, TokenBatch,
    TokenizerTable, VERSION,
};
use crate::{Bound, Create, Filter, Kind, Loss, Metric, PluginError, Result, TextMetric, Tokenizer, Value};
use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The table of a tokenizer.
pub const fn tokenizer<T: Create + Tokenizer + 'static>(identity: &'static [u8]) -> TokenizerTable {
    TokenizerTable {
        header: header::<T>(size_of::<TokenizerTable>(), Kind::Tokenizer, identity),
        observe: Some(tokenizer_observe::<T>),
        train: Some(tokenizer_train::<T>),
        load: Some(tokenizer_load::<T>),
        vocabulary: Some(tokenizer_vocabulary::<T>),
        encode: Some(tokenizer_encode::<T>),
        decode: Some(tokenizer_decode::<T>),
    }
}

/// The table of a filter.
pub const fn filter<T: Create + Filter + 'static>(identity: &'static [u8]) -> FilterTable {
    FilterTable {
        header: header::<T>(size_of::<FilterTable>(), Kind::Filter, identity),
        two_pass: Some(filter_two_pass::<T>),
        observe: Some(filter_observe::<T>),
        state: Some(filter_state::<T>),
        merge: Some(filter_merge::<T>),
        judge: Some(filter_judge::<T>),
    }
}

/// The table of a filter with the ability [`crate::MEASURES`].
pub const fn measured_filter<T: Create + Filter + 'static>(identity: &'static [u8]) -> FilterTable {
    let table = filter::<T>(identity);
    FilterTable { header: Header { ability: Some(measures::<T>), ..table.header }, ..table }
}

/// The table of a loss.
pub const fn loss<T: Create + Loss + 'static>(identity: &'static [u8]) -> LossTable {
    LossTable { header: header::<T>(size_of::<LossTable>(), Kind::Loss, identity), describe: Some(loss_describe::<T>) }
}

/// The table of a metric.
pub const fn metric<T: Create + Metric + 'static>(identity: &'static [u8]) -> MetricTable {
    MetricTable {
        header: header::<T>(size_of::<MetricTable>(), Kind::Metric, identity),
        info: Some(metric_info::<T>),
        describe: Some(metric_describe::<T>),
    }
}

/// The table of a text metric, with the functions of its abilities: the identity says which a host may ask for.
pub const fn text_metric<T: Create + TextMetric + 'static>(identity: &'static [u8]) -> TextMetricTable {
    let header = header::<T>(size_of::<TextMetricTable>(), Kind::TextMetric, identity);
    TextMetricTable {
        header: Header { ability: Some(text_metric_ability::<T>), ..header },
        info: Some(text_metric_info::<T>),
        update: Some(text_metric_update::<T>),
        state: Some(text_metric_state::<T>),
        merge: Some(text_metric_merge::<T>),
        value: Some(text_metric_value::<T>),
    }
}

pub(super) const fn header<T: Create + 'static>(size: usize, kind: Kind, identity: &'static [u8]) -> Header {
    Header {
        size,
        version: VERSION,
        kind: kind.number(),
        identity: List::new(identity),
        create: Some(create::<T>),
        destroy: Some(destroy::<T>),
        ability: None,
    }
}

unsafe extern "C" fn create<T: Create>(host: *const Host, settings: List<Setting>, instance: *mut Instance) -> Status {
    // SAFETY: the contract of `Header::create`: host and settings live until this call returns
    let answer = unsafe { Answer::new(host) };
    let created = catch_unwind(|| {
        // SAFETY: as above, and the host's texts are UTF-8
        let settings: Vec<_> = unsafe { settings.as_slice().iter().map(|setting| read_setting(setting)).collect() };
        crate::export::create::<T>(&settings)
    });
    answer.log();
    match created {
        Ok(Ok(plugin)) => {
            // SAFETY: `instance` is where the host wants the pointer
            unsafe { *instance = Box::into_raw(Box::new(plugin)).cast() };
            OK
        }
        Ok(Err(error)) => answer.error(&error, FAILED),
        Err(panic) => answer.error(&panicked(panic), PANICKED),
    }
}

unsafe extern "C" fn destroy<T: Create>(instance: Instance) {
    // SAFETY: the host passes what `create` made, once
    let plugin = unsafe { Box::from_raw(instance.cast::<T>()) };
    // there is no one to tell, but a panic must not unwind into the host
    drop(catch_unwind(AssertUnwindSafe(|| drop(plugin))));
}

/// Runs one function of the plugin and turns its result, or its panic, into a status.
///
/// # Safety
/// `instance` was made by `create::<T>` and is used by this call alone; `host` is valid until the call returns.
pub(super) unsafe fn call<T>(
    instance: Instance,
    host: *const Host,
    f: impl FnOnce(&mut T, &Answer) -> Result<()>,
) -> Status {
    // SAFETY: the caller's promise
    let (plugin, answer) = unsafe { (&mut *instance.cast::<T>(), Answer::new(host)) };
    let called = catch_unwind(AssertUnwindSafe(|| f(plugin, &answer)));
    answer.log();
    match called {
        Ok(Ok(())) => OK,
        Ok(Err(error)) => answer.error(&error, FAILED),
        Err(panic) => answer.error(&panicked(panic), PANICKED),
    }
}

fn panicked(payload: Box<dyn Any + Send>) -> PluginError {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().copied().unwrap_or("no message").to_owned(),
    };
    PluginError::internal(format!("panicked: {text}"))
}

/// # Safety
/// `text` is UTF-8 that lives for `'a`.
pub(super) unsafe fn str_of<'a>(text: Str) -> &'a str {
    // SAFETY: the caller's promise
    unsafe { std::str::from_utf8_unchecked(text.as_slice()) }
}

/// # Safety
/// `texts` are UTF-8 and live for `'a`.
unsafe fn strs_of<'a>(texts: List<Str>) -> Vec<&'a str> {
    // SAFETY: the caller's promise
    unsafe { texts.as_slice().iter().map(|&text| str_of(text)).collect() }
}

/// # Safety
/// What `setting` points to is alive, and its texts are UTF-8.
pub(super) unsafe fn read_setting(setting: &Setting) -> crate::Setting {
    // SAFETY: the caller's promise
    unsafe {
        let value = match setting.tag {
            0 => Value::Boolean(setting.integer != 0),
            1 => Value::Integer(setting.integer),
            2 => Value::Number(setting.number),
            3 => Value::Text(str_of(setting.text).into()),
            4 => Value::Numbers(setting.numbers.as_slice().to_vec()),
            _ => Value::Texts(strs_of(setting.texts).into_iter().map(str::to_owned).collect()),
        };
        crate::Setting { key: str_of(setting.key).into(), value }
    }
}

/// Writes C functions that read their arguments and forward to a trait's function.
macro_rules! functions {
    ($(
        $name:ident<$bound:ident>($plugin:ident, $answer:ident $(, $argument:ident: $type:ty = $read:expr)?) $body:expr;
    )+) => { $(
        unsafe extern "C" fn $name<T: Create + $bound>(
            instance: Instance,
            host: *const Host
            $(, $argument: $type)?
        ) -> Status {
            // SAFETY: the contract of the tables: the instance is ours, host and arguments live until the call returns,
            // texts are UTF-8
            unsafe {
                $( let $argument = $read; )?
                call::<T>(instance, host, |$plugin, $answer| $body)
            }
        }
    )+ };
}

functions! {
    tokenizer_observe<Tokenizer>(plugin, _answer, texts: List<Str> = strs_of(texts)) plugin.observe(&texts);
    tokenizer_train<Tokenizer>(plugin, answer) plugin.train().map(|it| answer.bytes(&it));
    tokenizer_load<Tokenizer>(plugin, _answer, model: Str = model.as_slice()) plugin.load(model);
    tokenizer_vocabulary<Tokenizer>(plugin, answer) plugin.vocabulary().map(|it| answer.vocabulary(&it));
    tokenizer_encode<Tokenizer>(plugin, answer, texts: List<Str> = strs_of(texts)) {
        plugin.encode(&texts).map(|it| answer.tokens(&it))
    };
    tokenizer_decode<Tokenizer>(plugin, answer, batch: TokenBatch = read_batch(batch)) {
        plugin.decode(&batch).map(|texts| texts.iter().for_each(|text| answer.bytes(text)))
    };
    filter_two_pass<Filter>(plugin, answer) Ok(plugin.two_pass()).map(|it| answer.number(it.into()));
    filter_observe<Filter>(plugin, _answer, documents: List<Str> = strs_of(documents)) plugin.observe(&documents);
    filter_state<Filter>(plugin, answer) plugin.state().map(|it| answer.bytes(&it));
    filter_merge<Filter>(plugin, _answer, state: Str = state.as_slice()) plugin.merge(state);
    filter_judge<Filter>(plugin, answer, documents: List<Str> = strs_of(documents)) {
        plugin.judge(&documents).map(|verdicts| verdicts.iter().for_each(|verdict| answer.verdict(verdict)))
    };
    loss_describe<Loss>(plugin, answer) plugin.describe().map(|it| answer.graph(&it));
    metric_info<Metric>(plugin, answer) plugin.info().map(|it| answer.info(&it));
    metric_describe<Metric>(plugin, answer) plugin.describe().map(|it| answer.graph(&it));
    text_metric_info<TextMetric>(plugin, answer) plugin.info().map(|it| answer.info(&it));
    text_metric_update<TextMetric>(plugin, _answer, pairs: List<TextPair> = read_pairs(pairs)) plugin.update(&pairs);
    text_metric_state<TextMetric>(plugin, answer) plugin.state().map(|it| answer.bytes(&it));
    text_metric_merge<TextMetric>(plugin, _answer, state: Str = state.as_slice()) plugin.merge(state);
    text_metric_value<TextMetric>(plugin, answer) plugin.value().map(|it| answer.number(it));
    text_metric_update_prompted<TextMetric>(plugin, _answer, pairs: List<PromptedPair> = read_prompted(pairs)) {
        plugin.update_prompted(&pairs)
    };
    text_metric_signature<TextMetric>(plugin, answer) plugin.signature().map(|it| answer.bytes(it.as_bytes()));
}

/// Hands out the functions of the abilities of text metrics.
unsafe extern "C" fn text_metric_ability<T: Create + TextMetric + 'static>(name: Str) -> *const c_void {
    // SAFETY: the contract of `Header::ability`: the name lives until this call returns
    match unsafe { str_of(name) } {
        crate::PROMPTS => {
            let table: &'static PromptsTable = const {
                &PromptsTable { size: size_of::<PromptsTable>(), update: Some(text_metric_update_prompted::<T>) }
            };
            std::ptr::from_ref(table).cast()
        }
        crate::SIGNATURE => {
            let table: &'static SignatureTable = const {
                &SignatureTable { size: size_of::<SignatureTable>(), signature: Some(text_metric_signature::<T>) }
            };
            std::ptr::from_ref(table).cast()
        }
        _ => std::ptr::null(),
    }
}

/// Hands out the functions of the one ability.
unsafe extern "C" fn measures<T: Create + Filter + 'static>(name: Str) -> *const c_void {
    // SAFETY: the contract of `Header::ability`: the name lives until this call returns
    match unsafe { name.as_slice() } == crate::MEASURES.as_bytes() {
        true => std::ptr::from_ref(measures_table::<T>()).cast(),
        false => std::ptr::null(),
    }
}

fn measures_table<T: Create + Filter + 'static>() -> &'static MeasuresTable {
    const {
        &MeasuresTable {
            size: size_of::<MeasuresTable>(),
            rules: Some(filter_rules::<T>),
            measure: Some(filter_measure::<T>),
        }
    }
}

unsafe extern "C" fn filter_rules<T: Create + Filter>(
    instance: Instance,
    host: *const Host,
    to: *const Measures,
) -> Status {
    // SAFETY: the contract of `MeasuresTable`: the instance is ours, host and `to` live until the call returns
    unsafe {
        let Measures { context, rule: deliver, .. } = *to;
        call::<T>(instance, host, |plugin, _answer| {
            for rule in plugin.rules() {
                let bound = match rule.bound {
                    Bound::AtLeast => 0,
                    Bound::AtMost => 1,
                };
                let [reason, setting] = [&rule.reason, &rule.setting].map(|text| List::new(text.as_bytes()));
                deliver(context, reason, setting, bound, rule.limit);
            }
            Ok(())
        })
    }
}

unsafe extern "C" fn filter_measure<T: Create + Filter>(
    instance: Instance,
    host: *const Host,
    documents: List<Str>,
    to: *const Measures,
) -> Status {
    // SAFETY: as in `filter_rules`, and the documents are UTF-8 that lives as long
    unsafe {
        let (documents, Measures { context, values: deliver, .. }) = (strs_of(documents), *to);
        call::<T>(instance, host, |plugin, _answer| {
            let values = plugin.measure(&documents)?;
            deliver(context, List::new(&values));
            Ok(())
        })
    }
}

/// # Safety
/// What `batch` points to is alive.
unsafe fn read_batch(batch: TokenBatch) -> crate::TokenBatch {
    // SAFETY: the caller's promise
    unsafe { crate::TokenBatch { ids: batch.ids.as_slice().to_vec(), ends: batch.ends.as_slice().to_vec() } }
}

/// # Safety
/// What `pairs` point to lives for `'a`, and texts are UTF-8.
unsafe fn read_pairs<'a>(pairs: List<TextPair>) -> Vec<crate::TextPair<'a>> {
    // SAFETY: the caller's promise
    unsafe { pairs.as_slice().iter().map(|pair| read_pair(pair)).collect() }
}

/// # Safety
/// As for `read_pairs`.
unsafe fn read_pair<'a>(pair: &TextPair) -> crate::TextPair<'a> {
    // SAFETY: the caller's promise
    unsafe { crate::TextPair { hypothesis: str_of(pair.hypothesis), references: strs_of(pair.references) } }
}

/// # Safety
/// As for `read_pairs`.
unsafe fn read_prompted<'a>(pairs: List<PromptedPair>) -> Vec<crate::PromptedPair<'a>> {
    let read = |prompted: &PromptedPair| {
        // SAFETY: the caller's promise
        unsafe { crate::PromptedPair { prompt: str_of(prompted.prompt), pair: read_pair(&prompted.pair) } }
    };
    // SAFETY: the caller's promise
    unsafe { pairs.as_slice() }.iter().map(read).collect()
}
