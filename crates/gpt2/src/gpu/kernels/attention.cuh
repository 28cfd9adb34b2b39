// Causal attention: each token attends to its text up to and including itself. Computes softmax(q K^T
// scale) V for each head.
//
// A token's result depends only on its own text, and the order of summation depends only on that text's
// length.

#pragma once

#include "pass.cuh"

struct AttentionArguments {
    // (N, H, D) f32.
    const float* q;
    // (S, H, T, D).
    const void* keys;
    const void* values;
    // (N, stride), output, without padding between the heads.
    void* y;
    const SlotPosition* slot_positions;
    uint32_t heads;
    uint32_t head_dim;
    uint32_t positions;
    uint32_t stride;
    float scale;
    uint32_t unused;
};

const int ATTENTION_THREADS = 128;

// A running softmax of scores, with the weighted sum of values.
template <int COUNT> struct Weighed {
    // The largest score, and the sum of e^(score - largest).
    float largest;
    float sum;
    float values[COUNT];
};

// Merges another running softmax into `a`.
template <int COUNT>
FN void merge(Weighed<COUNT>& a, float largest, float sum, const float (&values)[COUNT]) {
    float both = larger(a.largest, largest);
    // Both softmaxes are empty.
    if (both == -INFINITY) return;
    float mine = expf(a.largest - both), theirs = expf(largest - both);
    a.largest = both;
    a.sum = a.sum * mine + sum * theirs;
#pragma unroll
    for (int i = 0; i < COUNT; i++) a.values[i] = a.values[i] * mine + values[i] * theirs;
}

// One block per token and head. DIM, the head width, is a power of two of at least 32. Neighbouring
// lanes read the same key, 16 bytes each, so a warp reads several keys at once.
template <class T, int DIM> FN void attention(const AttentionArguments& a) {
    const int SIXTEEN = 16 / sizeof(T), MINE = DIM / 32 > SIXTEEN ? DIM / 32 : SIXTEEN;
    const int LANES = DIM / MINE, KEYS = 32 / LANES, WARPS = ATTENTION_THREADS / 32;
    // Number of keys in flight per group of lanes.
    const int TOGETHER = 4;
    int row = block_x(), head = block_y();
    SlotPosition place = a.slot_positions[row];
    // The condition is the same for all threads of the block, so they all return together.
    if (place.slot < 0) return;
    int lane = thread() % 32, warp = thread() / 32;
    int part = lane % LANES * MINE, group = warp * KEYS + lane / LANES;
    int length = place.position + 1;
    uint64_t text = ((uint64_t)place.slot * a.heads + head) * a.positions * DIM + part;
    const T* keys = (const T*)a.keys + text;
    const T* values = (const T*)a.values + text;
    const float* q = a.q + ((uint64_t)row * a.heads + head) * DIM + part;
    float query[MINE];
#pragma unroll
    for (int i = 0; i < MINE; i++) query[i] = q[i] * a.scale;

    struct Numbers {
        T numbers[MINE];
    };
    auto read = [](const T* from) {
        Numbers to;
#pragma unroll
        for (int i = 0; i < MINE / SIXTEEN; i++) {
            Sixteen some = ((const Sixteen*)from)[i];
            memcpy(&to.numbers[i * SIXTEEN], &some, sizeof some);
        }
        return to;
    };

    Weighed<MINE> weighed = {-INFINITY, 0.0f, {}};
    for (int first = 0; first < length; first += WARPS * KEYS * TOGETHER) {
        float scores[TOGETHER];
        Numbers read_values[TOGETHER];
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            // Past the end, read the first key and give it no weight.
            int at = first + i * WARPS * KEYS + group;
            uint64_t position = at < length ? at : 0;
            Numbers key = read(keys + position * DIM);
            read_values[i] = read(values + position * DIM);
            float score = 0;
#pragma unroll
            for (int j = 0; j < MINE; j++) score += query[j] * to_float(key.numbers[j]);
            scores[i] = at < length ? score : -INFINITY;
        }
        float largest = weighed.largest, last = largest;
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            scores[i] = sum_of_lanes<LANES>(scores[i]);
            largest = larger(largest, scores[i]);
        }
        weighed.largest = largest;
        // If the group has seen no keys yet, all weights are 0, because e^-infinity is 0.
        largest = largest == -INFINITY ? 0.0f : largest;
        float before = expf(last - largest);
        weighed.sum *= before;
#pragma unroll
        for (int j = 0; j < MINE; j++) weighed.values[j] *= before;
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            float weight = expf(scores[i] - largest);
            weighed.sum += weight;
#pragma unroll
            for (int j = 0; j < MINE; j++) {
                weighed.values[j] += weight * to_float(read_values[i].numbers[j]);
            }
        }
    }

    // Merge the groups of each warp, then the warps.
#pragma unroll
    for (int mask = LANES; mask < 32; mask *= 2) {
        float largest = exchange(weighed.largest, mask), sum = exchange(weighed.sum, mask);
        float others[MINE];
#pragma unroll
        for (int i = 0; i < MINE; i++) others[i] = exchange(weighed.values[i], mask);
        merge(weighed, largest, sum, others);
    }
    float* shared = (float*)shared_memory();
    float* mine = shared + warp * (DIM + 2);
    if (lane < LANES) {
#pragma unroll
        for (int i = 0; i < MINE; i++) mine[part + i] = weighed.values[i];
        if (lane == 0) mine[DIM] = weighed.largest, mine[DIM + 1] = weighed.sum;
    }
    barrier();
    T* y = (T*)a.y + (uint64_t)row * a.stride + head * a.head_dim;
    for (int d = thread(); d < a.head_dim; d += ATTENTION_THREADS) {
        Weighed<1> all = {shared[DIM], shared[DIM + 1], {shared[d]}};
        for (int other = 1; other < WARPS; other++) {
            const float* theirs = shared + other * (DIM + 2);
            merge(all, theirs[DIM], theirs[DIM + 1], {theirs[d]});
        }
        from_float(all.values[0] / all.sum, y[d]);
    }
}
