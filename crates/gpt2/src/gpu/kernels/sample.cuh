// Logits to token, by the rules of sampling.rs and in its order: repetition penalty, n-grams and the
// end-of-text token, temperature, top-k, top-p, min-p, and the draw. Typical sampling is not among them,
// nor is a list of the likeliest: texts that want these are sampled on the host.
//
// What is chosen depends on nothing but the text's own logits, history, rules and draw. A token's weight,
// e^((logit - largest) / temperature), is a whole number of 2^-40ths, so sums are exact in any order.
//
// The host has f64 where this has f32 and whole numbers, so what lies at a boundary may come out on its
// other side: the weight of a likely token is within 1e-6 of the host's, of one that is e^-28 as likely
// within 1e-5, and a token that is less than e^-28 as likely as the likeliest is never drawn (on the host
// all of them together are, once in ten million draws). Greedy choices and ties are the same.
//
// The vocabulary is not sorted. Tokens rank by logit, equal ones by the lower id, and every rule keeps a
// beginning of that order, so each boundary and the draw itself are the same question: which token is at
// so many tokens, or so much weight, from the top? A histogram of distances from the largest logit says
// in which of its bins, and only that bin's tokens, or all those above with it, are gathered and sorted.
// A bin with more than there is room for, as of equals, is divided by a histogram of its own.

#pragma once

#include "pass.cuh"

// How a text's tokens are chosen, each number in its range.
struct Rules {
    // 0 is off.
    double min_p;
    // 1 is off.
    double top_p;
    // 0 is greedy; others are normal numbers, or infinite.
    float temperature;
    // 1 is off.
    float repetition_penalty;
    // 0 is off.
    uint32_t top_k;
    // 0 is off.
    uint32_t no_repeat_ngram_size;
    uint32_t min_new_tokens;
    uint32_t prompt_tokens;
    // The end-of-text token, which may be none of the vocabulary's.
    uint32_t eos;
    uint32_t unused;
};
static_assert(sizeof(Rules) == 48, "as in sampling.rs");

// A token to choose.
struct Asked {
    // A row that only fills a batch up has none: -1.
    int32_t slot;
    // Of the last token of the context.
    uint32_t position;
    // The next number of the text's random stream. None is needed at temperature 0.
    uint32_t draw_low;
    uint32_t draw_high;
};
static_assert(sizeof(Asked) == 16, "as in sampling.rs");

struct Chosen {
    uint32_t token;
    // Under the model's own distribution.
    float log_prob;
};
static_assert(sizeof(Chosen) == 8, "as in sampling.rs");

struct SampleArguments {
    // (W, stride).
    const float* logits;
    // (W).
    const Asked* asked;
    // (W).
    const Rules* rules;
    // (S, T): all tokens so far. The one that is chosen is written behind them.
    uint32_t* history;
    // (W), to be written.
    Chosen* chosen;
    uint32_t vocab_size;
    uint32_t stride;
    uint32_t positions;
    uint32_t unused;
};
static_assert(sizeof(SampleArguments) == 56, "as in sampling.rs");

const int SAMPLE_THREADS = 1024;
// A block's warps are as many as a warp's lanes, so that one warp brings together what all of them have.
const int SAMPLE_WARPS = 32;
// Tokens that there is room to sort.
const int GATHERED = 1024;
const int BINS = 1024;
// What weighs anything is less than 28.5 from the largest logit, as the temperature has it.
const float COVERED = 29.0f;
const float BINS_APART = 35.0f;
// The likeliest token's weight.
const float WHOLE = 1099511627776.0f;
const float LOG2_E = 1.44269504f;
const float LARGEST = 3.402823466e38f;

// Where a token ranks: the likelier's is larger, and of equals that of the lower id. No token's is 0.
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
    // The gathered tokens, the likeliest first, and the weight of each with those before it.
    Key keys[GATHERED];
    uint64_t masses[GATHERED];
    // The histogram: of each bin, and then of each with those before it.
    uint64_t bin_masses[BINS];
    uint32_t bin_counts[BINS];
    uint64_t by_warp[SAMPLE_WARPS];
    float largest_by_warp[SAMPLE_WARPS];
    float sum_by_warp[SAMPLE_WARPS];
    uint32_t gathered;
    uint32_t token;
    // Bits of the tokens whose logits the rules change, then of those that they ban.
    uint32_t bits[2];
};
static_assert(sizeof(SampleMemory) == 29200, "as in sampling.rs");

