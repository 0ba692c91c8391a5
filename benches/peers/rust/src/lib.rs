//! What the Rust peers share: how they are asked, how they time, and which matrix products there are.
//!
//! A peer is called with `--threads N WORK...`. It writes one JSON line that says which forms of each work it has, then
//! answers each line `{"work", "form", "seconds"}` of its input with `{"seconds"}`: the median of its calls.

use std::io::BufRead;
use std::time::Instant;

use serde_json::{Map, Value, json};

/// One call of a work.
pub type Call = Box<dyn FnMut()>;

/// A call that is timed.
pub struct Timed {
    /// Does the work once.
    pub call: Call,
    /// Short calls are repeated until a sample takes so long.
    pub sample_seconds: f64,
}

/// A product c[m, n] = a[m, k] b[k, n], row after row; `a_transposed`: a is stored as [k, m].
#[derive(Debug, Clone, Copy)]
pub struct Product {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub batch: usize,
    pub a_transposed: bool,
}

impl Product {
    /// The product that a work's name says, for instance `matmul-64x4096x128-ta` or `matmul-1000-of-32x16x16`.
    pub fn parse(work: &str) -> Option<Self> {
        let rest = work.strip_prefix("matmul-")?;
        let (rest, a_transposed) = rest.strip_suffix("-ta").map_or((rest, false), |rest| (rest, true));
        let (batch, shape) = rest.split_once("-of-").map_or((Some(1), rest), |(n, rest)| (n.parse().ok(), rest));
        let sizes: Vec<usize> = shape.split('x').map(str::parse).collect::<Result<_, _>>().ok()?;
        let (m, k, n) = match sizes[..] {
            [n] => (n, n, n),
            [m, k, n] => (m, k, n),
            _ => return None,
        };
        Some(Self { m, k, n, batch: batch?, a_transposed })
    }

    /// Made-up values of a, b and c.
    pub fn values(&self) -> [Vec<f32>; 3] {
        let made = |count: usize| (0..count * self.batch).map(|i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5).collect();
        [made(self.m * self.k), made(self.k * self.n), made(self.m * self.n)]
    }

    /// How far apart a's rows and columns are.
    pub fn a_strides(&self) -> (usize, usize) {
        if self.a_transposed { (1, self.m) } else { (self.k, 1) }
    }

    /// Whether a library's whole pool should share one product, or each thread take some of many.
    pub fn many(&self) -> bool {
        self.batch > 1
    }
}

/// Seconds of a call: the median of samples; at least 5, or 2 where a call takes long.
fn measure(timed: &mut Timed, seconds: f64) -> f64 {
    let mut sample = |repeats: usize| {
        let begin = Instant::now();
        (0..repeats).for_each(|_| (timed.call)());
        begin.elapsed().as_secs_f64()
    };
    let once = sample(1).max(1e-9);
    let repeats = (timed.sample_seconds / once).round().max(1.0) as usize;
    let at_least = if once > 0.5 { 2 } else { 5 };
    let (mut samples, mut total) = (vec![], 0.0);
    while total < seconds || samples.len() < at_least {
        let spent = sample(repeats);
        total += spent;
        samples.push(spent / repeats as f64);
    }
    samples.sort_by(f64::total_cmp);
    let n = samples.len();
    f64::midpoint(samples[n / 2], samples[(n - 1) / 2])
}

/// Runs a peer with one form: reads the arguments, makes the pool of threads, answers until the input ends.
pub fn serve(peer: &str, version: &str, form: &str, make: impl Fn(&str, usize) -> Option<Timed> + Send) {
    let mut args = std::env::args().skip(1);
    let threads = match (args.next().as_deref(), args.next().and_then(|n| n.parse::<usize>().ok())) {
        (Some("--threads"), Some(threads)) if threads > 0 => threads,
        _ => stop("expected --threads N WORK..."),
    };
    let works: Vec<String> = args.collect();
    let forms: Map<String, Value> = works.iter().map(|work| (work.clone(), json!([form]))).collect();
    println!("{}", json!({ "peer": peer, "forms": forms, "facts": { "version": version } }));
    // All of it on the pool's threads: otherwise every call would wake one up first.
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap_or_else(|e| stop(&e.to_string()));
    rayon::scope(|_| answer(threads, make));
}

fn answer(threads: usize, make: impl Fn(&str, usize) -> Option<Timed>) {
    const WARM_UP: usize = 5;
    let mut ready: Vec<(String, Timed)> = vec![];
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let asked: Value = serde_json::from_str(&line).unwrap_or_else(|e| stop(&e.to_string()));
        let (Some(work), Some(seconds)) = (asked["work"].as_str(), asked["seconds"].as_f64()) else {
            stop("expected {\"work\", \"form\", \"seconds\"}")
        };
        let place = ready.iter().position(|(name, _)| name == work).unwrap_or_else(|| {
            let mut timed = make(work, threads).unwrap_or_else(|| stop(&format!("no such work: {work}")));
            let warm_up = if timed.sample_seconds > 0.0 { 1 } else { WARM_UP };
            (0..warm_up).for_each(|_| (timed.call)());
            ready.push((work.to_owned(), timed));
            ready.len() - 1
        });
        println!("{}", json!({ "seconds": measure(&mut ready[place].1, seconds) }));
    }
}

fn stop(why: &str) -> ! {
    eprintln!("error: {why}");
    std::process::exit(2)
}
