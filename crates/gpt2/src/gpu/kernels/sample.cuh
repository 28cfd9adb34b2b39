// Samples a token from logits, with the rules of sampling.rs in the same order: guidance, repetition penalty,
// n-grams and the end-of-text token, temperature, top-k, top-p, min-p, and the draw. Typical sampling
// and top alternatives are not supported; texts that need them are sampled on the host.
//
// The result depends only on the text's own logits, history, rules and draw. A guided text has two rows of
// logits: its own, and then that of its unconditional context. A token's weight,
// e^((logit - largest) / temperature), is an integer multiple of 2^-40, so sums are exact in any order.
//
// The host computes in f64, and this kernel in f32 and integers, so results at a boundary may differ.
// The weight of a likely token is within 1e-6 of the host's weight, and the weight of a token that is
// e^-28 times as likely as the most likely token is within 1e-5. Less likely tokens are never drawn; on
// the host, they are drawn about once in ten million draws in total. Greedy choices and tie-breaking
// are identical.
//
// The vocabulary is not sorted. Tokens rank by logit, ties by lower id, and every rule keeps a prefix of
// that order. So each boundary, and the draw itself, is the same query: which token is at a given count,
// or a given cumulative weight, from the top? A histogram of distances from the largest logit finds the
// token's bin. Only the tokens of this bin, or of this bin and the bins above it, are gathered and
// sorted. A bin with too many tokens, such as ties, is subdivided with a histogram of its own.

#pragma once

#include "pass.cuh"

// Sampling settings of a text, each within its range.
struct SamplingRules {
    // 0 is off.
    double min_p;
    // 1 is off.
    double top_p;
    // 0 is greedy; other values are normal numbers, or infinite.
    float temperature;
    // 1 is off.
    float repetition_penalty;
    // 0 is off.
    uint32_t top_k;
    // 0 is off.
    uint32_t no_repeat_ngram_size;
    uint32_t min_new_tokens;
    uint32_t prompt_tokens;
    // 1 is off.
    float guidance_scale;
    // The end tokens; an id may be outside the vocabulary.
    uint32_t eos[5];
};
static_assert(sizeof(SamplingRules) == 64, "as in sampling.rs");

// A token to sample.
struct SampleRequest {
    // -1 in a row for which no token is sampled: padding, or an unconditional context.
    int32_t slot;
    // Position of the last token of the context.
    uint32_t position;
    // The next 64 bits of the text's random stream; unused at temperature 0.
    uint32_t draw_low;
    uint32_t draw_high;
    // Slot of the unconditional context, whose logits are in the next row; -1 if the text is not guided.
    int32_t unconditional_slot;
    uint32_t unconditional_position;
};
static_assert(sizeof(SampleRequest) == 24, "as in sampling.rs");

struct SampledToken {
    uint32_t token;
    // Natural-log probability under the model's unmodified distribution.
    float log_prob;
};
static_assert(sizeof(SampledToken) == 8, "as in sampling.rs");

struct SampleArguments {
    // (W, stride).
    const float* logits;
    // (W).
    const SampleRequest* requests;
    // (W).
    const SamplingRules* rules;
    // (S, T): token ids of all texts so far; the sampled token is appended.
    uint32_t* history;
    // (W), output.
    SampledToken* sampled;
    uint32_t vocab_size;
    uint32_t stride;
    uint32_t positions;
    uint32_t unused;
};
static_assert(sizeof(SampleArguments) == 56, "as in sampling.rs");

const int SAMPLE_THREADS = 1024;
// Number of warps per block. It equals the number of lanes in a warp, so one warp can combine the
// results of all warps.
const int SAMPLE_WARPS = 32;
// Maximum number of tokens to sort.
const int GATHERED = 1024;
const int BINS = 1024;
// Tokens with nonzero weight are less than 28.5 from the largest logit, after division by the
// temperature.
const float COVERED = 29.0f;
const float BINS_APART = 35.0f;
// Weight of the most likely token.
const float WHOLE = 1099511627776.0f;
const float LOG2_E = 1.44269504f;
const float LARGEST = 3.402823466e38f;

// Sort key of a token: larger for more likely tokens, and among ties for lower ids. Never 0.
typedef uint64_t Key;
const int ID_BITS = 20;
const uint32_t IDS = (1u << ID_BITS) - 1;

