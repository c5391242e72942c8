//! What a host tells its worker.

use crate::plugin::call::Call;
use crate::plugin::codec::{Decode, Encode, Reader, Rest};

/// One message, with its parts lent by the sender. `C` is a call of the instance: [`Call`] when it is sent, and the
/// rest of the message when it is received, to be read when it is served.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a, C> {
    /// Loads the plugin, which is sandboxed or not, from the bytes that its host checked, as this config says, which is
    /// JSON; comes first.
    Open(bool, &'a str, &'a [u8]),
    /// Makes the instance; comes second.
    Create,
    /// Calls the instance.
    Call(C),
    /// Destroys the instance and ends the worker; has no answer.
    End,
    /// Compiles a component, with deadlines or without, within seconds of processor time and mebibytes of memory, and
    /// answers with its code; comes first and last.
    Compile(bool, u64, u64, &'a [u8]),
}

/// A message as the host sends it.
pub type Sent<'a> = Message<'a, Call<'a>>;
/// A message as the worker reads it.
pub type Received<'a> = Message<'a, Rest<'a>>;

impl<C: Encode> Encode for Message<'_, C> {
    fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Message::Open(is_wasm, config, file) => (0u8, (is_wasm, (config, file))).encode(to),
            Message::Create => 1u8.encode(to),
            Message::Call(call) => {
                2u8.encode(to);
                call.encode(to);
            }
            Message::End => 3u8.encode(to),
            Message::Compile(deadlines, cpu_s, memory_mb, component) => {
                (4u8, (deadlines, (cpu_s, (memory_mb, component)))).encode(to);
            }
        }
    }
}

impl<'a> Decode<'a> for Received<'a> {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        Some(match u8::decode(from)? {
            0 => Message::Open(Decode::decode(from)?, Decode::decode(from)?, Decode::decode(from)?),
            1 => Message::Create,
            2 => Message::Call(Decode::decode(from)?),
            3 => Message::End,
            4 => Message::Compile(
                Decode::decode(from)?,
                Decode::decode(from)?,
                Decode::decode(from)?,
                Decode::decode(from)?,
            ),
            _ => return None,
        })
    }
}
