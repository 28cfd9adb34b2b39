// Layer normalisation of each row: (x - mean) / sqrt(variance + epsilon) * weight + bias.

#pragma once

#include "pass.cuh"

struct LayerNormArguments {
    // (., stride) f32.
    const float* x;
    // (M, stride), output.
    void* y;
    // Both have shape (C).
    const float* weight;
    const float* bias;
    // (M): indices of rows of x; all rows in order if null.
    const uint32_t* rows;
    uint32_t count;
    uint32_t width;
    uint32_t stride;
    float epsilon;
};

const int NORM_THREADS = 128;

// One warp per row.
template <class T> FN void layer_norm(const LayerNormArguments& a) {
    int row = block_x() * (NORM_THREADS / 32) + thread() / 32, lane = thread() % 32;
    // The condition is the same for all lanes of a warp, so they all return together.
    if (row >= a.count) return;
    const float* x = a.x + (uint64_t)(a.rows ? a.rows[row] : row) * a.stride;
    T* y = (T*)a.y + (uint64_t)row * a.stride;
    // Number of loads in flight. No load waits for a store.
    const int TOGETHER = 8;
    float sum = 0;
    for (int first = lane; first < a.width; first += 32 * TOGETHER) {
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            if (first + 32 * i < a.width) sum += x[first + 32 * i];
        }
    }
    float mean = sum_of_lanes<32>(sum) / (float)a.width;
    float squares = 0;
    for (int first = lane; first < a.width; first += 32 * TOGETHER) {
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            if (first + 32 * i >= a.width) continue;
            float apart = x[first + 32 * i] - mean;
            squares += apart * apart;
        }
    }
    float variance = sum_of_lanes<32>(squares) / (float)a.width;
    float scale = 1.0f / sqrtf(variance + a.epsilon);
    for (int first = lane; first < a.width; first += 32 * TOGETHER) {
        float normal[TOGETHER];
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            int c = first + 32 * i;
            normal[i] = c < a.width ? (x[c] - mean) * scale * a.weight[c] + a.bias[c] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            if (first + 32 * i < a.width) from_float(normal[i], y[first + 32 * i]);
        }
    }
}