FN Key key_of(float logit, uint32_t id) {
    // -0 ranks as 0.
    uint32_t bits = bits_of(logit + 0.0f);
    uint32_t ordered = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (Key)ordered << ID_BITS | (IDS - id);
}
FN uint32_t id_of(Key key) { return IDS - ((uint32_t)key & IDS); }
FN float logit_of(Key key) {
    uint32_t ordered = (uint32_t)(key >> ID_BITS);
    return of_bits(ordered >> 31 ? ordered & 0x7fffffffu : ~ordered);
}

struct SampleMemory {
    // The gathered tokens, most likely first, and their cumulative weights.
    Key keys[GATHERED];
    uint64_t masses[GATHERED];
    // The histogram: first per bin, then cumulative.
    uint64_t bin_masses[BINS];
    uint32_t bin_counts[BINS];
    uint64_t by_warp[SAMPLE_WARPS];
    float largest_by_warp[SAMPLE_WARPS];
    float sum_by_warp[SAMPLE_WARPS];
    uint32_t gathered;
    uint32_t token;
    // One bit per token, set if the rules change its logit, then one bit per token, set if it is
    // banned.
    uint32_t bits[2];
};
static_assert(sizeof(SampleMemory) == 29200, "as in sampling.rs");

// Smallest log probability of a token in its own context relative to the most likely token's, as in
// guidance.rs.
const float LOG_PLAUSIBLE = -2.30258509f;

// Log-softmax of a row of logits: largest logit, and logarithm of the sum of e^(logit - largest).
struct LogSoftmax {
    float largest;
    float log_sum;
};
FN float log_prob(const LogSoftmax& of, float logit) { return (logit - of.largest) - of.log_sum; }

// A row of logits, and the rules that modify them.
struct Row {
    const float* logits;
    // Logits of the unconditional context; null if the text is not guided.
    const float* unconditional;
    LogSoftmax with;
    LogSoftmax without;
    float guidance_scale;
    uint32_t vocab_size;
    // Number of groups of four logits. The grouping starts at the row's first logit, whatever the row's
    // alignment, so the order of summation never changes. The alignment only affects how logits are
    // read.
    uint32_t fours;
    bool is_aligned;
    // One bit per token. Banned tokens are also marked as touched.
    uint32_t* touched;
    uint32_t* banned;
    float repetition_penalty;
    // Largest logit after the rules.
    float largest;
    // 2 / temperature.
    float steepness;
    // Minimum weight of a token under min-p.
    uint64_t floor;
};

// Replaces NaN with -infinity, and caps +infinity, which would turn every probability into NaN.
FN float tame(float logit) { return fminf(fmaxf(logit, -INFINITY), LARGEST); }

FN bool has(const uint32_t* bits, uint32_t id) { return bits[id / 32] >> id % 32 & 1; }
FN void set(uint32_t* bits, uint32_t id) { atomic_or(&bits[id / 32], 1u << id % 32); }

// Four neighbouring logits; -infinity past the end of the vocabulary.
struct Four {
    float logits[4];
};
FN Four load(const Row& r, const float* logits, uint32_t four) {
    Four to;
    uint32_t id = four * 4;
    if (r.is_aligned && id + 4 <= r.vocab_size) {
        Sixteen some = *(const Sixteen*)(logits + id);
#pragma unroll
        for (int i = 0; i < 4; i++) to.logits[i] = of_bits(some.words[i]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            to.logits[i] = id + i < r.vocab_size ? logits[id + i] : -INFINITY;
        }
    }
    return to;
}
// Loads four logits and applies guidance.
FN Four read(const Row& r, uint32_t four) {
    Four to = load(r, r.logits, four);
    if (r.unconditional == nullptr) return to;
    Four other = load(r, r.unconditional, four);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float logit = tame(to.logits[i]);
        float with = log_prob(r.with, logit), without = log_prob(r.without, tame(other.logits[i]));
        bool is_plausible = logit >= r.with.largest + LOG_PLAUSIBLE;
        to.logits[i] = is_plausible ? without + r.guidance_scale * (with - without) : -INFINITY;
    }
    return to;
}

