// What kernels ask of a GPU, each thing under one name. The emulator has the same, so that a kernel
// that is written with these alone runs on a CPU, too.
//
// A block's threads are counted by `thread()`; 32 of them in a row are a warp, and all threads of a warp
// (or block) must come to the functions that say so.

#pragma once

#include <stdint.h>

// What a number is kept as.
struct Half {
    uint16_t bits;
};
struct Bfloat16 {
    uint16_t bits;
};

#ifdef __CUDACC__

#define FN static __device__ __forceinline__
// Defines a kernel of `THREADS` threads a block, whose one parameter is an `ARGUMENTS`. At least 512
// threads run side by side: a thread has up to 128 registers, and no fewer loads under way to save some.
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

// The memory that a block's threads share, as many bytes as the launch says.
FN char* shared_memory() {
    extern __shared__ __align__(128) char memory[];
    return memory;
}

// Waits for all threads of the block (the warp). What they wrote before is seen after it.
FN void barrier() { __syncthreads(); }
FN void warp_barrier() { __syncwarp(); }

// The value of the lane whose number differs in `mask`; all lanes.
template <class T> FN T exchange(T value, int mask) {
    return __shfl_xor_sync(0xffffffffu, value, mask);
}
// The value of lane `lane`; all lanes.
template <class T> FN T from_lane(T value, int lane) {
    return __shfl_sync(0xffffffffu, value, lane);
}
// In shared memory; gives what was there before.
FN uint32_t atomic_add(uint32_t* at, uint32_t value) { return atomicAdd(at, value); }
FN uint32_t atomic_or(uint32_t* at, uint32_t value) { return atomicOr(at, value); }

FN uint32_t bits_of(float number) { return __float_as_uint(number); }
FN float of_bits(uint32_t bits) { return __uint_as_float(bits); }
// a b + c, rounded once.
FN float fused(float a, float b, float c) { return fmaf(a, b, c); }
// The upper half of the product.
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

// Copies 16 bytes into shared memory while the thread goes on.
FN void copy_async(void* to, const void* from) {
    uint32_t shared = (uint32_t)__cvta_generic_to_shared(to);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(from) : "memory");
}
// Ends a group of copies.
FN void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until no more than so many of this thread's groups are under way.
template <int GROUPS> FN void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}

// Reads four (two) matrices of 8 rows of 16 bytes from shared memory. Lane i says where row i % 8 of
// matrix i / 8 is, and is given the 4 bytes at column i % 4 of row i / 4 of each; all lanes.
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

// c (16, 8) += a (16, 16) b (16, 8), in the fragments that PTX calls m16n8k16; all lanes. The first
// argument only says what a and b are kept as.
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

// Sixteen bytes, read or written at once.
struct alignas(16) Sixteen {
    uint32_t words[4];
};

FN float smaller(float a, float b) { return a < b ? a : b; }
FN float larger(float a, float b) { return a > b ? a : b; }

// The sum over `LANES` neighbouring lanes, in all of them; all lanes.
template <int LANES, class T> FN T sum_of_lanes(T value) {
#pragma unroll
    for (int mask = LANES / 2; mask > 0; mask /= 2) value += exchange(value, mask);
    return value;
}
