// The GPU operations that kernels use. The emulator provides the same functions, so kernels written
// with them also run on a CPU.
//
// `thread()` is a thread's index in its block; 32 consecutive threads form a warp. Functions marked "all
// lanes" must be called by all threads of a warp, and barriers must be called by all threads of the
// block (or warp).

#pragma once

#include <stdint.h>

// 16-bit floating-point formats in memory.
struct Half {
    uint16_t bits;
};
struct Bfloat16 {
    uint16_t bits;
};

#ifdef __CUDACC__

#define FN static __device__ __forceinline__
// Defines a kernel with `THREADS` threads per block and one parameter of type `ARGUMENTS`. The launch
// bounds request at least 512 resident threads, which allows up to 128 registers per thread. Otherwise
// the compiler would reduce the number of loads in flight to save registers.
#define KERNEL(NAME, THREADS, ARGUMENTS, ...)                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS, THREADS < 512 ? 512 / THREADS : 1)    \
        NAME(const __grid_constant__ ARGUMENTS arguments) {                                    \
        __VA_ARGS__(arguments);                                                                \
    }

FN int block_x() { return blockIdx.x; }
FN int block_y() { return blockIdx.y; }
FN int blocks_x() { return gridDim.x; }
FN int thread() { return threadIdx.x; }
FN int threads() { return blockDim.x; }

// The block's dynamic shared memory; its size is set at launch.
FN char* shared_memory() {
    extern __shared__ __align__(128) char memory[];
    return memory;
}

// Barriers with memory fences, for the block and for the warp.
FN void barrier() { __syncthreads(); }
FN void warp_barrier() { __syncwarp(); }

// Returns the value of the lane whose index is this lane's index XOR `mask`; all lanes.
template <class T> FN T exchange(T value, int mask) {
    return __shfl_xor_sync(0xffffffffu, value, mask);
}
// Returns the value of lane `lane`; all lanes.
template <class T> FN T from_lane(T value, int lane) {
    return __shfl_sync(0xffffffffu, value, lane);
}
// Atomic operations in shared memory; they return the previous value.
FN uint32_t atomic_add(uint32_t* at, uint32_t value) { return atomicAdd(at, value); }
FN uint32_t atomic_or(uint32_t* at, uint32_t value) { return atomicOr(at, value); }

FN uint32_t bits_of(float number) { return __float_as_uint(number); }
FN float of_bits(uint32_t bits) { return __uint_as_float(bits); }
// a * b + c, rounded once.
FN float fused(float a, float b, float c) { return fmaf(a, b, c); }
// Returns the upper 64 bits of the product.
FN uint64_t multiply_high(uint64_t a, uint64_t b) { return __umul64hi(a, b); }

FN float to_float(float number) { return number; }
FN float to_float(Bfloat16 number) { return __uint_as_float((uint32_t)number.bits << 16); }
FN float to_float(Half number) {
    float to;
    asm("cvt.f32.f16 %0, %1;" : "=f"(to) : "h"(number.bits));
    return to;
}
FN void from_float(float number, float& to) { to = number; }
FN void from_float(float number, Bfloat16& to) {
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(number));
}
FN void from_float(float number, Half& to) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(number));
}

// Copies 16 bytes into shared memory asynchronously.
FN void copy_async(void* to, const void* from) {
    uint32_t shared = (uint32_t)__cvta_generic_to_shared(to);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from) : "memory");
}
// Ends a group of this thread's asynchronous copies.
FN void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most `GROUPS` of this thread's copy groups are in flight.
template <int GROUPS> FN void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}

// Loads four matrices (or two) from shared memory. Each matrix has 8 rows of 16 bytes. Lane i passes the
// address of row i % 8 of matrix i / 8, and receives the 4 bytes at column i % 4 of row i / 4 of each
// matrix; all lanes.
FN void load_matrices(uint32_t (&to)[4], const void* row) {
    uint32_t shared = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared)
                 : "memory");
}
FN void load_matrices(uint32_t (&to)[2], const void* row) {
    uint32_t shared = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(to[0]), "=r"(to[1])
                 : "r"(shared)
                 : "memory");
}

// c (16, 8) += a (16, 16) b (16, 8), with the fragment layout of PTX's mma.m16n8k16; all lanes. The
// first argument only selects the number format of a and b.
FN void multiply_add(Bfloat16, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
FN void multiply_add(Half, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#else
#include "emulator.h"
#endif

// 16 bytes, read or written in one access.
struct alignas(16) Sixteen {
    uint32_t words[4];
};

FN float smaller(float a, float b) { return a < b ? a : b; }
FN float larger(float a, float b) { return a > b ? a : b; }

// Returns the sum over `LANES` neighbouring lanes to each of these lanes; all lanes.
template <int LANES, class T> FN T sum_of_lanes(T value) {
#pragma unroll
    for (int mask = LANES / 2; mask > 0; mask /= 2) value += exchange(value, mask);
    return value;
}
