// Number formats, vectors, mathematics and atomics of CUDA, under their names. Part of emulated.h.
#pragma once

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

#define VECTOR2(name, type, bytes) \
    struct __align__(bytes) name { type x, y; }; \
    inline name make_##name(type x, type y) { return {x, y}; }
#define VECTOR3(name, type) \
    struct name { type x, y, z; }; \
    inline name make_##name(type x, type y, type z) { return {x, y, z}; }
#define VECTOR4(name, type, bytes) \
    struct __align__(bytes) name { type x, y, z, w; }; \
    inline name make_##name(type x, type y, type z, type w) { return {x, y, z, w}; }
VECTOR2(float2, float, 8)
VECTOR2(double2, double, 16)
VECTOR2(int2, int, 8)
VECTOR2(uint2, unsigned, 8)
VECTOR2(short2, short, 4)
VECTOR2(ushort2, unsigned short, 4)
VECTOR2(longlong2, long long, 16)
VECTOR2(ulonglong2, unsigned long long, 16)
VECTOR3(float3, float)
VECTOR3(int3, int)
VECTOR3(uint3, unsigned)
VECTOR4(float4, float, 16)
VECTOR4(double4, double, 16)
VECTOR4(int4, int, 16)
VECTOR4(uint4, unsigned, 16)
VECTOR4(ushort4, unsigned short, 8)
#undef VECTOR2
#undef VECTOR3
#undef VECTOR4

// The same bits in another type.
template <typename To, typename From> inline To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "same_bits between types of one size");
    To to;
    memcpy(&to, &from, sizeof(To));
    return to;
}
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline int __float_as_int(float x) { return same_bits<int>(x); }
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }
inline float __int_as_float(int x) { return same_bits<float>(x); }
inline long long __double_as_longlong(double x) { return same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return same_bits<double>(x); }

// bf16: the upper 16 bits of a float.
struct __align__(2) __nv_bfloat16 {
    unsigned short bits;
    __nv_bfloat16() = default;
    // To the nearest, ties to even; any NaN becomes the NaN that a GPU gives.
    __nv_bfloat16(float x) {
        unsigned from = __float_as_uint(x);
        bits = x != x ? 0x7fff : (unsigned short)((from + 0x7fffu + (from >> 16 & 1)) >> 16);
    }
    operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
struct __align__(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

inline __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
inline __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
inline __nv_bfloat16 __double2bfloat16(double x) {
    float near = (float)x;
    // Round to odd first, so that rounding twice gives what rounding once would.
    if (near == near && (double)near != x && !(__float_as_uint(near) & 1)) {
        bool away = fabs((double)near) > fabs(x);
        near = __uint_as_float(__float_as_uint(near) + (away ? -1 : 1));
    }
    return __nv_bfloat16(near);
}
inline float __bfloat162float(__nv_bfloat16 x) { return (float)x; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 x) { return {x.x, x.y}; }
inline __nv_bfloat162 __float2bfloat162_rn(float x) { return {x, x}; }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return {x, x}; }
inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 x) { return {x.x, x.y}; }
inline float __low2float(__nv_bfloat162 x) { return x.x; }
inline float __high2float(__nv_bfloat162 x) { return x.y; }
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 x) { return x.x; }
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 x) { return x.y; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short x) { return same_bits<__nv_bfloat16>(x); }

template <typename A, typename B> inline std::common_type_t<A, B> min(A a, B b) {
    typedef std::common_type_t<A, B> C;
    if constexpr (std::is_floating_point_v<C>) return fmin((C)a, (C)b);
    else return (C)b < (C)a ? (C)b : (C)a;
}
template <typename A, typename B> inline std::common_type_t<A, B> max(A a, B b) {
    typedef std::common_type_t<A, B> C;
    if constexpr (std::is_floating_point_v<C>) return fmax((C)a, (C)b);
    else return (C)a < (C)b ? (C)b : (C)a;
}

inline float reciprocal_root(float x) { return 1.0f / sqrtf(x); }
inline double reciprocal_root(double x) { return 1.0 / sqrt(x); }
inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
inline double normcdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }
// A C library may declare these names for itself, so they are macros here.
#define rsqrtf(x) reciprocal_root((float)(x))
#define rsqrt(x) reciprocal_root(x)
#define __expf(x) expf(x)
#define __exp2f(x) exp2f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __powf(x, y) powf(x, y)

inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return (float)(1.0 / sqrt((double)x)); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
inline float __double2float_rn(double x) { return (float)x; }
inline int __float2int_rn(float x) { return (int)rintf(x); }
inline int __float2int_rz(float x) { return (int)x; }
inline unsigned __float2uint_rz(float x) { return (unsigned)x; }
inline float __int2float_rn(int x) { return (float)x; }
inline float __uint2float_rn(unsigned x) { return (float)x; }

inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((unsigned long long)x * y >> 32); }
inline int __mulhi(int x, int y) { return (int)((long long)x * y >> 32); }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned long long)((unsigned __int128)x * y >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= (x >> bit & 1) << (31 - bit);
    return reversed;
}

// Loads and stores with hints for the caches.
template <typename T> inline T __ldg(const T *from) { return *from; }
template <typename T> inline T __ldca(const T *from) { return *from; }
template <typename T> inline T __ldcg(const T *from) { return *from; }
template <typename T> inline T __ldcs(const T *from) { return *from; }
template <typename T> inline T __ldcv(const T *from) { return *from; }
template <typename T> inline void __stwb(T *to, T x) { *to = x; }
template <typename T> inline void __stcg(T *to, T x) { *to = x; }
template <typename T> inline void __stcs(T *to, T x) { *to = x; }
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() {}
inline void __trap() { abort(); }

// Replaces *address by change(*address) at once, and gives what was there before.
template <typename T, typename Change> inline T atomic_change(T *address, Change change) {
    typedef std::conditional_t<sizeof(T) == 4, unsigned, unsigned long long> Bits;
    static_assert(sizeof(T) == sizeof(Bits), "atomics are for 4 and 8 bytes");
    Bits *bits = reinterpret_cast<Bits *>(address), before = __atomic_load_n(bits, __ATOMIC_RELAXED);
    while (true) {
        Bits after = same_bits<Bits>(change(same_bits<T>(before)));
        if (__atomic_compare_exchange_n(bits, &before, after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) break;
    }
    return same_bits<T>(before);
}
#define ATOMICS(T) \
    inline T atomicAdd(T *at, T x) { return atomic_change(at, [=](T old) { return (T)(old + x); }); } \
    inline T atomicExch(T *at, T x) { return atomic_change(at, [=](T) { return x; }); }
#define WHOLE_ATOMICS(T) \
    ATOMICS(T) \
    inline T atomicMax(T *at, T x) { return atomic_change(at, [=](T old) { return old < x ? x : old; }); } \
    inline T atomicMin(T *at, T x) { return atomic_change(at, [=](T old) { return x < old ? x : old; }); } \
    inline T atomicOr(T *at, T x) { return atomic_change(at, [=](T old) { return old | x; }); } \
    inline T atomicAnd(T *at, T x) { return atomic_change(at, [=](T old) { return old & x; }); } \
    inline T atomicCAS(T *at, T is, T x) { return atomic_change(at, [=](T old) { return old == is ? x : old; }); }
ATOMICS(float)
ATOMICS(double)
WHOLE_ATOMICS(int)
WHOLE_ATOMICS(unsigned)
WHOLE_ATOMICS(unsigned long long)
#undef ATOMICS
#undef WHOLE_ATOMICS
inline int atomicSub(int *at, int x) { return atomicAdd(at, -x); }