// A row of logits, and the rules that bend them.
struct Row {
    const float* logits;
    uint32_t vocab_size;
    // Logits are looked at by fours, wherever the row begins: what is summed in which order must not
    // depend on that. Only how they are read does.
    uint32_t fours;
    bool is_aligned;
    // A bit for each token. What is banned is also touched.
    uint32_t* touched;
    uint32_t* banned;
    float repetition_penalty;
    // Of the logits after the rules.
    float largest;
    // Twice the temperature's inverse.
    float steepness;
    // What a token must weigh under min-p.
    uint64_t floor;
};

// NaN is no evidence for a token, and infinity would make a NaN of every probability.
FN float tame(float logit) { return fminf(fmaxf(logit, -INFINITY), LARGEST); }

FN bool has(const uint32_t* bits, uint32_t id) { return bits[id / 32] >> id % 32 & 1; }
FN void set(uint32_t* bits, uint32_t id) { atomic_or(&bits[id / 32], 1u << id % 32); }

// Four neighbouring logits. What is behind the vocabulary is impossible.
struct Four {
    float logits[4];
};
FN Four read(const Row& r, uint32_t four) {
    Four to;
    uint32_t id = four * 4;
    if (r.is_aligned && id + 4 <= r.vocab_size) {
        Sixteen some = *(const Sixteen*)(r.logits + id);
#pragma unroll
        for (int i = 0; i < 4; i++) to.logits[i] = of_bits(some.words[i]);
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            to.logits[i] = id + i < r.vocab_size ? r.logits[id + i] : -INFINITY;
        }
    }
    return to;
}

// What the rules make of tamed logits.
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

// Calls `f` with the tamed logits of the fours from `first` to `end`, every `step`th.
template <class F> FN void each_four(const Row& r, uint32_t first, uint32_t end, uint32_t step, F f) {
    // As many are on their way together.
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
// Calls `f` with all fours as the rules bend them, each by one thread.
template <class F> FN void each_bent(const Row& r, F f) {
    each_four(r, thread(), r.fours, SAMPLE_THREADS,
              [&](uint32_t four, Four logits) { f(four, bent(r, four, logits)); });
}

// How far from the largest logit, as the temperature has it. Subtracted before it is divided, and by
// halves: nothing but what weighs nothing overflows, whatever the logits and the temperature.
FN float distance(const Row& r, float logit) {
    return fmaf(logit, -0.5f, 0.5f * r.largest) * r.steepness;
}
FN uint64_t weight_at(float distance) {
    return (uint64_t)fmaf(exp2f(distance * -LOG2_E), WHOLE, 0.5f);
}
FN uint64_t weight(const Row& r, float logit) { return weight_at(distance(r, logit)); }
// What weighs nothing is in none: -1.
FN int bin_at(float distance) { return distance < COVERED ? (int)(distance * BINS_APART) : -1; }

// A number summed over the threads of a block: up to and with this one, and over all.
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

// What one look at all logits tells.
struct Survey {
    // Of the model's distribution: the largest logit, and the sum of e^(logit - largest).
    float largest;
    float sum;
    // The best token under the rules, 0 if they leave none, and the logit of the best of those that
    // this thread looked at.
    Key best;
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
                // The first of equals stays.
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

// The first of numbers that grow which is above `target`; `count` if none is.
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

// Sorts as many keys, the largest first, and sums their weights.
FN void sort(SampleMemory& m, const Row& r, uint32_t count) {
    uint32_t size = 64, me = thread();
    while (size < count) size *= 2;
    if (me >= count && me < size) m.keys[me] = 0;
    barrier();
    // A bitonic sort. The pairs of one warp lie among 64 keys of its own while they are near.
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

// Which of the ranked tokens are gathered.
struct Gathered {
    uint32_t count_before;
    uint32_t count;
    uint64_t mass_before;
    uint64_t mass;
};

// Gathers the tokens that weigh anything of those bins from `first` to `last` in which `bin` puts them,
// unless there are too many, which are then none. No logit of theirs is below `bar`.
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
    // Somebody may still look at the last one.
    barrier();
    m.bin_counts[thread()] = 0;
    m.bin_masses[thread()] = 0;
    barrier();
}
// Makes sums of bins.
FN void sum_histogram(SampleMemory& m) {
    barrier();
    uint32_t bin = thread();
    m.bin_counts[bin] = (uint32_t)summed(m, m.bin_counts[bin]).through;
    m.bin_masses[bin] = summed(m, m.bin_masses[bin]).through;
    barrier();
}

// Counts and weighs the tokens of each bin in which `bin` puts them. Gives what this thread's ones
// weigh that min-p leaves.
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
            // By halves, with a carry: there is no faster way to add as much in shared memory.
            uint32_t* mass = (uint32_t*)&m.bin_masses[in];
            uint32_t low = (uint32_t)weighs, before = atomic_add(mass, low);
            uint32_t high = (uint32_t)(weighs >> 32) + (before + low < before);
            if (high) atomic_add(mass + 1, high);
        }
    });
    sum_histogram(m);
    return above_floor;
}

