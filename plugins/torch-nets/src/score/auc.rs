//! Areas under ROC curves.

/// The area under the ROC curve of each class against the rest, and the mean of them: how likely a row of the class has
/// a higher probability for it than another row, equal ones counting half (Hand & Till 2001, one against the rest).
///
/// Classes that do not occur, or that every row has, are left out; NaN where all are.
///
/// * `probabilities`: `[n × n_classes]`, row by row; any numbers that ascend with them will do.
/// * `classes`: `[n]`, below `n_classes`.
pub fn macro_auc(probabilities: &[f64], classes: &[i64], n_classes: usize) -> f64 {
    let of_class = |class: usize| {
        let mut rows: Vec<(f64, bool)> = probabilities
            .iter()
            .skip(class)
            .step_by(n_classes)
            .zip(classes)
            .map(|(&probability, &own)| (probability, own == class as i64))
            .collect();
        let n_own = rows.iter().filter(|(_, is_own)| *is_own).count();
        let n_others = rows.len() - n_own;
        if n_own == 0 || n_others == 0 {
            return None;
        }
        rows.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        // Pairs that stand in the right order, and half of those that stand level.
        let (mut n_below, mut pairs) = (0, 0.0);
        for level in rows.chunk_by(|one, other| one.0 == other.0) {
            let own = level.iter().filter(|(_, is_own)| *is_own).count();
            let others = level.len() - own;
            pairs += own as f64 * (n_below as f64 + others as f64 / 2.0);
            n_below += others;
        }
        Some(pairs / (n_own as f64 * n_others as f64))
    };
    let areas: Vec<f64> = (0..n_classes).filter_map(of_class).collect();
    areas.iter().sum::<f64>() / areas.len() as f64
}
