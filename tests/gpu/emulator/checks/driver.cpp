// Checks of the emulated libraries: memory, streams, events, graphs, modules, launches, products, compilation, and
// mistakes that must be found. Run by check.sh.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "expect.h"

// What is used of the libraries; handles are plain pointers here.
typedef void *Handle;
typedef uint64_t Address;
extern "C" {
int cuInit(unsigned);
int cuDevicePrimaryCtxRetain(Handle *, int);
int cuCtxSetCurrent(Handle);
int cuDeviceGetAttribute(int *, int, int);
int cuMemAlloc_v2(Address *, size_t);
int cuMemFree_v2(Address);
int cuMemAllocAsync(Address *, size_t, Handle);
int cuMemFreeAsync(Address, Handle);
int cuMemGetInfo_v2(size_t *, size_t *);
int cuMemHostAlloc(void **, size_t, unsigned);
int cuMemcpyHtoD_v2(Address, const void *, size_t);
int cuMemcpyDtoH_v2(void *, Address, size_t);
int cuMemcpyHtoDAsync_v2(Address, const void *, size_t, Handle);
int cuMemcpyDtoHAsync_v2(void *, Address, size_t, Handle);
int cuMemsetD8Async(Address, unsigned char, size_t, Handle);
int cuDeviceGetDefaultMemPool(Handle *, int);
int cuMemPoolGetAttribute(Handle, int, void *);
int cuStreamCreate(Handle *, unsigned);
int cuStreamSynchronize(Handle);
int cuStreamWaitEvent(Handle, Handle, unsigned);
int cuStreamBeginCapture_v2(Handle, int);
int cuStreamEndCapture(Handle, Handle *);
int cuGraphInstantiateWithFlags(Handle *, Handle, unsigned long long);
int cuGraphLaunch(Handle, Handle);
int cuEventCreate(Handle *, unsigned);
int cuEventRecord(Handle, Handle);
int cuModuleLoadData(Handle *, const void *);
int cuModuleUnload(Handle);
int cuModuleGetFunction(Handle *, Handle, const char *);
int cuFuncSetAttribute(Handle, int, int);
int cuLaunchKernel(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void **,
                   void **);
int cublasLtCreate(Handle *);
int cublasLtMatmulDescCreate(Handle *, int, int);
int cublasLtMatmulDescSetAttribute(Handle, int, const void *, size_t);
int cublasLtMatrixLayoutCreate(Handle *, int, uint64_t, uint64_t, int64_t);
int cublasLtMatmulPreferenceCreate(Handle *);
int cublasLtMatmulPreferenceSetAttribute(Handle, int, const void *, size_t);
int cublasLtMatmulAlgoGetHeuristic(Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, void *, int *);
int cublasLtMatmul(Handle, Handle, const void *, const void *, Handle, const void *, Handle, const void *, const void *,
                   Handle, void *, Handle, const void *, void *, size_t, Handle);
int nvrtcCreateProgram(Handle *, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcCompileProgram(Handle, int, const char *const *);
int nvrtcGetCUBINSize(Handle, size_t *);
int nvrtcGetCUBIN(Handle, char *);
int nvrtcGetProgramLogSize(Handle, size_t *);
int nvrtcGetProgramLog(Handle, char *);
}

enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_BINARY = 209, NOT_FOUND = 500, CAPTURE_UNSUPPORTED = 900,
       CAPTURE_INVALIDATED = 901 };
enum { BLAS_INVALID_VALUE = 7, BLAS_NOT_SUPPORTED = 15, COMPILATION = 6, INVALID_OPTION = 5 };

static const char *const KERNELS = R"(
inline void scale(float *x, long long n, double by) {
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) x[i] *= by;
}
KERNEL(scaled, (float *x, long long n, double by), scale(x, n, by))
KERNEL_BOUNDED(bounded, 128, (float *x), x[0] = 1)
// Each block counts what an earlier block left in shared memory.
inline void remember(float *out) {
    __shared__ float kept;
    if (threadIdx.x) return;
    out[blockIdx.x] = kept;
    kept = 7;
}
KERNEL(remembering, (float *out), remember(out))
)";

static Handle stream, other, module, scaled;

static std::string log_of(Handle program) {
    size_t size;
    nvrtcGetProgramLogSize(program, &size);
    std::string log(size, 0);
    nvrtcGetProgramLog(program, log.data());
    return log;
}

static int compile(const char *source, const char *option, std::vector<char> &image, std::string &log) {
    Handle program;
    nvrtcCreateProgram(&program, source, "program.cu", 0, nullptr, nullptr);
    int result = nvrtcCompileProgram(program, 1, &option);
    log = log_of(program);
    if (result) return result;
    size_t size;
    nvrtcGetCUBINSize(program, &size);
    image.resize(size);
    return nvrtcGetCUBIN(program, image.data());
}