// Applies the rules to tamed logits.
FN Four bent(const Row& r, uint32_t four, Four logits) {
    uint32_t touched = r.touched[four / 8] >> four % 8 * 4 & 15;
    if (touched) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float logit = logits.logits[i];
            if (!(touched >> i & 1)) continue;
            logit = logit >= 0.0f ? logit / r.repetition_penalty : logit * r.repetition_penalty;
            logits.logits[i] = has(r.banned, four * 4 + i) ? -INFINITY : tame(logit);
        }
    }
    return logits;
}

FN float largest_of(const Four& four) {
    return fmaxf(fmaxf(four.logits[0], four.logits[1]), fmaxf(four.logits[2], four.logits[3]));
}

// Calls `f` with the tamed logits of every `step`-th group of four from `first` to `end`.
template <class F> FN void each_four(const Row& r, uint32_t first, uint32_t end, uint32_t step, F f) {
    // Number of loads in flight.
    const int TOGETHER = 2;
    for (; first < end; first += TOGETHER * step) {
        Four some[TOGETHER];
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            if (first + i * step < end) some[i] = read(r, first + i * step);
        }
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            if (first + i * step >= end) break;
#pragma unroll
            for (int j = 0; j < 4; j++) some[i].logits[j] = tame(some[i].logits[j]);
            f(first + i * step, some[i]);
        }
    }
}
// Calls `f` with every group of four logits, after applying the rules. One thread handles each group.
template <class F> FN void each_bent(const Row& r, F f) {
    each_four(r, thread(), r.fours, SAMPLE_THREADS,
              [&](uint32_t four, Four logits) { f(four, bent(r, four, logits)); });
}

// Returns a logit's distance from the largest logit, divided by the temperature. Halves are subtracted
// before the division, so only tokens of zero weight can overflow, whatever the logits and the
// temperature.
FN float distance(const Row& r, float logit) {
    return fmaf(logit, -0.5f, 0.5f * r.largest) * r.steepness;
}
FN uint64_t weight_at(float distance) {
    return (uint64_t)fmaf(exp2f(distance * -LOG2_E), WHOLE, 0.5f);
}
FN uint64_t weight(const Row& r, float logit) { return weight_at(distance(r, logit)); }
// Returns the bin of a distance, or -1 if the token's weight is 0.
FN int bin_at(float distance) { return distance < COVERED ? (int)(distance * BINS_APART) : -1; }

// Sums over the threads of a block: up to and including this thread, and over all threads.
struct Summed {
    uint64_t through;
    uint64_t all;
};
FN uint64_t summed_over_lanes(uint64_t value) {
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        int lane = thread() % 32;
        uint64_t other = from_lane(value, lane >= step ? lane - step : lane);
        if (lane >= step) value += other;
    }
    return value;
}
FN Summed summed(SampleMemory& m, uint64_t value) {
    int lane = thread() % 32, warp = thread() / 32;
    value = summed_over_lanes(value);
    if (lane == 31) m.by_warp[warp] = value;
    barrier();
    uint64_t warps = summed_over_lanes(m.by_warp[lane]);
    uint64_t before = from_lane(warps, warp > 0 ? warp - 1 : 0);
    barrier();
    return {warp > 0 ? before + value : value, from_lane(warps, 31)};
}

FN Key largest_of_lanes(Key key) {
#pragma unroll
    for (int mask = 16; mask > 0; mask /= 2) {
        Key other = exchange(key, mask);
        if (other > key) key = other;
    }
    return key;
}
FN Key largest_of_block(SampleMemory& m, Key key) {
    key = largest_of_lanes(key);
    if (thread() % 32 == 0) m.by_warp[thread() / 32] = key;
    barrier();
    key = largest_of_lanes(m.by_warp[thread() % 32]);
    barrier();
    return key;
}

// Result of one scan over all logits.
struct Survey {
    // Largest logit of the unmodified distribution, and sum of e^(logit - largest).
    float largest;
    float sum;
    // Key of the best token under the rules; 0 if the rules leave no token.
    Key best;
    // Largest logit under the rules among those that this thread scanned.
    float mine;
};

