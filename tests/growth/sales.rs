//! Made-up sales logs: the same every time.

use std::fmt::Write as _;

/// A product of the log.
#[derive(Clone)]
pub struct Product {
    pub id: String,
    pub category: &'static str,
    /// Pieces a week; `None` where the log has nothing.
    pub weeks: Vec<Option<u32>>,
}

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Draws(pub u64);

impl Draws {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// `count` products over `weeks` weeks. Every third one rises through its early weeks and has a peak later on; the
/// others stay as they are.
pub fn sales(count: usize, weeks: usize, seed: u64) -> Vec<Product> {
    let mut draws = Draws(seed);
    let product = |i: usize| {
        let base = 2 + draws.below(12);
        let rises = draws.below(3) == 0;
        let peak = 10 + draws.below(weeks as u64 - 12) as usize;
        let week = |w: usize| {
            let trend = if rises { base * w.min(8) as u64 / 8 } else { 0 };
            let high = if rises && w.abs_diff(peak) < 4 { 3 * base } else { 0 };
            Some((base + trend + high + draws.below(base + 2) - draws.below(3)) as u32)
        };
        let weeks = (0..weeks).map(week).collect();
        Product { id: format!("p{i:03}"), category: ["tea", "rice", "soap"][i % 3], weeks }
    };
    (0..count).map(product).collect()
}

/// One row a product: `product,category,w1..`.
pub fn wide(products: &[Product]) -> String {
    let longest = products.iter().map(|p| p.weeks.len()).max().unwrap_or(0);
    let mut text = String::from("product,category");
    (1..=longest).for_each(|w| write!(text, ",w{w}").unwrap());
    for product in products {
        write!(text, "\n{},{}", product.id, product.category).unwrap();
        for w in 0..longest {
            let cell = product.weeks.get(w).copied().flatten().map(|q| q.to_string());
            write!(text, ",{}", cell.unwrap_or_default()).unwrap();
        }
    }
    text + "\n"
}

/// One row a product and week, the weeks as days: some Tuesday of 2024 and the following ones.
pub fn long(products: &[Product]) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
    let mut text = String::from("day,product,category,pieces\n");
    for product in products {
        for (w, quantity) in product.weeks.iter().enumerate() {
            let day = first + chrono::Days::new(7 * w as u64);
            if let Some(quantity) = quantity {
                writeln!(text, "{day},{},{},{quantity}", product.id, product.category).unwrap();
            }
        }
    }
    text
}
