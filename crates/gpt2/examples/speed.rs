use gpt2::*;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let checkpoint = Checkpoint::from_dir(args[1].as_ref()).unwrap();
    let dtype = match args[2].as_str() {
        "f32" => Dtype::F32,
        "bf16" => Dtype::Bf16,
        _ => Dtype::Int8,
    };
    let batches: Vec<usize> = args[3].split(',').map(|x| x.parse().unwrap()).collect();
    let new: usize = args[4].parse().unwrap();
    let t = Instant::now();
    let model =
        Gpt2::load_packed(&checkpoint, &Device::Cpu, dtype, Some("/tmp/w/gen/packed.x".as_ref()))
            .unwrap();
    println!("load {:?}", t.elapsed());
    let v = model.config().vocab_size as u64;
    struct W(Vec<Request>);
    impl Work for W {
        fn next(&mut self) -> Option<Request> {
            self.0.pop()
        }
        fn text(&mut self, _: u64, _: &str) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Continue(())
        }
        fn done(
            &mut self,
            _: u64,
            c: Completion,
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            std::hint::black_box(c);
            Ok(())
        }
    }
    for b in batches {
        for _ in 0..3 {
            let mut seed = 7u64;
            let mut next = || {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((seed >> 33) % (v - 1)) as u32
            };
            let requests = (0..b as u64)
                .map(|id| Request {
                    id,
                    prompt: (0..32).map(|_| next()).collect(),
                    settings: sampling::Settings {
                        temperature: 0.8,
                        top_k: 40,
                        min_new_tokens: new,
                        ..Default::default()
                    },
                    stop: vec![],
                    max_new_tokens: new,
                    rng_key: [id as u8; 32],
                    likeliest: 0,
                    scores_prompt: false,
                })
                .collect();
            let t = Instant::now();
            generate(&model, checkpoint.tokenizer(), &mut W(requests), b).unwrap();
            let s = t.elapsed().as_secs_f64();
            println!("{} B={b} {:.1} tok/s {:.2} s", args[2], (b * new) as f64 / s, s);
        }
    }
}