FN Survey survey(SampleMemory& m, const Row& r) {
    float largest = -LARGEST, sum = 0.0f, mine = -INFINITY;
    uint32_t best_id = 0;
    each_four(r, thread(), r.fours, SAMPLE_THREADS, [&](uint32_t four, Four raw) {
        float most = largest_of(raw);
        if (most > largest) {
            sum *= exp2f((largest - most) * LOG2_E);
            largest = most;
        }
#pragma unroll
        for (int i = 0; i < 4; i++) sum += exp2f((raw.logits[i] - largest) * LOG2_E);
        Four logits = bent(r, four, raw);
        if (largest_of(logits) > mine) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                // On ties, the first token wins.
                if (!(logits.logits[i] > mine)) continue;
                mine = logits.logits[i];
                best_id = four * 4 + i;
            }
        }
    });
    Key best = mine == -INFINITY ? 0 : key_of(mine, best_id);
    int lane = thread() % 32, warp = thread() / 32;
    for (int level = 0; level < 2; level++) {
#pragma unroll
        for (int mask = 16; mask > 0; mask /= 2) {
            float other = exchange(largest, mask), theirs = exchange(sum, mask);
            float both = larger(largest, other);
            sum = sum * exp2f((largest - both) * LOG2_E) + theirs * exp2f((other - both) * LOG2_E);
            largest = both;
        }
        best = largest_of_lanes(best);
        if (level > 0) break;
        if (lane == 0) {
            m.by_warp[warp] = best;
            m.largest_by_warp[warp] = largest;
            m.sum_by_warp[warp] = sum;
        }
        barrier();
        best = m.by_warp[lane];
        largest = m.largest_by_warp[lane];
        sum = m.sum_by_warp[lane];
    }
    barrier();
    return {largest, sum, best, mine};
}

// Returns the index of the first number above `target`, or `count` if there is none. The numbers must be
// in ascending order.
template <class T> FN uint32_t first_above(const T* numbers, uint32_t count, uint64_t target) {
    uint32_t first = 0, end = count;
    while (first < end) {
        uint32_t middle = (first + end) / 2;
        if (numbers[middle] > target) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

// Sorts `count` keys in descending order and computes their cumulative weights.
FN void sort(SampleMemory& m, const Row& r, uint32_t count) {
    uint32_t size = 64, me = thread();
    while (size < count) size *= 2;
    if (me >= count && me < size) m.keys[me] = 0;
    barrier();
    // Bitonic sort. While the distance is at most 32, each warp's pairs are within 64 keys of its own,
    // so a warp barrier is enough.
    for (uint32_t run = 2; run <= size; run *= 2) {
        for (uint32_t apart = run / 2; apart > 0; apart /= 2) {
            if (me < size / 2) {
                uint32_t low = me / apart * 2 * apart + me % apart, high = low + apart;
                Key a = m.keys[low], b = m.keys[high];
                if ((a < b) == ((low & run) == 0)) m.keys[low] = b, m.keys[high] = a;
            }
            uint32_t next = apart > 1 ? apart / 2 : run;
            if (apart > 32 || next > 32) {
                barrier();
            } else {
                warp_barrier();
            }
        }
    }
    m.masses[me] = summed(m, me < count ? weight(r, logit_of(m.keys[me])) : 0).through;
    barrier();
}

// The gathered range of ranked tokens.
struct Gathered {
    uint32_t count_before;
    uint32_t count;
    uint64_t mass_before;
    uint64_t mass;
};

// Gathers the tokens of nonzero weight that `bin` maps to bins `first` to `last`; gathers none if there
// are too many. The logits of these tokens must be at least `bar`.
template <class F>
FN Gathered gather(SampleMemory& m, const Row& r, float bar, int first, int last, F bin) {
    if (thread() == 0) m.gathered = 0;
    barrier();
    each_bent(r, [&](uint32_t four, Four logits) {
        if (largest_of(logits) < bar) return;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float logit = logits.logits[i];
            uint32_t id = four * 4 + i;
            int in = bin(logit, id);
            if (in < first || in > last || weight(r, logit) == 0) continue;
            uint32_t at = atomic_add(&m.gathered, 1u);
            if (at < GATHERED) m.keys[at] = key_of(logit, id);
        }
    });
    barrier();
    uint32_t count = m.gathered;
    if (count > GATHERED) return {0, 0, 0, 0};
    sort(m, r, count);
    return {0, count, 0, count ? m.masses[count - 1] : 0};
}

FN void clear_histogram(SampleMemory& m) {
    // Other threads may still read the previous histogram.
    barrier();
    m.bin_counts[thread()] = 0;
    m.bin_masses[thread()] = 0;
    barrier();
}
// Makes the histogram cumulative.
FN void sum_histogram(SampleMemory& m) {
    barrier();
    uint32_t bin = thread();
    m.bin_counts[bin] = (uint32_t)summed(m, m.bin_counts[bin]).through;
    m.bin_masses[bin] = summed(m, m.bin_masses[bin]).through;
    barrier();
}

// Builds the histogram of token counts and weights over the bins given by `bin`. Returns the total
// weight of this thread's tokens that min-p keeps.
template <class F> FN uint64_t histogram(SampleMemory& m, const Row& r, F bin) {
    clear_histogram(m);
    uint64_t above_floor = 0;
    each_bent(r, [&](uint32_t four, Four logits) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float logit = logits.logits[i];
            int in = bin(logit, four * 4 + i);
            if (in < 0) continue;
            uint64_t weighs = weight(r, logit);
            if (weighs == 0) continue;
            if (weighs >= r.floor) above_floor += weighs;
            atomic_add(&m.bin_counts[in], 1u);
            // Two 32-bit additions with carry, the fastest way to add 64 bits in shared memory.
            uint32_t* mass = (uint32_t*)&m.bin_masses[in];
            uint32_t low = (uint32_t)weighs, before = atomic_add(mass, low);
            uint32_t high = (uint32_t)(weighs >> 32) + (before + low < before);
            if (high) atomic_add(mass + 1, high);
        }
    });
    sum_histogram(m);
    return above_floor;
}

