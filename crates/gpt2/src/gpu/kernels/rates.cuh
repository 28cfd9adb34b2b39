// Kernels that measure a GPU's memory bandwidth and arithmetic throughput. `venti bench` compares its
// results with these limits.

#pragma once

#include "device.cuh"

struct ReadArguments {
    // `count` elements of 16 bytes.
    const Sixteen* from;
    uint64_t count;
    // One sum for each thread of all blocks, so no read can be optimised away.
    uint32_t* to;
    uint64_t unused;
};

struct ProductsArguments {
    // One sum for each thread of all blocks.
    float* to;
    uint32_t rounds;
    uint32_t unused;
};

const int RATE_THREADS = 256;

FN void read_all(const ReadArguments& a) {
    uint64_t mine = (uint64_t)block_x() * RATE_THREADS + thread();
    uint64_t all = (uint64_t)blocks_x() * RATE_THREADS;
    uint32_t sum = 0;
    // Number of loads in flight.
    const int TOGETHER = 4;
    uint64_t i = mine;
    for (; i + (TOGETHER - 1) * all < a.count; i += TOGETHER * all) {
        Sixteen some[TOGETHER];
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) some[j] = a.from[i + j * all];
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            sum += some[j].words[0] + some[j].words[1] + some[j].words[2] + some[j].words[3];
        }
    }
    for (; i < a.count; i += all) {
        Sixteen some = a.from[i];
        sum += some.words[0] + some.words[1] + some.words[2] + some.words[3];
    }
    a.to[mine] = sum;
}

// Number of independent accumulators, enough to hide the latency of an addition.
const int CHAINS = 8;

// Runs on tensor cores: each warp computes CHAINS products of size 16 x 8 x 16 per round.
template <class T> FN void products(const ProductsArguments& a) {
    T one;
    from_float(1.0f, one);
    uint32_t pair = one.bits | (uint32_t)one.bits << 16;
    uint32_t rows[4] = {pair, pair, pair, pair}, columns[2] = {pair, pair};
    float sums[CHAINS][4] = {};
    for (uint32_t round = 0; round < a.rounds; round++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++) multiply_add(T{}, sums[i], rows, columns);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += sums[i][0] + sums[i][1] + sums[i][2] + sums[i][3];
    a.to[block_x() * RATE_THREADS + thread()] = sum;
}

// Runs in f32, without tensor cores: each thread computes CHAINS products per round.
FN void products_f32(const ProductsArguments& a) {
    float sums[CHAINS] = {}, x = (float)a.rounds, y = x > 0.0f ? 1.0f : 0.0f;
    for (uint32_t round = 0; round < a.rounds; round++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++) sums[i] = fused(y, y, sums[i]);
    }
    float sum = 0;
    for (int i = 0; i < CHAINS; i++) sum += sums[i];
    a.to[block_x() * RATE_THREADS + thread()] = sum;
}
