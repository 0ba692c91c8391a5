//! Learning curves of a fleet.

/// Training and validation loss of each epoch, the mean over the members that took part in it. Members stop at different
/// epochs; either all are judged on validation rows or none.
pub fn mean_losses(members: &[Vec<(f32, Option<f32>)>]) -> Vec<(f64, Option<f64>)> {
    let epochs = members.iter().map(Vec::len).max().unwrap_or(0);
    let mean = |epoch: usize| {
        let took_part: Vec<&(f32, Option<f32>)> = members.iter().filter_map(|l| l.get(epoch)).collect();
        let count = took_part.len().max(1) as f64;
        let train = took_part.iter().map(|l| f64::from(l.0)).sum::<f64>() / count;
        let validation: Option<Vec<f64>> = took_part.iter().map(|l| l.1.map(f64::from)).collect();
        (train, validation.map(|v| v.iter().sum::<f64>() / count))
    };
    (0..epochs).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::mean_losses;

    #[test]
    fn e13_curves_are_means_over_those_that_still_train() {
        let members = [vec![(1.0, Some(2.0)), (0.5, Some(1.0))], vec![(3.0, Some(4.0))]];
        assert_eq!(mean_losses(&members), [(2.0, Some(3.0)), (0.5, Some(1.0))]);
        assert_eq!(mean_losses(&[vec![(1.0, None)]]), [(1.0, None)]);
        assert!(mean_losses(&[]).is_empty());
    }
}
