//! The nearest rows of a few queries, exactly.

use rayon::prelude::*;

use super::{ClusterError, Rows, squared_distance};

/// A row and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The row, from 0.
    pub row: usize,
    /// Its squared distance.
    pub distance: f64,
}

/// For each query its `m` nearest rows, the nearest first; of equally near ones the lowest first.
///
/// Distances are f64 and every row is looked at, on this machine's cores: meant for tens or hundreds of queries.
///
/// # Errors
/// If the widths differ, `m` is 0, or there are fewer than `m` rows.
pub fn nearest_rows(rows: &Rows<'_>, queries: &Rows<'_>, m: usize) -> Result<Vec<Vec<Neighbour>>, ClusterError> {
    rows.expect_width("queries", queries.width())?;
    if m == 0 {
        return Err(ClusterError::Setting { name: "m", expected: "at least 1 nearest row", found: m.to_string() });
    }
    if m > rows.count() {
        return Err(ClusterError::TooFewRows { what: "nearest rows", wanted: m, rows: rows.count() });
    }
    Ok(queries.values().par_chunks_exact(queries.width()).map(|query| nearest(rows, query, m)).collect())
}

fn nearest(rows: &Rows<'_>, query: &[f32], m: usize) -> Vec<Neighbour> {
    let neighbour = |(row, values)| Neighbour { row, distance: squared_distance(values, query) };
    let mut all: Vec<Neighbour> = rows.iter().enumerate().map(neighbour).collect();
    let order = |a: &Neighbour, b: &Neighbour| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row));
    if m < all.len() {
        all.select_nth_unstable_by(m - 1, order);
        all.truncate(m);
    }
    all.sort_unstable_by(order);
    all
}

#[cfg(test)]
mod tests {
    use super::{Rows, nearest_rows};

    #[test]
    fn e15_nearest_rows_come_in_order_with_ties_to_the_lowest() {
        let values = [5.0, 0.0, 1.0, -1.0, 0.0, 9.0];
        let rows = Rows::new(&values, 1).expect("fine");
        let queries = Rows::new(&[0.0, 8.0], 1).expect("fine");
        let found = nearest_rows(&rows, &queries, 4).expect("fine");
        let pairs = |q: usize| -> Vec<(usize, f64)> { found[q].iter().map(|n| (n.row, n.distance)).collect() };
        assert_eq!(pairs(0), [(1, 0.0), (4, 0.0), (2, 1.0), (3, 1.0)]);
        assert_eq!(pairs(1), [(5, 1.0), (0, 9.0), (2, 49.0), (1, 64.0)]);
        let all = nearest_rows(&rows, &queries, 6).expect("all of them");
        assert_eq!(all[0].iter().map(|n| n.row).collect::<Vec<_>>(), [1, 4, 2, 3, 0, 5]);
    }

    #[test]
    fn e15_nearest_rows_refuse_what_cannot_be() {
        let rows = Rows::new(&[1.0, 2.0], 1).expect("fine");
        let wide = Rows::new(&[1.0, 2.0], 2).expect("fine");
        let refused = |queries, m| nearest_rows(&rows, queries, m).expect_err("refused").to_string();
        assert_eq!(refused(&rows, 3), "nearest rows: at least 3 rows are needed, found 2");
        assert_eq!(refused(&rows, 0), "`m`: expected at least 1 nearest row, found 0");
        assert_eq!(refused(&wide, 1), "queries of width 2, expected the rows' width 1");
    }
}
