//! TensorBoard's messages: one function for each kind of event.

use super::fields::{event, hparams, metadata, session_log, summary, tensor, value};
use super::wire::Message;
use crate::hparams::Hparam;

/// The version of the format: readers look for restarts by their session logs from version 2.
const FILE_VERSION: &[u8] = b"brain.Event:2";

/// What a file begins with.
pub fn file_version(wall_time: f64) -> Message {
    event(wall_time, 0).bytes(event::FILE_VERSION, FILE_VERSION)
}

/// A process that begins with step `step`: readers drop what they have of this step and of later ones.
pub fn session_start(wall_time: f64, step: u64) -> Message {
    let log = Message::default().integer(session_log::STATUS, session_log::START);
    event(wall_time, step).message(event::SESSION_LOG, &log)
}

/// Scalars of one step, by tag.
pub fn scalars(wall_time: f64, step: u64, values: &[(impl AsRef<str>, f64)]) -> Message {
    let mut all = Message::default();
    for (tag, value) in values {
        all = all.message(summary::VALUE, &summary_value(tag.as_ref()).float(summary::SIMPLE_VALUE, *value as f32));
    }
    event(wall_time, step).message(event::SUMMARY, &all)
}

/// A text, as the plugin `text` has it: a tensor of one string.
pub fn text(wall_time: f64, step: u64, tag: &str, text: &str) -> Message {
    let tensor = tensor(tensor::DT_STRING).bytes(tensor::STRING_VAL, text.as_bytes());
    event(wall_time, step).message(event::SUMMARY, &of_plugin(tag, &tensor, "text", &[]))
}

/// The beginning of a session, with its hyperparameters.
pub fn session_start_info(wall_time: f64, values: &[(String, Hparam)]) -> Message {
    let entry = |(name, value): &(String, Hparam)| {
        let value = match value {
            Hparam::Number(number) => Message::default().double(value::NUMBER, *number),
            Hparam::Text(text) => Message::default().bytes(value::STRING, text.as_bytes()),
            Hparam::Bool(bool) => Message::default().integer(value::BOOL, u64::from(*bool)),
        };
        Message::default().bytes(value::KEY, name.as_bytes()).message(value::VALUE, &value)
    };
    let info = values.iter().map(entry);
    let info = info.fold(Message::default(), |info, entry| info.message(hparams::HPARAMS, &entry));
    let info = info.double(hparams::START_TIME_SECS, wall_time);
    of_hparams(wall_time, "_hparams_/session_start_info", hparams::SESSION_START_INFO, &info)
}

/// The end of a session.
pub fn session_end_info(wall_time: f64, is_success: bool) -> Message {
    let status = if is_success { hparams::STATUS_SUCCESS } else { hparams::STATUS_FAILURE };
    let info = Message::default().integer(hparams::STATUS, status).double(hparams::END_TIME_SECS, wall_time);
    of_hparams(wall_time, "_hparams_/session_end_info", hparams::SESSION_END_INFO, &info)
}

/// An event without its content. Readers drop events without a time.
fn event(wall_time: f64, step: u64) -> Message {
    let event = Message::default().double(event::WALL_TIME, if wall_time.is_finite() { wall_time } else { 0.0 });
    if step == 0 { event } else { event.integer(event::STEP, step) }
}

fn summary_value(tag: &str) -> Message {
    Message::default().bytes(summary::TAG, tag.as_bytes())
}

/// A tensor of shape `[1]` without its value.
fn tensor(data_type: u64) -> Message {
    let dim = Message::default().integer(tensor::SIZE, 1);
    let shape = Message::default().message(tensor::DIM, &dim);
    Message::default().integer(tensor::DTYPE, data_type).message(tensor::SHAPE, &shape)
}

/// A summary of one value with a plugin's metadata.
fn of_plugin(tag: &str, tensor: &Message, plugin: &str, content: &[u8]) -> Message {
    let data = Message::default().bytes(metadata::PLUGIN_NAME, plugin.as_bytes());
    let data = if content.is_empty() { data } else { data.bytes(metadata::CONTENT, content) };
    let metadata = Message::default().message(metadata::PLUGIN_DATA, &data);
    let metadata = metadata.integer(metadata::DATA_CLASS, metadata::DATA_CLASS_TENSOR);
    let value = summary_value(tag).message(summary::TENSOR, tensor).message(summary::METADATA, &metadata);
    Message::default().message(summary::VALUE, &value)
}

/// An event of the plugin `hparams`, which reads the metadata and ignores the tensor.
fn of_hparams(wall_time: f64, tag: &str, field: u64, info: &Message) -> Message {
    let content = Message::default().message(field, info);
    // a list of one number
    let tensor = tensor(tensor::DT_FLOAT).bytes(tensor::FLOAT_VAL, &0.0_f32.to_le_bytes());
    event(wall_time, 0).message(event::SUMMARY, &of_plugin(tag, &tensor, "hparams", content.encoded()))
}
