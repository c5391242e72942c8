// The emulated driver: initialisation, the device and its properties, contexts, texts of errors.
//
// Set by the environment: TRAINYARD_EMULATOR_DEVICES (1), _CAPABILITY (9.0), _DRIVER (13000), _MEMORY (bytes, 8 GiB).
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace driver {

static thread_local void *current_context = nullptr;
// A context is known by its address only.
static char contexts[64];

State &state() {
    static State *state = new State();  // outlives all threads
    return *state;
}

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}

const Device &device() {
    static const Device device = [] {
        Device d = {};
        d.count = atoi(setting("TRAINYARD_EMULATOR_DEVICES", "1"));
        d.version = atoi(setting("TRAINYARD_EMULATOR_DRIVER", "13000"));
        d.memory = strtoull(setting("TRAINYARD_EMULATOR_MEMORY", "8589934592"), nullptr, 10);
        if (sscanf(setting("TRAINYARD_EMULATOR_CAPABILITY", "9.0"), "%d.%d", &d.major, &d.minor) != 2) d.major = 9;
        return d;
    }();
    return device;
}

Call::Call(bool needs_context) : guard(state().lock), bad(SUCCESS) {
    if (!state().initialized) bad = NOT_INITIALIZED;
    else if (needs_context && !current_context) bad = INVALID_CONTEXT;
}

static bool no_such_device(int index) { return index < 0 || index >= device().count; }

// By the numbers of CUdevice_attribute.
static int attribute(int number) {
    switch (number) {
        case 1: return 1024;  // threads in a block
        case 2: case 3: return 1024;
        case 4: return 64;
        case 5: return 2147483647;  // blocks in a grid
        case 6: case 7: return 65535;
        case 8: return 49152;  // shared memory of a block
        case 9: return 65536;
        case 10: return 32;  // lanes of a warp
        case 12: case 82: return 65536;  // registers
        case 13: return 1980000;  // kHz
        case 16: return 132;  // multiprocessors
        case 31: case 41: return 1;
        case 36: return 2619000;
        case 37: return 5120;
        case 38: return 52428800;  // cache
        case 39: return 2048;  // threads of a multiprocessor
        case 40: return 3;
        case 75: return device().major;
        case 76: return device().minor;
        case 78: return 1;
        case 81: return 233472;
        case 97: return 232448;  // shared memory of a block that asks for it
        case 106: return 32;
        case 111: return 1024;
        case 115: return 1;  // memory pools
        default: return 0;
    }
}

struct ErrorText {
    int code;
    const char *name, *text;
};
static const ErrorText ERRORS[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {FILE_NOT_FOUND, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {OPERATING_SYSTEM, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED",
     "capturing stream has unjoined work"},
    {CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from another thread"},
};
static const ErrorText *error_text(int code) {
    for (const ErrorText &error : ERRORS) {
        if (error.code == code) return &error;
    }
    return nullptr;
}

}  // namespace driver

using namespace driver;

API int cuGetErrorName(int code, const char **name) {
    const ErrorText *error = error_text(code);
    *name = error ? error->name : nullptr;
    return error ? SUCCESS : INVALID_VALUE;
}

API int cuGetErrorString(int code, const char **text) {
    const ErrorText *error = error_text(code);
    *text = error ? error->text : nullptr;
    return error ? SUCCESS : INVALID_VALUE;
}

API int cuInit(unsigned flags) {
    std::lock_guard<std::recursive_mutex> guard(state().lock);
    if (flags) return INVALID_VALUE;
    if (device().count < 1) return NO_DEVICE;
    if (!state().initialized) catch_faults();
    state().initialized = true;
    return SUCCESS;
}

API int cuDriverGetVersion(int *version) {
    *version = device().version;
    return SUCCESS;
}

API int cuDeviceGetCount(int *count) {
    ENTER(false);
    *count = device().count;
    return SUCCESS;
}

API int cuDeviceGet(int *out, int index) {
    ENTER(false);
    if (no_such_device(index)) return INVALID_DEVICE;
    *out = index;
    return SUCCESS;
}

API int cuDeviceGetName(char *name, int size, int index) {
    ENTER(false);
    if (no_such_device(index)) return INVALID_DEVICE;
    snprintf(name, size, "Emulated GPU");
    return SUCCESS;
}

API int cuDeviceGetUuid_v2(unsigned char *uuid, int index) {
    ENTER(false);
    if (no_such_device(index)) return INVALID_DEVICE;
    memset(uuid, index + 1, 16);
    return SUCCESS;
}
API int cuDeviceGetUuid(unsigned char *uuid, int index) { return cuDeviceGetUuid_v2(uuid, index); }

API int cuDeviceTotalMem_v2(size_t *bytes, int index) {
    ENTER(false);
    if (no_such_device(index)) return INVALID_DEVICE;
    *bytes = device().memory;
    return SUCCESS;
}

API int cuDeviceGetAttribute(int *value, int number, int index) {
    ENTER(false);
    if (no_such_device(index)) return INVALID_DEVICE;
    *value = attribute(number);
    return SUCCESS;
}

API int cuDevicePrimaryCtxRetain(void **context, int index) {
    ENTER(false);
    if (no_such_device(index)) return INVALID_DEVICE;
    *context = &contexts[index];
    return SUCCESS;
}

API int cuDevicePrimaryCtxRelease_v2(int index) {
    ENTER(false);
    return no_such_device(index) ? INVALID_DEVICE : SUCCESS;
}

API int cuCtxSetCurrent(void *context) {
    ENTER(false);
    current_context = context;
    return SUCCESS;
}

API int cuCtxGetCurrent(void **context) {
    ENTER(false);
    *context = current_context;
    return SUCCESS;
}

API int cuCtxGetDevice(int *index) {
    ENTER();
    *index = static_cast<char *>(current_context) - contexts;
    return SUCCESS;
}

API int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    ENTER();
    *least = 0;
    *greatest = -5;
    return SUCCESS;
}

API int cuCtxSetLimit(int, size_t) {
    ENTER();
    return SUCCESS;
}

API int cuCtxSynchronize() {
    ENTER();
    if (Result refused = refuse_in_capture()) return refused;
    run_all();
    return SUCCESS;
}

API int cuProfilerStart() { return SUCCESS; }
API int cuProfilerStop() { return SUCCESS; }