// A depth in the ranking, as a number of tokens or as a cumulative weight.
struct Depth {
    bool is_count;
    uint64_t depth;
};
FN uint32_t bin_with(const SampleMemory& m, Depth at) {
    return at.is_count ? first_above(m.bin_counts, BINS, at.depth)
                       : first_above(m.bin_masses, BINS, at.depth);
}

// State of the search for tokens by depth. All threads of a block run the same queries.
struct Ranking {
    Gathered gathered;
    // Whether the current histogram counts distances from the largest logit.
    bool is_surveyed;
    // Total weight of the tokens that min-p keeps.
    uint64_t above_floor;
    uint64_t everything;
    uint32_t count;
};

FN void survey_distances(SampleMemory& m, const Row& r, Ranking& ranking) {
    if (ranking.is_surveyed) return;
    uint64_t above_floor =
        histogram(m, r, [&](float logit, uint32_t) { return bin_at(distance(r, logit)); });
    ranking.above_floor = summed(m, above_floor).all;
    ranking.everything = m.bin_masses[BINS - 1];
    ranking.count = m.bin_counts[BINS - 1];
    ranking.is_surveyed = true;
}

// Gathers the tokens of bins `first` to `last`. The histogram also gives the count and weight of the
// tokens before them.
template <class F>
FN Gathered gather_bins(SampleMemory& m, const Row& r, uint32_t first, uint32_t last, F bin) {
    Gathered gathered = gather(m, r, -INFINITY, first, last, bin);
    gathered.count_before = first > 0 ? m.bin_counts[first - 1] : 0;
    gathered.mass_before = first > 0 ? m.bin_masses[first - 1] : 0;
    return gathered;
}

