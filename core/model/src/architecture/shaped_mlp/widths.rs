//! How wide each layer of a perceptron of a shape is.

use serde::{Deserialize, Serialize};

/// How the widths of layers follow one another, from the input on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MlpShape {
    /// From wide to narrow.
    Funnel,
    /// Wide in the first half, then from wide to narrow.
    LongFunnel,
    /// From narrow to wide, and back.
    Diamond,
    /// From narrow to wide in the first third, wide in the second, back in the last.
    Hexagon,
    /// All wide.
    Brick,
    /// From narrow to wide.
    Triangle,
    /// From wide to narrow, two layers at a time.
    Stairs,
}

impl MlpShape {
    /// All shapes.
    pub const ALL: [Self; 7] = [
        Self::Funnel,
        Self::LongFunnel,
        Self::Diamond,
        Self::Hexagon,
        Self::Brick,
        Self::Triangle,
        Self::Stairs,
    ];

    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Funnel => "funnel",
            Self::LongFunnel => "long_funnel",
            Self::Diamond => "diamond",
            Self::Hexagon => "hexagon",
            Self::Brick => "brick",
            Self::Triangle => "triangle",
            Self::Stairs => "stairs",
        }
    }

    /// The widths of `n` layers, `[n]`: at most `widest` = w units, at least about `narrowest` · w = v.
    ///
    /// With the ramp `r(k, m) = w − k · ⌊(w − v) / m⌋` (`k` of `m` equal steps below the widest), and `c = n + 1`
    /// layers, the last of which, v wide, stands for the answer and is left out:
    ///
    /// | shape | widths |
    /// |---|---|
    /// | brick | w, `n` times |
    /// | funnel | r(0, n), r(1, n), …, r(n − 1, n) |
    /// | triangle | v + s, v + 2 s, …, v + (n − 1) s, w with s = ⌊(w − v) / n⌋ |
    /// | long funnel | w, `⌊c / 2⌋` times; a funnel of the rest |
    /// | diamond | a triangle of `⌊c / 2⌋`, without its last; a funnel of the rest |
    /// | hexagon | a triangle of t − 1 with t = ⌊c / 3⌋ + 1; w, `c − 2 t + 1` times; a funnel of t − 1 |
    /// | stairs | w, once or (c odd) twice; then w − 2 k ⌊(w − v) / n⌋ twice for k = 1, 2, … |
    ///
    /// These are Auto-PyTorch's (Zimmer, Lindauer & Hutter 2021), with the narrow end in the place of the numbers of
    /// features and of outputs, which a space does not know; and a hexagon of two layers is two wide ones.
    pub fn widths(self, n: usize, widest: i64, narrowest: f64) -> Vec<i64> {
        let top = widest;
        let end = ((narrowest * widest as f64).round() as i64).clamp(1, widest);
        let n_all = n + 1;
        let wide = |n: usize| std::iter::repeat_n(top, n);
        let falling = |n: usize| (0..n as i64).map(move |k| top - k * ((top - end) / n as i64));
        // The last step is whatever is left up to the widest.
        let rising = |n: usize| {
            (1..=n as i64).map(move |k| if k == n as i64 { top } else { end + k * ((top - end) / n as i64) })
        };
        match self {
            Self::Brick => wide(n).collect(),
            Self::Funnel => falling(n).collect(),
            Self::Triangle => rising(n).collect(),
            Self::LongFunnel => wide(n_all / 2).chain(falling(n - n_all / 2)).collect(),
            Self::Diamond => {
                let n_rising = (n_all / 2).saturating_sub(1);
                rising(n_all / 2).take(n_rising).chain(falling(n - n_rising)).collect()
            }
            Self::Hexagon => {
                let n_ramp = (n_all / 3).min((n_all / 2).saturating_sub(1));
                rising(n_ramp).chain(wide(n - 2 * n_ramp)).chain(falling(n_ramp)).collect()
            }
            Self::Stairs => {
                let step = 2 * ((top - end) / n.max(1) as i64);
                let tread = |place: usize| (place + 1 - n_all % 2) / 2;
                (0..n).map(|place| top - step * tread(place) as i64).collect()
            }
        }
    }
}
