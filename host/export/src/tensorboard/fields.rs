//! TensorBoard's messages: the numbers of the fields that are written.
//!
//! The definitions are TensorFlow's `event.proto`, `summary.proto`, `tensor.proto` and `tensor_shape.proto`, and of the
//! package `tensorboard` (2.21) `plugins/hparams/plugin_data.proto` and `plugins/hparams/api.proto`.

/// Fields of `Event`.
pub mod event {
    pub const WALL_TIME: u64 = 1;
    pub const STEP: u64 = 2;
    pub const FILE_VERSION: u64 = 3;
    pub const SUMMARY: u64 = 5;
    pub const SESSION_LOG: u64 = 7;
}

/// Fields of `SessionLog`, and a value of its `SessionStatus`.
pub mod session_log {
    pub const STATUS: u64 = 1;
    pub const START: u64 = 1;
}

/// Fields of `Summary` and `Summary.Value`.
pub mod summary {
    pub const VALUE: u64 = 1;
    pub const TAG: u64 = 1;
    pub const SIMPLE_VALUE: u64 = 2;
    pub const TENSOR: u64 = 8;
    pub const METADATA: u64 = 9;
}

/// Fields of `SummaryMetadata` and `SummaryMetadata.PluginData`, and a value of `DataClass`.
pub mod metadata {
    pub const PLUGIN_DATA: u64 = 1;
    pub const DATA_CLASS: u64 = 4;
    pub const DATA_CLASS_TENSOR: u64 = 2;
    pub const PLUGIN_NAME: u64 = 1;
    pub const CONTENT: u64 = 2;
}

/// Fields of `TensorProto`, `TensorShapeProto` and its `Dim`, and values of `DataType`.
pub mod tensor {
    pub const DTYPE: u64 = 1;
    pub const SHAPE: u64 = 2;
    pub const FLOAT_VAL: u64 = 5;
    pub const STRING_VAL: u64 = 8;
    pub const DT_FLOAT: u64 = 1;
    pub const DT_STRING: u64 = 7;
    pub const DIM: u64 = 2;
    pub const SIZE: u64 = 1;
}

/// Fields of `HParamsPluginData`, `SessionStartInfo` and `SessionEndInfo`, and values of `Status`.
pub mod hparams {
    pub const SESSION_START_INFO: u64 = 3;
    pub const SESSION_END_INFO: u64 = 4;
    pub const HPARAMS: u64 = 1;
    pub const START_TIME_SECS: u64 = 5;
    pub const STATUS: u64 = 1;
    pub const END_TIME_SECS: u64 = 2;
    pub const STATUS_SUCCESS: u64 = 1;
    pub const STATUS_FAILURE: u64 = 2;
}

/// Fields of an entry of a map and of `google.protobuf.Value`.
pub mod value {
    pub const KEY: u64 = 1;
    pub const VALUE: u64 = 2;
    pub const NUMBER: u64 = 2;
    pub const STRING: u64 = 3;
    pub const BOOL: u64 = 4;
}
