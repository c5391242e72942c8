//! How an operation finds its kernels.

/// Calls a function of an operation's twin files: that of `cpu.rs` with the engine, or that of `gpu.rs` with the GPU,
/// both with the same arguments after it.
macro_rules! on_device {
    ($engine:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $engine.device() {
            $crate::Device::Cpu => cpu::$function($engine, $($argument),*),
            $crate::Device::Gpu(gpu) => gpu::$function(gpu, $($argument),*),
        }
    };
}
pub(super) use on_device;