// Gathers the tokens around a depth.
FN void gather_around(SampleMemory& m, const Row& r, Ranking& ranking, Depth at) {
    survey_distances(m, r, ranking);
    auto by_distance = [&](float logit, uint32_t) { return bin_at(distance(r, logit)); };
    uint32_t bin = bin_with(m, at);
    uint32_t count_before = bin > 0 ? m.bin_counts[bin - 1] : 0;
    uint64_t mass_before = bin > 0 ? m.bin_masses[bin - 1] : 0;
    if (m.bin_counts[bin] - count_before <= GATHERED) {
        // If there is room, include all more likely tokens, because the next query will look for one of
        // them.
        uint32_t first = m.bin_counts[bin] <= GATHERED ? 0 : bin;
        ranking.gathered = gather_bins(m, r, first, bin, by_distance);
        return;
    }
    // The bin has too many tokens, so subdivide its range of keys until few enough tokens remain.
    ranking.is_surveyed = false;
    Key high = 0, low = 0;
    each_bent(r, [&](uint32_t four, Four logits) {
        for (int i = 0; i < 4; i++) {
            float logit = logits.logits[i];
            if (bin_at(distance(r, logit)) != (int)bin) continue;
            Key key = key_of(logit, four * 4 + i);
            if (key > high) high = key;
            // The minimum is the complement of the maximum of complements.
            if (~key > low) low = ~key;
        }
    });
    high = largest_of_block(m, high);
    low = ~largest_of_block(m, low);
    for (;;) {
        int shift = 0;
        while ((high - low) >> shift >= BINS) shift++;
        auto by_key = [&](float logit, uint32_t id) {
            Key key = key_of(logit, id);
            return key >= low && key <= high ? (int)((high - key) >> shift) : -1;
        };
        Depth within = {at.is_count, at.depth - (at.is_count ? count_before : mass_before)};
        histogram(m, r, by_key);
        bin = bin_with(m, within);
        uint32_t count = m.bin_counts[bin] - (bin > 0 ? m.bin_counts[bin - 1] : 0);
        if (count <= GATHERED) {
            ranking.gathered = gather_bins(m, r, bin, bin, by_key);
            ranking.gathered.count_before += count_before;
            ranking.gathered.mass_before += mass_before;
            return;
        }
        count_before += bin > 0 ? m.bin_counts[bin - 1] : 0;
        mass_before += bin > 0 ? m.bin_masses[bin - 1] : 0;
        Key end = high - ((Key)bin << shift), width = ((Key)1 << shift) - 1;
        low = end - low > width ? end - width : low;
        high = end;
    }
}

// Returns the index, among the gathered tokens, of the token at a depth. Gathers that token first if
// necessary.
FN uint32_t token_at(SampleMemory& m, const Row& r, Ranking& ranking, Depth at) {
    Gathered& g = ranking.gathered;
    // A depth before the gathered range wraps around to a huge number.
    bool is_there = at.is_count ? at.depth - g.count_before < g.count
                                : at.depth - g.mass_before < g.mass;
    if (!is_there) gather_around(m, r, ranking, at);
    return at.is_count ? (uint32_t)(at.depth - g.count_before)
                       : first_above(m.masses, g.count, at.depth - g.mass_before);
}

// Gathers the `k` most likely tokens and a few more, without a histogram of all tokens. `mine` is the
// best logit that this thread saw. The k-th largest of all threads' best logits is a lower bound for the
// logits of the top k, and only a few more tokens exceed this bound.
FN void gather_likeliest(SampleMemory& m, const Row& r, Ranking& ranking, uint32_t k, float mine) {
    clear_histogram(m);
    int bin = bin_at(distance(r, mine));
    if (bin >= 0) atomic_add(&m.bin_counts[bin], 1u);
    sum_histogram(m);
    int last = (int)first_above(m.bin_counts, BINS - 1, k - 1);
    // Slightly below the last bin's end, to allow for rounding.
    float end = (float)(last + 1) / BINS_APART * 2.0f / r.steepness;
    float bar = r.largest - end * 1.0001f - fabsf(r.largest) * 1e-6f;
    auto by_distance = [&](float logit, uint32_t) { return bin_at(distance(r, logit)); };
    ranking.gathered = gather(m, r, bar, 0, last, by_distance);
    uint32_t me = thread();
    uint64_t weighs = me < ranking.gathered.count ? weight(r, logit_of(m.keys[me])) : 0;
    ranking.above_floor = summed(m, weighs >= r.floor ? weighs : 0).all;
}

// Maps a draw to a cumulative weight below `mass`. The draw has 53 bits, as on the host.
FN uint64_t at_draw(const SampleRequest& request, uint64_t mass) {
    uint64_t draw = (uint64_t)request.draw_high << 32 | (request.draw_low & ~2047u);
    return multiply_high(draw, mass);
}