static void begin() {
    Address address;
    expect(cuMemAlloc_v2(&address, 4) == 3, "nothing works before cuInit");
    Handle context;
    expect(cuInit(0) == 0 && cuDevicePrimaryCtxRetain(&context, 0) == 0, "a context");
    expect(cuMemAlloc_v2(&address, 4) == 201, "nothing works without a current context");
    cuCtxSetCurrent(context);
    int major = 0;
    expect(cuDeviceGetAttribute(&major, 75, 0) == 0 && major == 9, "compute capability");
    expect(cuStreamCreate(&stream, 1) == 0 && cuStreamCreate(&other, 1) == 0, "streams");
}

static void check_compilation() {
    std::vector<char> image;
    std::string log;
    const char *option = "--gpu-architecture=sm_90";
    expect(compile("KERNEL(broken, (float *x), x[0] = )", option, image, log) == COMPILATION, "an error of syntax");
    expect(log.find("program.cu") != std::string::npos, "the log names the program");
    expect(compile("", "--nonsense", image, log) == INVALID_OPTION, "an option that is none");
    expect(compile(KERNELS, option, image, log) == 0, log.c_str());
    expect(cuModuleLoadData(&module, image.data()) == 0, "a module");
    Handle none;
    expect(cuModuleGetFunction(&none, module, "nothing") == NOT_FOUND, "a kernel that is not there");
    expect(cuModuleLoadData(&none, "no module at all, but some text that is long enough to be looked at") == NO_BINARY,
           "an image that is none");
    expect(cuModuleGetFunction(&scaled, module, "scaled") == 0, "a kernel");
}

static int launch(Handle kernel, unsigned grid, unsigned block, unsigned shared, std::vector<uint64_t> words) {
    std::vector<void *> arguments;
    for (uint64_t &word : words) arguments.push_back(&word);
    return cuLaunchKernel(kernel, grid, 1, 1, block, 1, 1, shared, stream, arguments.data(), nullptr);
}

static uint64_t bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return bits;
}

static Address upload(const void *from, size_t bytes) {
    Address to;
    expect(cuMemAllocAsync(&to, bytes, stream) == 0, "memory");
    cuMemcpyHtoDAsync_v2(to, from, bytes, stream);
    return to;
}

static void check_launches() {
    float x[1000], out[1000];
    for (int i = 0; i < 1000; i++) x[i] = (float)i;
    Address on_device = upload(x, sizeof x);
    expect(launch(scaled, 3, 96, 0, {on_device, 1000, bits(2)}) == 0, "a launch");
    cuMemcpyDtoHAsync_v2(out, on_device, sizeof out, stream);
    bool right = true;
    for (int i = 0; i < 1000; i++) right &= out[i] == 2 * x[i];
    expect(right, "what a launch computes");
    expect(launch(scaled, 1, 1025, 0, {on_device, 1000, 0}) == INVALID_VALUE, "too many threads");
    expect(launch(scaled, 0, 32, 0, {on_device, 1000, 0}) == INVALID_VALUE, "no blocks");
    expect(launch(scaled, 1, 32, 49153, {on_device, 1000, 0}) == INVALID_VALUE, "too much shared memory");
    expect(cuFuncSetAttribute(scaled, 8, 232448) == 0 && cuFuncSetAttribute(scaled, 8, 232449) == INVALID_VALUE,
           "as much as the device has");
    expect(launch(scaled, 1, 32, 232448, {on_device, 1000, bits(1)}) == 0, "much shared memory");
    Handle bounded;
    cuModuleGetFunction(&bounded, module, "bounded");
    expect(launch(bounded, 1, 256, 0, {on_device}) == INVALID_VALUE, "more threads than a kernel's bound");
    Handle remembering;
    cuModuleGetFunction(&remembering, module, "remembering");
    expect(launch(remembering, 8, 32, 0, {on_device}) == 0, "a launch");
    cuMemcpyDtoHAsync_v2(out, on_device, sizeof out, stream);
    for (int i = 0; i < 8; i++) expect(out[i] != out[i], "shared memory keeps nothing between blocks");
}

