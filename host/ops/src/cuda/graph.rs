//! Launches that are repeated: captured once, then started with one call.

use super::{Gpu, driver_error};
use crate::Result;
use cudarc::driver::{CudaGraph, sys};

/// A sequence of launches and what it depends on.
#[derive(Default)]
pub struct Replay {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    New,
    /// Ran once as single launches: what it needs has been allocated and chosen.
    Ran(Vec<u64>),
    Captured(Vec<u64>, Graph),
    /// Cannot be captured: each launch is started by itself.
    Refused(Vec<u64>),
}

struct Graph(CudaGraph);

// SAFETY: a graph is not bound to a thread, and `Replay::run` takes `&mut self`: one thread at a time uses it.
unsafe impl Send for Graph {}

impl Replay {
    /// Does what `launches` does. The first time with a `key` it is called; the second time the launches are captured;
    /// from then on they are repeated without it. The key must name everything that differs between calls: addresses
    /// and sizes.
    ///
    /// # Errors
    /// What `launches` fails with, or a GPU that fails.
    pub fn run(&mut self, gpu: &Gpu, key: &[u64], mut launches: impl FnMut() -> Result<()>) -> Result<()> {
        match &self.state {
            State::Captured(known, graph) if known == key => return graph.launch(),
            State::Refused(known) if known == key => return launches(),
            State::Ran(known) if known == key => {}
            _ => {
                self.state = State::New;
                launches()?;
                self.state = State::Ran(key.to_vec());
                return Ok(());
            }
        }
        match Graph::capture(gpu, &mut launches) {
            Ok(graph) => {
                graph.launch()?;
                self.state = State::Captured(key.to_vec(), graph);
                Ok(())
            }
            Err(error) => {
                tracing::warn!("launches are not captured, each is started by itself: {error}");
                self.state = State::Refused(key.to_vec());
                launches()
            }
        }
    }
}

impl Graph {
    fn capture(gpu: &Gpu, launches: impl FnOnce() -> Result<()>) -> Result<Self> {
        let fail = |error| driver_error("capture the launches of a step", error);
        let mode = sys::CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        gpu.stream.begin_capture(mode).map_err(fail)?;
        let result = launches();
        // The stream must leave the mode also when a launch failed.
        let graph = gpu.stream.end_capture(sys::CUgraphInstantiate_flags(0));
        result?;
        let graph = graph.map_err(fail)?.ok_or_else(|| crate::Error::run("cuda: a step without launches"))?;
        Ok(Self(graph))
    }

    fn launch(&self) -> Result<()> {
        self.0.launch().map_err(|error| driver_error("start the captured launches", error))
    }
}
