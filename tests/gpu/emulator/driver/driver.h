// What the files of the emulated driver (libcuda.so.1) share. The types stand for those of cuda.h, which is not needed
// here: handles are pointers to our own structures.
//
// Work on a stream waits in a queue until something demands it: a synchronisation, an event, a copy to memory that the
// caller may read at once. So where a program forgets to wait, it sees old data, as it may on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace driver {

enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    FILE_NOT_FOUND = 301,
    OPERATING_SYSTEM = 304,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_UNJOINED = 904,
    CAPTURE_ISOLATION = 905,
    CAPTURED_EVENT = 907,
    CAPTURE_WRONG_THREAD = 908,
};

typedef uint64_t Address;
typedef std::function<void()> Work;

struct Graph {
    std::vector<Work> work;
};

enum CaptureMode { GLOBAL = 0, THREAD_LOCAL = 1, RELAXED = 2 };

struct Stream;

// A capture: work of its streams goes to its graph, in the order of the calls.
struct Capture {
    std::shared_ptr<Graph> graph = std::make_shared<Graph>();
    Stream *origin;
    int mode;
    std::thread::id thread;
    bool valid = true;
    // Streams that joined by an event, and whether the origin has waited for all of their work.
    std::map<Stream *, bool> joined;
};

struct Queue {
    std::deque<Work> waiting;
    uint64_t done = 0;
    bool running = false;
    uint64_t end() const { return done + waiting.size(); }
};

struct Stream {
    std::shared_ptr<Queue> queue = std::make_shared<Queue>();
    bool with_default = true;  // waits for the default stream, and the default stream for it
    std::shared_ptr<Capture> capture;
};

struct Event {
    std::shared_ptr<Queue> queue;  // null: nothing recorded, or recorded on the default stream, so done
    uint64_t position = 0;
    std::shared_ptr<double> milliseconds = std::make_shared<double>(0);
    bool timing = true;
    std::shared_ptr<Capture> capture;
    Stream *captured_from = nullptr;
};

struct Device {
    int count, major, minor, version;
    size_t memory;
};

struct State {
    std::recursive_mutex lock;
    bool initialized = false;
    std::set<Stream *> streams;
    std::set<std::shared_ptr<Capture>> captures;
};

State &state();
const Device &device();

// Taken by every call. `bad` is what the call must return at once, if not SUCCESS.
struct Call {
    std::lock_guard<std::recursive_mutex> guard;
    Result bad;
    explicit Call(bool needs_context = true);
};
#define ENTER(...) \
    ::driver::Call call{__VA_ARGS__}; \
    if (call.bad) return call.bad

// --- streams.cpp ---
bool is_default(Stream *stream);
// Adds work to a stream, or to the graph that captures it.
Result enqueue(Stream *stream, Work work);
void run_until(Queue &queue, uint64_t position);
void run_stream(Stream *stream);
void run_all();
// The default stream begins work: that of the streams bound to it comes first.
void run_with_default();
// For calls that a capture forbids: they fail, and so does the capture.
Result refuse_in_capture();
Result refuse_in_capture(Stream *stream);

// --- memory.cpp ---
// Checks the bytes around all allocations; `after` says what ran.
void check_memory(const std::string &after);
// Text on an address near an allocation, or empty.
std::string describe_address(Address address);

// --- modules.cpp ---
// Runs work that is no kernel, and checks memory after it.
void run_named(const char *name, const Work &work);
// What runs on this thread of the operating system: the kernel, block and thread, or such a name.
std::string describe_running();

// --- faults.cpp ---
void catch_faults();

}  // namespace driver
