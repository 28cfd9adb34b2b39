//! Compiles the GPU kernels if an enabled feature needs them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "emulated-gpu")]
    emulated();
    #[cfg(feature = "cuda")]
    cuda::compile();
}

/// Compiles the kernels as C++ for the CPU.
#[cfg(feature = "emulated-gpu")]
fn emulated() {
    println!("cargo::rerun-if-changed=src/gpu/kernels");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // Optimise even in debug builds, because the kernels dominate the run time of the tests.
        .opt_level(3)
        .flag("-xc++")
        // The kernels access data of every type in units of 16 bytes, which violates strict aliasing.
        .flag("-fno-strict-aliasing")
        .flag_if_supported("-Wno-unknown-pragmas")
        .flag_if_supported("-Wno-sign-compare")
        // The emulator switches stacks with longjmp, whose fortified version rejects this.
        .define("_FORTIFY_SOURCE", "0")
        .file("src/gpu/kernels/kernels.cu")
        .compile("emulated-gpu");
}

/// Compiles the kernels with nvcc into one fat binary, which the program embeds.
#[cfg(feature = "cuda")]
mod cuda {
    use std::env;
    use std::path::{Path, PathBuf};
    use std::process::{Command, exit};

    /// Environment variables that affect nvcc or its output.
    const VARIABLES: [&str; 7] = [
        "NVCC",
        "CUDA_HOME",
        "CUDA_PATH",
        "CUDAARCHS",
        "NVCC_PREPEND_FLAGS",
        "NVCC_APPEND_FLAGS",
        "NVCC_CCBIN",
    ];

    /// Minimum compute capability supported by the kernels; 80 stands for 8.0.
    const LEAST: u32 = 80;

    /// Compute capabilities compiled to machine code: A100, RTX 30, RTX 40 and L4, H100, B200, and RTX
    /// 50. Other GPUs use PTX, which the driver compiles on first use.
    const CARDS: [u32; 6] = [80, 86, 89, 90, 100, 120];

    pub fn compile() {
        println!("cargo::rerun-if-changed=src/gpu/kernels");
        for variable in VARIABLES {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        let nvcc = nvcc();
        let release = release(&nvcc);
        let cards = cards(&nvcc);
        let least = cards.iter().min().expect("there is at least one card");
        let to =
            PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("kernels.fatbin");
        let mut command = Command::new(&nvcc);
        command.args(["-fatbin", "-O3", "--std=c++17", "--threads"]);
        command.arg(env::var("NUM_JOBS").unwrap_or_else(|_| "0".to_owned()));
        if output_of(Command::new(&nvcc).arg("--help")).contains("--compress-mode") {
            command.arg("--compress-mode=size");
        }
        command.arg(format!("--generate-code=arch=compute_{least},code=compute_{least}"));
        for card in &cards {
            command.arg(format!("--generate-code=arch=compute_{card},code=sm_{card}"));
        }
        output_of(command.arg("src/gpu/kernels/kernels.cu").arg("-o").arg(to));
        let cards: Vec<String> = cards.iter().map(u32::to_string).collect();
        println!("cargo::rustc-env=GPT2_CUDA_CARDS={}", cards.join(", "));
        println!("cargo::rustc-env=GPT2_CUDA_RELEASE={release}");
    }

    /// Returns the path of nvcc: `NVCC` if it is set, otherwise nvcc in `CUDA_HOME`, `CUDA_PATH` or
    /// `PATH`.
    fn nvcc() -> PathBuf {
        let name = format!("nvcc{}", env::consts::EXE_SUFFIX);
        let given = env::var_os("NVCC").map(PathBuf::from);
        let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os);
        let path = env::var_os("PATH").unwrap_or_default();
        let there = |file: &PathBuf| file.is_file();
        given
            .or_else(|| homes.map(|home| Path::new(&home).join("bin").join(&name)).find(there))
            .or_else(|| env::split_paths(&path).map(|folder| folder.join(&name)).find(there))
            .unwrap_or_else(|| {
                stop(
                    "the feature `cuda` needs nvcc from the NVIDIA CUDA Toolkit (12.8 or newer for all \
                     GPUs): install it from https://developer.nvidia.com/cuda-downloads and set \
                     CUDA_HOME to its folder or NVCC to the program, or add it to PATH; or build \
                     without the feature",
                )
            })
    }

    /// Returns the version of the CUDA toolkit, such as 12.8.
    fn release(nvcc: &Path) -> String {
        let text = output_of(Command::new(nvcc).arg("--version"));
        let release = text.split("release ").nth(1).and_then(|rest| rest.split(',').next());
        let no_nvcc = || stop(&format!("{} is not nvcc", nvcc.display()));
        release.unwrap_or_else(no_nvcc).to_owned()
    }

    /// Returns the compute capabilities to compile for: those in `CUDAARCHS` or, if it is not set, those
    /// in [`CARDS`] that nvcc supports.
    fn cards(nvcc: &Path) -> Vec<u32> {
        let known = output_of(Command::new(nvcc).arg("--list-gpu-code"));
        let knows = |card: u32| known.lines().any(|line| line.trim() == format!("sm_{card}"));
        let wanted = env::var("CUDAARCHS").unwrap_or_default();
        if wanted.trim().is_empty() {
            return CARDS.into_iter().filter(|card| knows(*card)).collect();
        }
        let card = |text: &str| match text.trim().parse() {
            Ok(card) if card >= LEAST && knows(card) => card,
            _ => stop(&format!(
                "CUDAARCHS is `{wanted}`, expected compute capabilities of at least {LEAST} that {} \
                 supports, such as 80;90",
                nvcc.display()
            )),
        };
        wanted.split(';').map(card).collect()
    }

    /// Runs a program and returns its standard output. If the program fails, stops the build and
    /// reports the program's output as the error.
    fn output_of(command: &mut Command) -> String {
        let output = command.output().unwrap_or_else(|error| {
            stop(&format!("cannot run {}: {error}", command.get_program().display()))
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        if !output.status.success() {
            stop(&format!("{command:?} failed\n{out}{err}"));
        }
        out
    }

    /// Stops the build with an error message.
    fn stop(message: &str) -> ! {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
        exit(1)
    }
}
