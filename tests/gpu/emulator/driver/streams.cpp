// The emulated driver: streams, events, capture and graphs.
#include <chrono>

#include "driver.h"

namespace driver {

bool is_default(Stream *stream) { return reinterpret_cast<uintptr_t>(stream) <= 2; }

void run_until(Queue &queue, uint64_t position) {
    if (queue.running) return;  // a kernel's host function asks for its own stream
    queue.running = true;
    while (queue.done < position && !queue.waiting.empty()) {
        Work work = std::move(queue.waiting.front());
        queue.waiting.pop_front();
        work();
        queue.done++;
    }
    queue.running = false;
}

void run_stream(Stream *stream) {
    if (is_default(stream)) run_with_default();
    else run_until(*stream->queue, stream->queue->end());
}

void run_all() {
    for (Stream *stream : state().streams) run_until(*stream->queue, stream->queue->end());
}

void run_with_default() {
    for (Stream *stream : state().streams) {
        if (stream->with_default) run_until(*stream->queue, stream->queue->end());
    }
}

Result enqueue(Stream *stream, Work work) {
    if (is_default(stream)) {
        for (const auto &capture : state().captures) {
            if (!capture->origin->with_default) continue;
            capture->valid = false;
            return CAPTURE_UNSUPPORTED;
        }
        run_with_default();
        work();
        return SUCCESS;
    }
    if (const auto &capture = stream->capture) {
        if (!capture->valid) return CAPTURE_INVALIDATED;
        capture->graph->work.push_back(std::move(work));
        if (stream != capture->origin) capture->joined[stream] = false;
        return SUCCESS;
    }
    stream->queue->waiting.push_back(std::move(work));
    // Not without end: the work holds memory.
    if (stream->queue->waiting.size() > 65536) run_stream(stream);
    return SUCCESS;
}

Result refuse_in_capture() {
    Result result = SUCCESS;
    for (const auto &capture : state().captures) {
        if (capture->mode == RELAXED) continue;
        if (capture->mode == THREAD_LOCAL && capture->thread != std::this_thread::get_id()) continue;
        capture->valid = false;
        result = CAPTURE_UNSUPPORTED;
    }
    return result;
}

Result refuse_in_capture(Stream *stream) {
    if (is_default(stream) || !stream->capture) return SUCCESS;
    stream->capture->valid = false;
    return CAPTURE_UNSUPPORTED;
}

static double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static bool is_done(const Event &event) { return !event.queue || event.queue->done >= event.position; }

static void run_event(const Event &event) {
    if (event.queue) run_until(*event.queue, event.position);
}

}  // namespace driver

using namespace driver;

// --- Streams ---

API int cuStreamCreateWithPriority(Stream **stream, unsigned flags, int) {
    ENTER();
    if (flags > 1) return INVALID_VALUE;
    *stream = new Stream();
    (*stream)->with_default = flags == 0;
    state().streams.insert(*stream);
    return SUCCESS;
}
API int cuStreamCreate(Stream **stream, unsigned flags) { return cuStreamCreateWithPriority(stream, flags, 0); }

API int cuStreamDestroy_v2(Stream *stream) {
    ENTER();
    if (is_default(stream) || !state().streams.count(stream)) return INVALID_HANDLE;
    if (stream->capture) state().captures.erase(stream->capture);
    run_stream(stream);
    state().streams.erase(stream);
    delete stream;
    return SUCCESS;
}

API int cuStreamSynchronize(Stream *stream) {
    ENTER();
    if (Result refused = refuse_in_capture(stream)) return refused;
    if (Result refused = refuse_in_capture()) return refused;
    run_stream(stream);
    return SUCCESS;
}

API int cuStreamQuery(Stream *stream) {
    ENTER();
    if (Result refused = refuse_in_capture(stream)) return refused;
    if (is_default(stream) || stream->queue->waiting.empty()) return SUCCESS;
    // The work begins now, since nothing else may demand it: one who asks again and again gets his answer.
    run_stream(stream);
    return NOT_READY;
}

API int cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
    ENTER();
    if (!event) return INVALID_HANDLE;
    if (is_default(stream)) {
        if (event->capture) return CAPTURED_EVENT;
        run_event(*event);
        return SUCCESS;
    }
    if (event->capture) {
        if (!state().captures.count(event->capture)) return CAPTURED_EVENT;
        if (stream->capture && stream->capture != event->capture) return CAPTURE_ISOLATION;
        if (!stream->capture) {
            stream->capture = event->capture;
            event->capture->joined[stream] = false;
        } else if (stream == event->capture->origin && event->captured_from != stream) {
            event->capture->joined[event->captured_from] = true;
        }
        return SUCCESS;
    }
    if (stream->capture) {
        stream->capture->valid = false;
        return CAPTURE_ISOLATION;
    }
    if (is_done(*event)) return SUCCESS;
    return enqueue(stream, [queue = event->queue, position = event->position] { run_until(*queue, position); });
}

API int cuLaunchHostFunc(Stream *stream, void (*function)(void *), void *data) {
    ENTER();
    return enqueue(stream, [=] { function(data); });
}

// --- Events ---

API int cuEventCreate(Event **event, unsigned flags) {
    ENTER();
    *event = new Event();
    (*event)->timing = !(flags & 2);
    return SUCCESS;
}

