// An emulated GPU: implements device.cuh on a CPU, for tests. A block's threads are coroutines, which
// yield wherever threads wait for each other. Blocks run one after another. Shared memory is
// initialised to NaN, and the program aborts if not all threads reach a barrier.

#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <vector>

#define FN static inline
#define KERNEL(NAME, THREADS, ARGUMENTS, ...)                                                  \
    static void NAME(const void* arguments) {                                                  \
        __VA_ARGS__(*static_cast<const ARGUMENTS*>(arguments));                                \
    }                                                                                          \
    static const emulator::Registered NAME##_is_registered(#NAME, THREADS, NAME);

namespace emulator {

const int WARP = 32;
const int MOST_THREADS = 1024;
const size_t STACK = 128 << 10;

struct Entry {
    const char* name;
    uint32_t threads;
    void (*run)(const void*);
};

inline std::vector<Entry>& kernels() {
    static std::vector<Entry> kernels;
    return kernels;
}

struct Registered {
    Registered(const char* name, uint32_t threads, void (*run)(const void*)) {
        kernels().push_back({name, threads, run});
    }
};

// A barrier for a group of threads.
struct Group {
    int size, arrived, phase;
};

struct Block {
    int x, y, blocks_x, threads;
    void (*run)(const void*);
    const void* arguments;
    std::vector<char> shared;
    Group all;
    Group warps[MOST_THREADS / WARP];
    // Values that the lanes of a warp exchange. Double-buffered: a lane may still be reading one
    // exchange while another writes the next.
    uint32_t shown[2][MOST_THREADS][8];
    // Number of threads that have not returned, and index of the running thread.
    int alive, current;
    bool finished[MOST_THREADS];
    // Number of yields since a thread last made progress.
    int idle;
    // Number of coroutines created; they are reused for every block.
    int made;
    jmp_buf places[MOST_THREADS], scheduler;
    ucontext_t contexts[MOST_THREADS];
    std::vector<std::vector<char>> stacks;
};

inline Block& block() {
    static thread_local Block block;
    return block;
}

// Switches to the next thread that has not returned, or back to the scheduler if there is none.
[[noreturn]] inline void leave(Block& b) {
    if (b.alive == 0) _longjmp(b.scheduler, 1);
    do {
        b.current = b.current + 1 == b.threads ? 0 : b.current + 1;
    } while (b.finished[b.current]);
    _longjmp(b.places[b.current], 1);
}

// Lets the other threads run.
inline void yield(Block& b) {
    if (++b.idle > 4 * b.threads) {
        fprintf(stderr, "deadlock: not all threads reached a barrier in the kernel\n");
        abort();
    }
    if (_setjmp(b.places[b.current]) == 0) leave(b);
}

inline void wait(Group& group) {
    Block& b = block();
    int phase = group.phase;
    if (++group.arrived == group.size) {
        group.arrived = 0;
        group.phase++;
        b.idle = 0;
    } else {
        while (group.phase == phase) yield(b);
    }
}

// Body of a coroutine, which runs the thread with the same index in one block after another.
inline void live() {
    Block& b = block();
    for (;;) {
        // Reached when the coroutine is created and after each block. The next block starts here.
        if (_setjmp(b.places[b.current]) == 0) {
            if (b.alive == 0 && b.made <= b.current) {
                b.made++;
                _longjmp(b.scheduler, 1);
            }
            leave(b);
        }
        b.run(b.arguments);
        b.finished[b.current] = true;
        b.alive--;
        b.idle = 0;
    }
}

inline void run_block() {
    Block& b = block();
    b.alive = 0;
    // Returns here whenever a coroutine has been created.
    _setjmp(b.scheduler);
    if (b.made < b.threads) {
        int t = b.current = b.made;
        b.stacks.emplace_back(STACK);
        getcontext(&b.contexts[t]);
        b.contexts[t].uc_stack.ss_sp = b.stacks[t].data();
        b.contexts[t].uc_stack.ss_size = STACK;
        b.contexts[t].uc_link = nullptr;
        makecontext(&b.contexts[t], live, 0);
        setcontext(&b.contexts[t]);
    }
    memset(b.shared.data(), 0xff, b.shared.size());
    b.all = {b.threads, 0, 0};
    for (int w = 0; w < b.threads / WARP; w++) b.warps[w] = {WARP, 0, 0};
    for (int t = 0; t < b.threads; t++) b.finished[t] = false;
    b.alive = b.threads;
    b.idle = 0;
    b.current = 0;
    if (_setjmp(b.scheduler) == 0) _longjmp(b.places[0], 1);
}

inline int lane() { return block().current % WARP; }
inline Group& warp() { return block().warps[block().current / WARP]; }
// Value that lane `lane` of this thread's warp publishes in the current exchange.
inline uint32_t* shown(int lane) {
    Block& b = block();
    int first = b.current / WARP * WARP;
    return b.shown[b.warps[first / WARP].phase & 1][first + lane];
}

// Waits until all lanes have published their values and gives access to these values.
struct Shown {
    uint32_t (*lanes)[8];
    Shown() : lanes((uint32_t (*)[8])shown(0)) { wait(warp()); }
};

template <class T> inline T seen(T value, int lane_seen) {
    static_assert(sizeof(T) <= 8, "lanes exchange at most 8 bytes");
    memcpy(shown(lane()), &value, sizeof(T));
    Shown all;
    memcpy(&value, all.lanes[lane_seen], sizeof(T));
    return value;
}

}  // namespace emulator