static void check_streams() {
    Address word;
    Handle event;
    unsigned char value = 0;
    cuEventCreate(&event, 2);
    cuMemAlloc_v2(&word, 1);
    cuMemsetD8Async(word, 1, 1, other);
    cuEventRecord(event, other);
    cuMemsetD8Async(word, 2, 1, other);
    cuMemcpyDtoHAsync_v2(&value, word, 1, stream);
    expect(value == 0xff, "a stream does not wait for another of itself");
    cuStreamWaitEvent(stream, event, 0);
    cuMemcpyDtoHAsync_v2(&value, word, 1, stream);
    expect(value == 1, "a stream waits for an event, and no longer");
    void *pinned;
    cuMemHostAlloc(&pinned, 1, 0);
    unsigned char *byte = static_cast<unsigned char *>(pinned);
    cuMemcpyDtoHAsync_v2(byte, word, 1, other);
    expect(*byte == 0xff, "a copy to pinned memory is not there at once");
    cuStreamSynchronize(other);
    expect(*byte == 2, "but after a synchronisation");
    cuMemcpyHtoDAsync_v2(word, byte, 1, stream);
    *byte = 9;
    cuMemcpyDtoHAsync_v2(&value, word, 1, stream);
    expect(value == 9, "a copy from pinned memory reads late");
    value = 5;
    cuMemcpyHtoDAsync_v2(word, &value, 1, stream);
    value = 6;
    cuMemcpyDtoHAsync_v2(&value, word, 1, stream);
    expect(value == 5, "a copy from other memory reads at once");
}

static void check_graphs() {
    float one = 1, out = 0;
    Address x = upload(&one, 4);
    Handle graph, executable, event;
    cuEventCreate(&event, 2);
    expect(cuStreamBeginCapture_v2(stream, 0) == 0, "a capture begins");
    launch(scaled, 1, 32, 0, {x, 1, bits(3)});
    cuEventRecord(event, stream);
    cuStreamWaitEvent(other, event, 0);
    cuMemsetD8Async(x, 0, 1, other);
    cuEventRecord(event, other);
    cuStreamWaitEvent(stream, event, 0);
    expect(cuStreamEndCapture(stream, &graph) == 0, "a capture ends");
    cuMemcpyDtoHAsync_v2(&out, x, 4, stream);
    expect(out == 1, "what is captured does not run");
    cuGraphInstantiateWithFlags(&executable, graph, 0);
    for (int i = 0; i < 3; i++) cuGraphLaunch(executable, stream);
    cuMemcpyDtoHAsync_v2(&out, x, 4, stream);
    expect(out == 27, "what is captured runs as often as it is launched");
    cuStreamBeginCapture_v2(stream, 0);
    expect(cuStreamSynchronize(stream) == CAPTURE_UNSUPPORTED, "no synchronisation in a capture");
    expect(launch(scaled, 1, 32, 0, {x, 1, 0}) == CAPTURE_INVALIDATED, "which it ends");
    expect(cuStreamEndCapture(stream, &graph) == CAPTURE_INVALIDATED && !graph, "without a graph");
    for (auto call : std::vector<std::function<int()>>{[&] { return cuMemAllocAsync(&x, 4, stream); },
                                                        [&] { return cuMemAlloc_v2(&x, 4); },
                                                        [&] { return cuMemcpyDtoH_v2(&out, x, 4); },
                                                        [&] { return cuMemcpyDtoHAsync_v2(&out, x, 4, stream); }}) {
        cuStreamBeginCapture_v2(stream, 0);
        expect(call() == CAPTURE_UNSUPPORTED, "neither memory nor synchronous copies in a capture");
        cuStreamEndCapture(stream, &graph);
    }
}

static void check_memory() {
    size_t before, after, total;
    Handle pool;
    uint64_t used_before, used, used_high;
    cuDeviceGetDefaultMemPool(&pool, 0);
    cuMemPoolGetAttribute(pool, 7, &used_before);
    cuMemGetInfo_v2(&before, &total);
    Address address, more;
    cuMemAllocAsync(&address, 1 << 20, stream);
    cuMemGetInfo_v2(&after, &total);
    cuMemPoolGetAttribute(pool, 7, &used);
    expect(before - after == 1 << 20 && used - used_before == 1 << 20, "memory in use");
    expect(cuMemFreeAsync(address, stream) == 0 && cuMemFreeAsync(address + 16, stream) == INVALID_VALUE, "freed");
    cuMemPoolGetAttribute(pool, 7, &used);
    cuMemPoolGetAttribute(pool, 8, &used_high);
    expect(used == used_before && used_high >= used_before + (1 << 20), "memory in use at most");
    expect(cuMemAlloc_v2(&more, total) == OUT_OF_MEMORY, "not more than there is");
    expect(cuMemAlloc_v2(&more, 8) == 0 && cuMemcpyHtoD_v2(more, &used, 9) == INVALID_VALUE, "copies beyond the end");
}