// A place in the ranking: behind so many tokens, or behind so much weight.
struct Depth {
    bool is_count;
    uint64_t depth;
};
FN uint32_t bin_with(const SampleMemory& m, Depth at) {
    return at.is_count ? first_above(m.bin_counts, BINS, at.depth)
                       : first_above(m.bin_masses, BINS, at.depth);
}

// The search for tokens at their places in the ranking. All threads of a block ask the same.
struct Ranking {
    Gathered gathered;
    // Whether the histogram is that of distances.
    bool is_surveyed;
    // What min-p leaves.
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

// Gathers bins of the histogram; which tokens are before them, it says.
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
        // With all that are likelier, if there is room: among them the next question will be.
        uint32_t first = m.bin_counts[bin] <= GATHERED ? 0 : bin;
        ranking.gathered = gather_bins(m, r, first, bin, by_distance);
        return;
    }
    // Too many. Their range of keys is divided until there are few.
    ranking.is_surveyed = false;
    Key high = 0, low = 0;
    each_bent(r, [&](uint32_t four, Four logits) {
        for (int i = 0; i < 4; i++) {
            float logit = logits.logits[i];
            if (bin_at(distance(r, logit)) != (int)bin) continue;
            Key key = key_of(logit, four * 4 + i);
            if (key > high) high = key;
            // The lowest is the highest of the opposites.
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

// Which of the gathered tokens is at a depth of the ranking, after gathering it if need be.
FN uint32_t token_at(SampleMemory& m, const Row& r, Ranking& ranking, Depth at) {
    Gathered& g = ranking.gathered;
    // Places before what is gathered become huge.
    bool is_there = at.is_count ? at.depth - g.count_before < g.count
                                : at.depth - g.mass_before < g.mass;
    if (!is_there) gather_around(m, r, ranking, at);
    return at.is_count ? (uint32_t)(at.depth - g.count_before)
                       : first_above(m.masses, g.count, at.depth - g.mass_before);
}

// Gathers the `k` likeliest and few more, without the histogram of all: among the best that each thread
// saw, which are given, are k tokens, and there are not many as likely as the last of them.
FN void gather_likeliest(SampleMemory& m, const Row& r, Ranking& ranking, uint32_t k, float mine) {
    clear_histogram(m);
    int bin = bin_at(distance(r, mine));
    if (bin >= 0) atomic_add(&m.bin_counts[bin], 1u);
    sum_histogram(m);
    int last = (int)first_above(m.bin_counts, BINS - 1, k - 1);
    // A little lower than the last bin's end, whatever is rounded on the way.
    float end = (float)(last + 1) / BINS_APART * 2.0f / r.steepness;
    float bar = r.largest - end * 1.0001f - fabsf(r.largest) * 1e-6f;
    auto by_distance = [&](float logit, uint32_t) { return bin_at(distance(r, logit)); };
    ranking.gathered = gather(m, r, bar, 0, last, by_distance);
    uint32_t me = thread();
    uint64_t weighs = me < ranking.gathered.count ? weight(r, logit_of(m.keys[me])) : 0;
    ranking.above_floor = summed(m, weighs >= r.floor ? weighs : 0).all;
}

// Where a draw falls among so much weight. Like the host's, it has 53 bits.
FN uint64_t at_draw(const Asked& asked, uint64_t mass) {
    uint64_t draw = (uint64_t)asked.draw_high << 32 | (asked.draw_low & ~2047u);
    return multiply_high(draw, mass);
}

// The draw among what top-k, top-p and min-p leave, the likeliest first.
FN uint32_t draw_by_rank(SampleMemory& m, const Row& r, const Rules& rules, const Asked& asked,
                         float mine) {
    Ranking ranking = {};
    uint32_t k = rules.top_k < r.vocab_size ? rules.top_k : 0;
    if (k > 0 && k <= SAMPLE_THREADS / 2) gather_likeliest(m, r, ranking, k, mine);
    uint64_t mass = ranking.gathered.mass;
    if (ranking.gathered.count == 0) {
        survey_distances(m, r, ranking);
        mass = ranking.everything;
    }
    // Fewer weigh anything where the temperature is low.
    uint32_t count = ranking.gathered.count ? ranking.gathered.count : ranking.count;
    // Where top-k ends, where top-p does, and where the draw falls: the code is there once.
    uint32_t token = 0;
#pragma unroll 1
    for (int question = 0; question < 3; question++) {
        Depth at = {false, 0};
        if (question == 0) {
            if (k == 0 || k >= count) continue;
            at = {true, k - 1};
        } else if (question == 1) {
            if (rules.top_p >= 1.0) continue;
            // The token that reaches it stays, and at least one.
            double reached = ceil(rules.top_p * (double)mass);
            at.depth = reached > 1.0 ? (uint64_t)reached - 1 : 0;
        } else {
            at.depth = at_draw(asked, mass < ranking.above_floor ? mass : ranking.above_floor);
        }
        token = token_at(m, r, ranking, at);
        mass = ranking.gathered.mass_before + m.masses[token];
    }
    return id_of(m.keys[token]);
}

// The draw among what min-p leaves, by id. Each warp has a stretch of the vocabulary.
FN uint32_t draw_by_id(SampleMemory& m, const Row& r, const Asked& asked) {
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
    uint64_t through = summed_over_lanes(m.by_warp[lane]), target = at_draw(asked, from_lane(through, 31));
    uint32_t drawn = 0;
    uint64_t before = 0;
    for (uint32_t w = 0; w < SAMPLE_WARPS; w++) {
        uint64_t passed = from_lane(through, w);
        if (passed <= target) drawn = w + 1, before = passed;
    }
    if (thread() == 0) m.token = 0;
    barrier();
    // All threads look at the stretch in which it falls, and not beyond it.
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

// Marks what the rules change, of a text of so many tokens.
FN void mark(const Row& r, const Rules& rules, const uint32_t* history, uint32_t length) {
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
        // What followed each earlier occurrence of the last n - 1 tokens.
        const uint32_t* tail = history + (length + 1 - n);
        for (uint32_t i = thread(); i <= length - n; i += SAMPLE_THREADS) {
            uint32_t same = 0;
            while (same < n - 1 && history[i + same] == tail[same]) same++;
            if (same == n - 1) ban(history[i + n - 1]);
        }
    }
    uint32_t new_tokens = length > rules.prompt_tokens ? length - rules.prompt_tokens : 0;
    if (thread() == 0 && new_tokens < rules.min_new_tokens) ban(rules.eos);
}

// A block a token.
FN void choose(const SampleArguments& a) {
    SampleMemory& m = *(SampleMemory*)shared_memory();
    Asked asked = a.asked[block_x()];
    // All threads of the block.
    if (asked.slot < 0) return;
    Rules rules = a.rules[block_x()];
    uint32_t* history = a.history + (uint64_t)asked.slot * a.positions;
    uint32_t length = asked.position + 1;
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
    mark(r, rules, history, length);
    barrier();

    Survey all;
    bool is_free = false;
#pragma unroll 1
    for (;;) {
        all = survey(m, r);
        if (all.best || is_free) break;
        // The rules leave nothing: the likeliest without them.
        for (uint32_t i = thread(); i < words; i += SAMPLE_THREADS) r.touched[i] = 0;
        barrier();
        is_free = true;
    }
    // Where nothing is possible, the first.
    uint32_t token = all.best ? id_of(all.best) : 0;
    if (rules.temperature > 0.0f && !is_free) {
        r.largest = logit_of(all.best);
        // Not 0, even if the temperature is infinite: what is impossible stays it.
        r.steepness = fmaxf(2.0f / rules.temperature, 1e-45f);
        double floor = ceil(rules.min_p * (double)WHOLE);
        r.floor = floor < (double)WHOLE ? (uint64_t)floor : (uint64_t)WHOLE;
        bool is_ranked = rules.top_p < 1.0 || (rules.top_k > 0 && rules.top_k < a.vocab_size);
        token = is_ranked ? draw_by_rank(m, r, rules, asked, all.mine) : draw_by_id(m, r, asked);
    }
    if (thread() == 0) {
        float logit = tame(r.logits[token]);
        bool is_possible = logit != -INFINITY;
        float log_prob = is_possible ? logit - all.largest - logf(all.sum) : -INFINITY;
        a.chosen[block_x()] = {token, log_prob};
        if (length < a.positions) history[length] = token;
    }
}