FN int block_x() { return emulator::block().x; }
FN int block_y() { return emulator::block().y; }
FN int blocks_x() { return emulator::block().blocks_x; }
FN int thread() { return emulator::block().current; }
FN int threads() { return emulator::block().threads; }
FN char* shared_memory() {
    std::vector<char>& memory = emulator::block().shared;
    return memory.data() + (128 - (uintptr_t)memory.data() % 128) % 128;
}

FN void barrier() { emulator::wait(emulator::block().all); }
FN void warp_barrier() { emulator::wait(emulator::warp()); }

template <class T> FN T exchange(T value, int mask) {
    return emulator::seen(value, emulator::lane() ^ mask);
}
template <class T> FN T from_lane(T value, int lane) { return emulator::seen(value, lane); }
FN uint32_t atomic_add(uint32_t* at, uint32_t value) {
    uint32_t before = *at;
    *at += value;
    return before;
}
FN uint32_t atomic_or(uint32_t* at, uint32_t value) {
    uint32_t before = *at;
    *at |= value;
    return before;
}
FN uint32_t bits_of(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}
FN float of_bits(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}
// Rounded twice: without an FMA instruction, rounding once would be a hundred times slower.
FN float fused(float a, float b, float c) { return a * b + c; }
FN uint64_t multiply_high(uint64_t a, uint64_t b) {
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

FN float to_float(float number) { return number; }
FN float to_float(Bfloat16 number) { return of_bits((uint32_t)number.bits << 16); }
FN float to_float(Half number) {
    uint32_t exponent = number.bits >> 10 & 31, fraction = number.bits & 1023;
    float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                 : exponent == 0 ? ldexpf((float)fraction, -24)
                                 : ldexpf((float)(1024 + fraction), (int)exponent - 25);
    return number.bits >> 15 ? -size : size;
}
FN void from_float(float number, float& to) { to = number; }
FN void from_float(float number, Bfloat16& to) {
    uint32_t bits = bits_of(number);
    // Round to nearest, ties to even.
    to.bits = number != number ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
FN void from_float(float number, Half& to) {
    float size = fabsf(number);
    uint16_t sign = signbit(number) ? 0x8000 : 0;
    if (number != number) {
        to.bits = 0x7fff;
    } else if (size == 0.0f) {
        to.bits = sign;
    } else if (size >= 65520.0f) {
        to.bits = sign | 0x7c00;
    } else {
        int exponent;
        frexpf(size, &exponent);
        // Exponent of the last of the 11 significand bits, or of the smallest subnormal.
        int step = exponent - 11 < -24 ? -24 : exponent - 11;
        uint32_t steps = (uint32_t)nearbyintf(ldexpf(size, -step));
        // Rounding up may carry into the exponent, which gives the correct result.
        to.bits = sign | (step == -24 ? steps : ((uint32_t)(step + 24) << 10) + steps);
    }
}

FN void copy_async(void* to, const void* from) {
    if ((uintptr_t)to % 16 || (uintptr_t)from % 16) {
        fprintf(stderr, "unaligned 16-byte copy\n");
        abort();
    }
    memcpy(to, from, 16);
}
FN void end_copies() {}
template <int GROUPS> FN void wait_for_copies() {}

template <int MATRICES> FN void load_matrices(uint32_t (&to)[MATRICES], const void* row) {
    uint64_t address = (uint64_t)row;
    memcpy(emulator::shown(emulator::lane()), &address, sizeof address);
    emulator::Shown all;
    for (int matrix = 0; matrix < MATRICES; matrix++) {
        memcpy(&address, all.lanes[8 * matrix + emulator::lane() / 4], sizeof address);
        memcpy(&to[matrix], (const char*)address + emulator::lane() % 4 * 4, 4);
    }
}

template <class T>
FN void multiply_add(T, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    memcpy(emulator::shown(emulator::lane()), a, sizeof a);
    memcpy(emulator::shown(emulator::lane()) + 4, b, sizeof b);
    emulator::Shown all;
    int row = emulator::lane() / 4, column = emulator::lane() % 4 * 2;
    // Element `k` of a row of a, or of a column of b.
    auto number = [&](int lane_row, int registers, int step, int k) {
        uint32_t pair = all.lanes[lane_row * 4 + k % 8 / 2][registers + k / 8 * step];
        return to_float(T{(uint16_t)(k % 2 ? pair >> 16 : pair)});
    };
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 16; k++) {
            c[i] += number(row, i / 2, 2, k) * number(column + i % 2, 4, 1, k);
        }
    }
}

// Interface for emulated.rs: looks up kernels by name and launches them.

extern "C" int emulated_kernel(const char* name) {
    std::vector<emulator::Entry>& kernels = emulator::kernels();
    for (size_t i = 0; i < kernels.size(); i++) {
        if (strcmp(kernels[i].name, name) == 0) return (int)i;
    }
    return -1;
}

extern "C" void emulated_launch(int kernel, uint32_t blocks_x, uint32_t blocks_y, uint32_t threads,
                                uint32_t shared, const void* arguments) {
    const emulator::Entry& entry = emulator::kernels()[kernel];
    if (threads != entry.threads || threads % emulator::WARP) {
        fprintf(stderr, "%s requires blocks of %u threads\n", entry.name, entry.threads);
        abort();
    }
    emulator::Block& block = emulator::block();
    block.run = entry.run;
    block.arguments = arguments;
    block.threads = (int)threads;
    block.blocks_x = (int)blocks_x;
    block.shared.resize(shared + 128);
    for (uint32_t y = 0; y < blocks_y; y++) {
        for (uint32_t x = 0; x < blocks_x; x++) {
            block.x = (int)x;
            block.y = (int)y;
            emulator::run_block();
        }
    }
}