// Draws from the tokens that top-k, top-p and min-p leave, most likely first.
FN uint32_t draw_by_rank(SampleMemory& m, const Row& r, const SamplingRules& rules, const SampleRequest& request,
                         float mine) {
    Ranking ranking = {};
    uint32_t k = rules.top_k < r.vocab_size ? rules.top_k : 0;
    if (k > 0 && k <= SAMPLE_THREADS / 2) gather_likeliest(m, r, ranking, k, mine);
    uint64_t mass = ranking.gathered.mass;
    if (ranking.gathered.count == 0) {
        survey_distances(m, r, ranking);
        mass = ranking.everything;
    }
    // At a low temperature, fewer than k tokens may have nonzero weight.
    uint32_t count = ranking.gathered.count ? ranking.gathered.count : ranking.count;
    // There are three queries: the end of top-k, the end of top-p, and the draw. They run in a loop, so
    // the code is not instantiated three times.
    uint32_t token = 0;
#pragma unroll 1
    for (int question = 0; question < 3; question++) {
        Depth at = {false, 0};
        if (question == 0) {
            if (k == 0 || k >= count) continue;
            at = {true, k - 1};
        } else if (question == 1) {
            if (rules.top_p >= 1.0) continue;
            // Top-p keeps the token that reaches its limit, and always keeps at least one token.
            double reached = ceil(rules.top_p * (double)mass);
            at.depth = reached > 1.0 ? (uint64_t)reached - 1 : 0;
        } else {
            at.depth = at_draw(request, mass < ranking.above_floor ? mass : ranking.above_floor);
        }
        token = token_at(m, r, ranking, at);
        mass = ranking.gathered.mass_before + m.masses[token];
    }
    return id_of(m.keys[token]);
}

// Draws from the tokens that min-p leaves, in id order. Each warp scans one stretch of the vocabulary.
FN uint32_t draw_by_id(SampleMemory& m, const Row& r, const SampleRequest& request) {
    uint32_t lane = thread() % 32, warp = thread() / 32;
    uint32_t stretch = (r.fours + SAMPLE_WARPS - 1) / SAMPLE_WARPS;
    auto end_of = [&](uint32_t warp) {
        return (warp + 1) * stretch < r.fours ? (warp + 1) * stretch : r.fours;
    };
    auto kept = [&](float logit) -> uint64_t {
        uint64_t weighs = weight(r, logit);
        return weighs >= r.floor ? weighs : 0;
    };
    uint64_t mine = 0;
    each_four(r, warp * stretch + lane, end_of(warp), 32, [&](uint32_t four, Four logits) {
        logits = bent(r, four, logits);
#pragma unroll
        for (int i = 0; i < 4; i++) mine += kept(logits.logits[i]);
    });
    mine = summed_over_lanes(mine);
    if (lane == 31) m.by_warp[warp] = mine;
    barrier();
    uint64_t through = summed_over_lanes(m.by_warp[lane]), target = at_draw(request, from_lane(through, 31));
    uint32_t drawn = 0;
    uint64_t before = 0;
    for (uint32_t w = 0; w < SAMPLE_WARPS; w++) {
        uint64_t passed = from_lane(through, w);
        if (passed <= target) drawn = w + 1, before = passed;
    }
    if (thread() == 0) m.token = 0;
    barrier();
    // All threads scan the stretch that contains the drawn token.
    for (uint32_t first = drawn * stretch; before <= target && first < end_of(drawn);
         first += SAMPLE_THREADS) {
        uint32_t four = first + thread();
        Four logits = {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}};
        if (four < end_of(drawn)) {
            logits = read(r, four);
            for (int i = 0; i < 4; i++) logits.logits[i] = tame(logits.logits[i]);
            logits = bent(r, four, logits);
        }
        mine = 0;
        for (int i = 0; i < 4; i++) mine += kept(logits.logits[i]);
        Summed sum = summed(m, mine);
        uint64_t passed = before + sum.through - mine;
        for (int i = 0; i < 4; i++) {
            uint64_t weighs = kept(logits.logits[i]);
            if (passed <= target && target < passed + weighs) m.token = four * 4 + i;
            passed += weighs;
        }
        before += sum.all;
    }
    barrier();
    return m.token;
}

FN LogSoftmax log_softmax(const Survey& all) { return {all.largest, logf(all.sum)}; }
// Log probability of a token with this raw logit.
FN float log_prob_of(const LogSoftmax& of, float logit) {
    logit = tame(logit);
    return logit == -INFINITY ? -INFINITY : log_prob(of, logit);
}