API int cuEventDestroy_v2(Event *event) {
    ENTER();
    if (!event) return INVALID_HANDLE;
    delete event;
    return SUCCESS;
}

API int cuEventRecord(Event *event, Stream *stream) {
    ENTER();
    if (!event) return INVALID_HANDLE;
    event->capture = nullptr;
    event->queue = nullptr;
    event->milliseconds = std::make_shared<double>(0);
    if (!is_default(stream) && stream->capture) {
        if (!stream->capture->valid) return CAPTURE_INVALIDATED;
        event->capture = stream->capture;
        event->captured_from = stream;
        return SUCCESS;
    }
    Result result = enqueue(stream, [time = event->milliseconds] { *time = now(); });
    if (!is_default(stream)) {
        event->queue = stream->queue;
        event->position = stream->queue->end();
    }
    return result;
}

API int cuEventSynchronize(Event *event) {
    ENTER();
    if (!event) return INVALID_HANDLE;
    if (event->capture) return CAPTURED_EVENT;
    if (Result refused = refuse_in_capture()) return refused;
    run_event(*event);
    return SUCCESS;
}

API int cuEventQuery(Event *event) {
    ENTER();
    if (!event) return INVALID_HANDLE;
    if (event->capture) return CAPTURED_EVENT;
    if (Result refused = refuse_in_capture()) return refused;
    if (is_done(*event)) return SUCCESS;
    run_event(*event);
    return NOT_READY;
}

API int cuEventElapsedTime_v2(float *milliseconds, Event *start, Event *end) {
    ENTER();
    if (!start || !end || !start->timing || !end->timing) return INVALID_HANDLE;
    if (start->capture || end->capture) return CAPTURED_EVENT;
    if (!is_done(*start) || !is_done(*end)) return NOT_READY;
    if (*start->milliseconds == 0 || *end->milliseconds == 0) return INVALID_HANDLE;
    *milliseconds = (float)(*end->milliseconds - *start->milliseconds);
    return SUCCESS;
}
API int cuEventElapsedTime(float *milliseconds, Event *start, Event *end) {
    return cuEventElapsedTime_v2(milliseconds, start, end);
}

// --- Capture and graphs ---

API int cuStreamBeginCapture_v2(Stream *stream, int mode) {
    ENTER();
    if (is_default(stream)) return CAPTURE_UNSUPPORTED;
    if (stream->capture || mode < GLOBAL || mode > RELAXED) return INVALID_VALUE;
    auto capture = std::make_shared<Capture>();
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    stream->capture = capture;
    state().captures.insert(capture);
    return SUCCESS;
}

API int cuStreamIsCapturing(Stream *stream, int *status) {
    ENTER();
    *status = is_default(stream) || !stream->capture ? 0 : stream->capture->valid ? 1 : 2;
    return SUCCESS;
}

API int cuStreamEndCapture(Stream *stream, Graph **graph) {
    ENTER();
    *graph = nullptr;
    if (is_default(stream) || !stream->capture) return INVALID_VALUE;
    std::shared_ptr<Capture> capture = stream->capture;
    if (capture->origin != stream) return CAPTURE_UNMATCHED;
    if (capture->mode != RELAXED && capture->thread != std::this_thread::get_id()) return CAPTURE_WRONG_THREAD;
    bool all_joined = true;
    for (auto &[other, waited] : capture->joined) {
        all_joined &= waited;
        if (state().streams.count(other)) other->capture = nullptr;
    }
    stream->capture = nullptr;
    state().captures.erase(capture);
    if (!capture->valid) return CAPTURE_INVALIDATED;
    if (!all_joined) return CAPTURE_UNJOINED;
    *graph = new Graph(*capture->graph);
    return SUCCESS;
}

API int cuGraphInstantiateWithFlags(std::shared_ptr<Graph> **executable, Graph *graph, unsigned long long) {
    ENTER();
    if (!graph) return INVALID_VALUE;
    *executable = new std::shared_ptr<Graph>(new Graph(*graph));
    return SUCCESS;
}

API int cuGraphUpload(std::shared_ptr<Graph> *executable, Stream *) {
    ENTER();
    return executable ? SUCCESS : INVALID_VALUE;
}

API int cuGraphLaunch(std::shared_ptr<Graph> *executable, Stream *stream) {
    ENTER();
    if (!executable) return INVALID_VALUE;
    return enqueue(stream, [graph = *executable] {
        for (const Work &work : graph->work) work();
    });
}

API int cuGraphExecDestroy(std::shared_ptr<Graph> *executable) {
    ENTER();
    delete executable;
    return SUCCESS;
}

API int cuGraphDestroy(Graph *graph) {
    ENTER();
    delete graph;
    return SUCCESS;
}

// The number of nodes: here one for each call.
API int cuGraphGetNodes(Graph *graph, void **nodes, size_t *count) {
    ENTER();
    if (nodes) return NOT_SUPPORTED;
    *count = graph->work.size();
    return SUCCESS;
}

// For the other emulated libraries: work in the order of a stream.
API int emulator_enqueue(Stream *stream, const char *name, const Work *work) {
    ENTER();
    return enqueue(stream, [name, work = *work] {
        run_named(name, work);
    });
}
