// The emulated cublasLt (libcublasLt.so.13): matrix products that serve as references. Each element is summed in
// double, in the order of k, and rounded once. The numbers of types and attributes are those of cublasLt.h.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

// Of the emulated driver: work in the order of a stream.
extern "C" int emulator_enqueue(void *stream, const char *name, const std::function<void()> *work);

enum Status { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum Type { F32 = 0, F64 = 1, BF16 = 14 };
enum Compute { COMPUTE_32F = 68, PEDANTIC_32F = 69, COMPUTE_64F = 70, PEDANTIC_64F = 71, FAST_16BF = 75,
               FAST_TF32 = 77 };
enum Epilogue { DEFAULT = 1, BIAS = 4 };
enum Order { BY_COLUMNS = 0, BY_ROWS = 1 };

struct Description {
    int compute, scale;
    int pointer_mode = 0, transpose_a = 0, transpose_b = 0, transpose_c = 0;
    unsigned epilogue = DEFAULT;
    const void *bias = nullptr;
    int bias_type = -1;
};

struct Layout {
    int type, order = BY_COLUMNS;
    uint64_t rows, columns;
    int64_t stride;
    int batches = 1;
    int64_t batch_stride = 0;
};

struct Preference {
    uint64_t workspace = 0;
    // Of the operands a to d: what an algorithm may take for granted, unless told otherwise.
    uint32_t alignment[4] = {256, 256, 256, 256};
};

struct Algorithm {
    uint64_t chosen, alignment[4], unused[3];
};

struct Heuristic {
    Algorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

// --- Values ---

static size_t size_of(int type) { return type == F64 ? 8 : type == F32 ? 4 : 2; }

static double load(int type, const void *from, int64_t index) {
    if (type == F64) return static_cast<const double *>(from)[index];
    if (type == F32) return static_cast<const float *>(from)[index];
    uint32_t bits = (uint32_t) static_cast<const uint16_t *>(from)[index] << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

// To the nearest bf16, ties to even, from double at once.
static uint16_t to_bf16(double x) {
    float near = (float)x;
    uint32_t bits;
    memcpy(&bits, &near, 4);
    if (std::isnan(x)) return 0x7fff;
    // Rounded to odd, so that rounding twice gives what rounding once does.
    if ((double)near != x && !std::isinf(near) && !(bits & 1)) bits += std::fabs((double)near) > std::fabs(x) ? -1 : 1;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void store(int type, void *to, int64_t index, double x) {
    if (type == F64) static_cast<double *>(to)[index] = x;
    else if (type == F32) static_cast<float *>(to)[index] = (float)x;
    else static_cast<uint16_t *>(to)[index] = to_bf16(x);
}

static int64_t place(const Layout &layout, int64_t row, int64_t column) {
    return layout.order == BY_COLUMNS ? row + column * layout.stride : row * layout.stride + column;
}

static const void *batch_of(const Layout &layout, const void *start, int64_t batch) {
    return static_cast<const char *>(start) + batch * layout.batch_stride * (int64_t)size_of(layout.type);
}

// --- The product ---

struct Product {
    Description description;
    double alpha, beta;
    const void *a, *b, *c;
    void *d;
    Layout a_layout, b_layout, c_layout, d_layout;
    int64_t m, n, k;
};

constexpr int64_t PANEL = 64;

#if defined(__x86_64__)
#define FAST __attribute__((target_clones("arch=haswell", "default")))
#else
#define FAST
#endif

// sums[j] += sum over k of row[k] * panel[k][j], k in order.
FAST static void add_products(const double *row, const double *panel, int64_t k, double *sums) {
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < PANEL; j++) sums[j] += row[i] * panel[i * PANEL + j];
    }
}

// Columns `first` to `first + PANEL` of op(b), [k, PANEL], zeros beyond the last.
static void load_panel(const Product &p, const void *b, int64_t first, std::vector<double> &panel) {
    std::fill(panel.begin(), panel.end(), 0.0);
    for (int64_t j = 0; j < std::min(PANEL, p.n - first); j++) {
        for (int64_t i = 0; i < p.k; i++) {
            bool turned = p.description.transpose_b;
            int64_t at = turned ? place(p.b_layout, first + j, i) : place(p.b_layout, i, first + j);
            panel[i * PANEL + j] = load(p.b_layout.type, b, at);
        }
    }
}

static void load_rows(const Product &p, const void *a, std::vector<double> &rows) {
    for (int64_t i = 0; i < p.k; i++) {
        for (int64_t row = 0; row < p.m; row++) {
            bool turned = p.description.transpose_a;
            int64_t at = turned ? place(p.a_layout, i, row) : place(p.a_layout, row, i);
            rows[row * p.k + i] = load(p.a_layout.type, a, at);
        }
    }
}

static void finish(const Product &p, const void *c, void *d, int64_t row, int64_t column, double sum) {
    double value = p.alpha * sum;
    if (p.beta != 0) value += p.beta * load(p.c_layout.type, c, place(p.c_layout, row, column));
    if (p.description.epilogue == BIAS) value += load(p.description.bias_type, p.description.bias, row);
    store(p.d_layout.type, d, place(p.d_layout, row, column), value);
}

static void multiply(const Product &p) {
    std::vector<double> rows(p.m * p.k), panel(p.k * PANEL);
    for (int64_t batch = 0; batch < p.d_layout.batches; batch++) {
        const void *b = batch_of(p.b_layout, p.b, batch), *c = batch_of(p.c_layout, p.c, batch);
        void *d = const_cast<void *>(batch_of(p.d_layout, p.d, batch));
        load_rows(p, batch_of(p.a_layout, p.a, batch), rows);
        for (int64_t first = 0; first < p.n; first += PANEL) {
            load_panel(p, b, first, panel);
            for (int64_t row = 0; row < p.m; row++) {
                double sums[PANEL] = {};
                add_products(&rows[row * p.k], panel.data(), p.k, sums);
                for (int64_t j = 0; j < std::min(PANEL, p.n - first); j++) finish(p, c, d, row, first + j, sums[j]);
            }
        }
    }
}

// --- What the library takes ---

static bool types_supported(const Description &description, int a, int b, int c, int d) {
    if (a != b || c != d) return false;
    switch (description.compute) {
        case COMPUTE_64F: case PEDANTIC_64F: return description.scale == F64 && a == F64 && d == F64;
        case COMPUTE_32F: case PEDANTIC_32F:
            return description.scale == F32 && ((a == BF16 && (d == BF16 || d == F32)) || (a == F32 && d == F32));
        case FAST_TF32: case FAST_16BF: return description.scale == F32 && a == F32 && d == F32;
        default: return false;
    }
}

static bool layout_valid(const Layout &layout) {
    return (uint64_t)layout.stride >= (layout.order == BY_COLUMNS ? layout.rows : layout.columns);
}

static Status check(Product &p) {
    Description &description = p.description;
    if (!types_supported(description, p.a_layout.type, p.b_layout.type, p.c_layout.type, p.d_layout.type)) {
        return NOT_SUPPORTED;
    }
    for (const Layout *layout : {&p.a_layout, &p.b_layout, &p.c_layout, &p.d_layout}) {
        if (!layout_valid(*layout)) return INVALID_VALUE;
        if (layout->batches != p.d_layout.batches) return INVALID_VALUE;
    }
    auto shape = [](const Layout &layout, bool turned) {
        auto shape = std::make_pair((int64_t)layout.rows, (int64_t)layout.columns);
        return turned ? std::make_pair(shape.second, shape.first) : shape;
    };
    auto a = shape(p.a_layout, description.transpose_a), b = shape(p.b_layout, description.transpose_b);
    auto d = shape(p.d_layout, false);
    if (a.second != b.first || a.first != d.first || b.second != d.second || shape(p.c_layout, false) != d) {
        return INVALID_VALUE;
    }
    p.m = d.first, p.n = d.second, p.k = a.second;
    if (description.bias_type < 0) description.bias_type = p.d_layout.type;
    bool bias = description.epilogue == BIAS;
    if (!bias && description.epilogue != DEFAULT) return NOT_SUPPORTED;
    if (bias && (description.bias_type != p.d_layout.type || p.d_layout.order != BY_COLUMNS)) return NOT_SUPPORTED;
    if (description.transpose_c || description.pointer_mode) return NOT_SUPPORTED;
    return SUCCESS;
}

static bool is_multiple(const void *address, uint64_t of) { return reinterpret_cast<uintptr_t>(address) % of == 0; }

// Whether pointers are aligned as their types need, and as the algorithm was chosen for if one is given: the bias as
// d is.
static bool aligned(const Product &p, const Algorithm *algorithm) {
    const void *operands[] = {p.a, p.b, p.beta != 0 ? p.c : nullptr, p.d};
    const Layout *layouts[] = {&p.a_layout, &p.b_layout, &p.c_layout, &p.d_layout};
    for (int i = 0; i < 4; i++) {
        if (!is_multiple(operands[i], size_of(layouts[i]->type))) return false;
        if (algorithm && !is_multiple(operands[i], algorithm->alignment[i])) return false;
    }
    return p.description.epilogue != BIAS || !algorithm || is_multiple(p.description.bias, algorithm->alignment[3]);
}

template <typename T> static Status take(T &to, const void *from, size_t size) {
    if (size != sizeof(T)) return INVALID_VALUE;
    memcpy(&to, from, sizeof(T));
    return SUCCESS;
}

// --- The interface ---

API int cublasLtCreate(void **handle) {
    *handle = new int(0);
    return SUCCESS;
}
API int cublasLtDestroy(void *handle) {
    delete static_cast<int *>(handle);
    return SUCCESS;
}
API size_t cublasLtGetVersion() { return 130000; }
API size_t cublasLtGetCudartVersion() { return 13000; }

API int cublasLtMatmulDescCreate(Description **out, int compute, int scale) {
    *out = new Description{compute, scale};
    return SUCCESS;
}
API int cublasLtMatmulDescDestroy(Description *description) {
    delete description;
    return SUCCESS;
}
API int cublasLtMatmulDescSetAttribute(Description *d, int attribute, const void *from, size_t size) {
    switch (attribute) {
        case 0: return take(d->compute, from, size);
        case 1: return take(d->scale, from, size);
        case 2: return take(d->pointer_mode, from, size);
        case 3: return take(d->transpose_a, from, size);
        case 4: return take(d->transpose_b, from, size);
        case 5: return take(d->transpose_c, from, size);
        case 7: return take(d->epilogue, from, size);
        case 8: return take(d->bias, from, size);
        case 26: return take(d->bias_type, from, size);
        default: return NOT_SUPPORTED;
    }
}

API int cublasLtMatrixLayoutCreate(Layout **out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
    Layout *layout = new Layout();
    layout->type = type, layout->rows = rows, layout->columns = columns, layout->stride = stride;
    *out = layout;
    return SUCCESS;
}
API int cublasLtMatrixLayoutDestroy(Layout *layout) {
    delete layout;
    return SUCCESS;
}
API int cublasLtMatrixLayoutSetAttribute(Layout *layout, int attribute, const void *from, size_t size) {
    switch (attribute) {
        case 0: return take(layout->type, from, size);
        case 1: return take(layout->order, from, size);
        case 2: return take(layout->rows, from, size);
        case 3: return take(layout->columns, from, size);
        case 4: return take(layout->stride, from, size);
        case 5: return take(layout->batches, from, size);
        case 6: return take(layout->batch_stride, from, size);
        default: return NOT_SUPPORTED;
    }
}

API int cublasLtMatmulPreferenceCreate(Preference **out) {
    *out = new Preference();
    return SUCCESS;
}
API int cublasLtMatmulPreferenceDestroy(Preference *preference) {
    delete preference;
    return SUCCESS;
}
API int cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const void *from, size_t size) {
    if (attribute >= 5 && attribute <= 8) return take(preference->alignment[attribute - 5], from, size);
    return attribute == 1 ? take(preference->workspace, from, size) : SUCCESS;
}

API int cublasLtMatmulAlgoGetHeuristic(void *handle, const Description *description, const Layout *a, const Layout *b,
                                       const Layout *c, const Layout *d, const Preference *preference, int wanted,
                                       Heuristic *results, int *found) {
    if (!handle) return NOT_INITIALIZED;
    if (!description || !a || !b || !c || !d || !preference || wanted < 1) return INVALID_VALUE;
    *found = 0;
    Product product = {*description, 1, 0, nullptr, nullptr, nullptr, nullptr, *a, *b, *c, *d, 0, 0, 0};
    if (Status bad = check(product)) return bad;
    memset(results, 0, sizeof *results);
    results->algorithm.chosen = 1;
    // No algorithm needs more than 16 bytes.
    for (int i = 0; i < 4; i++) results->algorithm.alignment[i] = std::min(preference->alignment[i], 16u);
    *found = 1;
    return SUCCESS;
}

API int cublasLtMatmul(void *handle, const Description *description, const void *alpha, const void *a,
                       const Layout *a_layout, const void *b, const Layout *b_layout, const void *beta, const void *c,
                       const Layout *c_layout, void *d, const Layout *d_layout, const Algorithm *algorithm,
                       void *workspace, size_t, void *stream) {
    if (!handle) return NOT_INITIALIZED;
    if (!description || !a_layout || !b_layout || !c_layout || !d_layout || !alpha || !beta || !a || !b || !d) {
        return INVALID_VALUE;
    }
    Product product = {*description, load(description->scale, alpha, 0), load(description->scale, beta, 0), a, b, c, d,
                       *a_layout, *b_layout, *c_layout, *d_layout, 0, 0, 0};
    if (Status bad = check(product)) return bad;
    if (product.beta != 0 && !c) return INVALID_VALUE;
    if (description->epilogue == BIAS && !description->bias) return INVALID_VALUE;
    // In place, source and result must be laid out alike.
    if (product.beta != 0 && c == d && c_layout->stride != d_layout->stride) return INVALID_VALUE;
    if (algorithm && !algorithm->chosen) return INVALID_VALUE;
    if (!aligned(product, algorithm) || !is_multiple(workspace, 16)) return INVALID_VALUE;
    std::function<void()> work = [product] { multiply(product); };
    return emulator_enqueue(stream, "cublasLtMatmul", &work) ? EXECUTION_FAILED : SUCCESS;
}

API int cublasLtLoggerSetLevel(int) { return SUCCESS; }
API int cublasLtLoggerOpenFile(const char *) { return SUCCESS; }