// Marks the tokens that the rules change, for a text of `length` tokens.
FN void mark(const Row& r, const SamplingRules& rules, const uint32_t* history, uint32_t length) {
    auto ban = [&](uint32_t id) {
        if (id >= r.vocab_size) return;
        set(r.touched, id);
        set(r.banned, id);
    };
    if (rules.repetition_penalty != 1.0f) {
        for (uint32_t i = thread(); i < length; i += SAMPLE_THREADS) {
            if (history[i] < r.vocab_size) set(r.touched, history[i]);
        }
    }
    uint32_t n = rules.no_repeat_ngram_size;
    if (n > 0 && n <= length) {
        // Ban each token that followed an earlier occurrence of the last n - 1 tokens.
        const uint32_t* tail = history + (length + 1 - n);
        for (uint32_t i = thread(); i <= length - n; i += SAMPLE_THREADS) {
            uint32_t same = 0;
            while (same < n - 1 && history[i + same] == tail[same]) same++;
            if (same == n - 1) ban(history[i + n - 1]);
        }
    }
    uint32_t new_tokens = length > rules.prompt_tokens ? length - rules.prompt_tokens : 0;
    if (thread() < 5 && new_tokens < rules.min_new_tokens) ban(rules.eos[thread()]);
}

// Samples tokens, with one block per token.
FN void choose(const SampleArguments& a) {
    SampleMemory& m = *(SampleMemory*)shared_memory();
    SampleRequest request = a.requests[block_x()];
    // The condition is the same for all threads of the block, so they all return together.
    if (request.slot < 0) return;
    SamplingRules rules = a.rules[block_x()];
    uint32_t* history = a.history + (uint64_t)request.slot * a.positions;
    uint32_t length = request.position + 1;
    Row r = {};
    r.logits = a.logits + (uint64_t)block_x() * a.stride;
    r.vocab_size = a.vocab_size;
    r.fours = (a.vocab_size + 3) / 4;
    r.is_aligned = (uint64_t)r.logits % sizeof(Sixteen) == 0;
    uint32_t words = (a.vocab_size + 31) / 32;
    r.touched = m.bits;
    r.banned = m.bits + words;
    r.repetition_penalty = rules.repetition_penalty;
    for (uint32_t i = thread(); i < 2 * words; i += SAMPLE_THREADS) m.bits[i] = 0;
    barrier();
    bool is_guided = request.unconditional_slot >= 0;
    if (is_guided) {
        Row other = r;
        other.logits = r.logits + a.stride;
        r.is_aligned = other.is_aligned = r.is_aligned && a.stride % 4 == 0;
        r.with = log_softmax(survey(m, r));
        r.without = log_softmax(survey(m, other));
        r.unconditional = other.logits;
        r.guidance_scale = rules.guidance_scale;
    }
    mark(r, rules, history, length);
    barrier();

    Survey all;
    bool is_free = false;
#pragma unroll 1
    for (;;) {
        all = survey(m, r);
        if (all.best || is_free) break;
        // The rules leave no token, so ignore them and take the most likely token.
        for (uint32_t i = thread(); i < words; i += SAMPLE_THREADS) r.touched[i] = 0;
        barrier();
        r.unconditional = nullptr;
        is_free = true;
    }
    // If no token is possible, take token 0.
    uint32_t token = all.best ? id_of(all.best) : 0;
    if (rules.temperature > 0.0f && !is_free) {
        r.largest = logit_of(all.best);
        // Not 0 even if the temperature is infinite, so impossible tokens stay impossible.
        r.steepness = fmaxf(2.0f / rules.temperature, 1e-45f);
        double floor = ceil(rules.min_p * (double)WHOLE);
        r.floor = floor < (double)WHOLE ? (uint64_t)floor : (uint64_t)WHOLE;
        bool is_ranked = rules.top_p < 1.0 || (rules.top_k > 0 && rules.top_k < a.vocab_size);
        token = is_ranked ? draw_by_rank(m, r, rules, request, all.mine) : draw_by_id(m, r, request);
    }
    if (thread() == 0) {
        if (!is_guided) r.with = log_softmax(all);
        a.sampled[block_x()] = {token, log_prob_of(r.with, r.logits[token])};
        if (length < a.positions) history[length] = token;
        if (is_guided) {
            a.sampled[block_x() + 1] = {token, log_prob_of(r.without, r.logits[a.stride + token])};
            length = request.unconditional_position + 1;
            history = a.history + (uint64_t)request.unconditional_slot * a.positions;
            if (length < a.positions) history[length] = token;
        }
    }
}