// d = op(a) op(b) + beta c + bias with m = 3, n = 2, k = 4, by columns; a is transposed.
static void check_product(int type, int result, int compute) {
    Handle blas, description, a_layout, b_layout, d_layout;
    cublasLtCreate(&blas);
    cublasLtMatmulDescCreate(&description, compute, compute == 70 ? 1 : 0);
    int transposed = 1, epilogue = 4;
    cublasLtMatmulDescSetAttribute(description, 3, &transposed, 4);
    cublasLtMatmulDescSetAttribute(description, 7, &epilogue, 4);
    auto pack = [](int type, std::vector<double> values) {
        std::vector<char> bytes(values.size() * 8);
        size_t size = type == 1 ? 8 : type == 0 ? 4 : 2;
        for (size_t i = 0; i < values.size(); i++) {
            float x = (float)values[i];
            if (type == 1) memcpy(&bytes[8 * i], &values[i], 8);
            else memcpy(&bytes[size * i], (char *)&x + (type == 14 ? 2 : 0), size);
        }
        bytes.resize(values.size() * size);
        return bytes;
    };
    auto put = [&](int type, std::vector<double> values) {
        std::vector<char> bytes = pack(type, values);
        return upload(bytes.data(), bytes.size());
    };
    Address a = put(type, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), b = put(type, {1, 2, 3, 4, 5, 6, 7, 8});
    Address c = put(result, {1, 1, 1, 1, 1, 1}), bias = put(result, {2, 4, 6}), d = put(result, {0, 0, 0, 0, 0, 0});
    cublasLtMatmulDescSetAttribute(description, 8, &bias, 8);
    cublasLtMatrixLayoutCreate(&a_layout, type, 4, 3, 4);
    cublasLtMatrixLayoutCreate(&b_layout, type, 4, 2, 4);
    cublasLtMatrixLayoutCreate(&d_layout, result, 3, 2, 3);
    double alpha = 1, beta = 2;
    float alpha_f = 1, beta_f = 2;
    const void *by = compute == 70 ? (void *)&alpha : &alpha_f, *times = compute == 70 ? (void *)&beta : &beta_f;
    const void *algorithm = nullptr;
    auto multiply = [&](Handle b_layout) {
        return cublasLtMatmul(blas, description, by, (void *)a, a_layout, (void *)b, b_layout, times, (void *)c,
                              d_layout, (void *)d, d_layout, algorithm, nullptr, 0, stream);
    };
    expect(multiply(b_layout) == 0, "a product");
    std::vector<char> want = pack(result, {24, 66, 108, 48, 154, 260}), out(want.size());
    cuMemcpyDtoHAsync_v2(out.data(), d, out.size(), stream);
    expect(out == want, "the values of a product");
    expect(multiply(a_layout) == BLAS_INVALID_VALUE, "a product of shapes that do not fit");
    Handle preference;
    uint64_t heuristic[12];  // the algorithm first
    int found = 0;
    unsigned alignment = 4;
    cublasLtMatmulPreferenceCreate(&preference);
    auto choose = [&] {
        return cublasLtMatmulAlgoGetHeuristic(blas, description, a_layout, b_layout, d_layout, d_layout, preference, 1,
                                              heuristic, &found);
    };
    expect(choose() == 0 && found == 1, "an algorithm");
    algorithm = heuristic;
    expect(multiply(b_layout) == 0, "a product with the algorithm");
    b += 8;
    expect(multiply(b_layout) == BLAS_INVALID_VALUE, "aligned less than the algorithm was chosen for");
    cublasLtMatmulPreferenceSetAttribute(preference, 6, &alignment, 4);
    choose();
    b -= 8;
    expect(multiply(b_layout) == 0, "aligned as the algorithm was chosen for");
    cublasLtMatrixLayoutCreate(&b_layout, 2, 4, 2, 4);
    expect(multiply(b_layout) == BLAS_NOT_SUPPORTED, "a product of types that are not supported");
}

static void check_mistakes() {
    static float x[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    auto use = [](size_t count, bool freed) {
        Address address = upload(x, sizeof x);
        if (freed) cuMemFreeAsync(address, stream);
        launch(scaled, 1, 32, 0, {address, count, bits(2)});
        cuStreamSynchronize(stream);
    };
    expect_end("kernel scaled wrote byte 4", [&] { use(11, false); });
    expect_end("kernel scaled, block (0, 0, 0), thread (1", [&] { use(32, false); });
    expect_end("freed device memory, byte 0 of an allocation of 40 bytes", [&] { use(1, true); });
    expect_end("misaligned", [] {
        launch(scaled, 1, 1, 0, {upload(x, sizeof x) + 1, 1, bits(2)});
        cuStreamSynchronize(stream);
    });
}

int main() {
    begin();
    check_compilation();
    check_launches();
    check_streams();
    check_graphs();
    check_memory();
    check_product(0, 0, 68);
    check_product(1, 1, 70);
    check_product(14, 0, 68);
    check_product(14, 14, 68);
    check_mistakes();
    expect(cuModuleUnload(module) == 0, "a module is unloaded");
    return report("driver");
}
