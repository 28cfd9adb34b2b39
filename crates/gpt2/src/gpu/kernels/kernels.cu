// Instantiates all kernels, for every number format and size.

#include "attention.cuh"
#include "embed.cuh"
#include "layer_norm.cuh"
#include "linear.cuh"
#include "rates.cuh"
#include "sample.cuh"

#define OF_FORMAT(NAME, T)                                                                     \
    KERNEL(embed_##NAME, 128, EmbedArguments, embed<T>)                                        \
    KERNEL(layer_norm_##NAME, NORM_THREADS, LayerNormArguments, layer_norm<T>)                 \
    KERNEL(attention_##NAME##_32, ATTENTION_THREADS, AttentionArguments, attention<T, 32>)     \
    KERNEL(attention_##NAME##_64, ATTENTION_THREADS, AttentionArguments, attention<T, 64>)     \
    KERNEL(attention_##NAME##_128, ATTENTION_THREADS, AttentionArguments, attention<T, 128>)   \
    KERNEL(attention_##NAME##_256, ATTENTION_THREADS, AttentionArguments, attention<T, 256>)

#define ON_TENSOR_CORES(NAME, T)                                                               \
    KERNEL(linear_##NAME##_16_32, 128, LinearArguments, linear<T, 16, 32, 1, 4, 12>)            \
    KERNEL(linear_##NAME##_64_32, 128, LinearArguments, linear<T, 64, 32, 4, 1, 8>)            \
    KERNEL(linear_##NAME##_64_64, 128, LinearArguments, linear<T, 64, 64, 2, 2, 4>)            \
    KERNEL(linear_##NAME##_128_128, 256, LinearArguments, linear<T, 128, 128, 2, 4, 3>)

OF_FORMAT(f32, float)
OF_FORMAT(f16, Half)
OF_FORMAT(bf16, Bfloat16)
ON_TENSOR_CORES(f16, Half)
ON_TENSOR_CORES(bf16, Bfloat16)
KERNEL(linear_f32_16_64, F32_THREADS, LinearArguments, linear_f32<16>)
KERNEL(linear_f32_64_64, F32_THREADS, LinearArguments, linear_f32<64>)
KERNEL(sample, SAMPLE_THREADS, SampleArguments, choose)
KERNEL(rate_read, RATE_THREADS, ReadArguments, read_all)
KERNEL(rate_f32, RATE_THREADS, ProductsArguments, products_f32)
KERNEL(rate_f16, RATE_THREADS, ProductsArguments, products<Half>)
KERNEL(rate_bf16, RATE_THREADS, ProductsArguments, products<Bfloat16>)
