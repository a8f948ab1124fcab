//! Augmentation, number by number.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

use heirloom_model::Seed;
use heirloom_torch_nets::augment::{MixUp, cutout, shift_and_flip};
use tch::{Device, Kind, Tensor};

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// `n` images of two channels, 4 × 5, whose pixels are all different and above 0.
fn images(n: i64) -> Tensor {
    (Tensor::arange(n * 40, (Kind::Float, Device::Cpu)) + 1.0).reshape([n, 2, 4, 5])
}

#[test]
fn a_shifted_image_is_a_window_of_the_padded_one_mirrored_or_not() {
    let images = images(60);
    let moved = shift_and_flip(&images, 1, true, 0.0, Seed::from_number(1)).unwrap();
    assert_eq!(moved.size(), images.size());
    let mut seen = std::collections::BTreeSet::new();
    for sample in 0..60 {
        let padded = images.get(sample).constant_pad_nd([1, 1, 1, 1]);
        let found =
            (0..3).flat_map(|down| (0..3).map(move |right| (down, right))).find_map(|(down, right)| {
                let window = padded.narrow(1, down, 4).narrow(2, right, 5);
                if window == moved.get(sample) {
                    Some((down, right, false))
                } else {
                    (window.flip([2]) == moved.get(sample)).then_some((down, right, true))
                }
            });
        seen.insert(found.expect("every result is a window, for both channels alike"));
    }
    // 18 ways; 60 draws miss one of them with probability 0.6 at most, and five of them hardly ever.
    assert!(seen.len() > 13, "{seen:?}");
}

#[test]
fn bytes_are_shifted_too_and_nothing_is_done_where_nothing_is_asked() {
    let bytes = images(2).to_kind(Kind::Uint8);
    let moved = shift_and_flip(&bytes, 2, false, 0.0, Seed::from_number(1)).unwrap();
    assert_eq!((moved.kind(), moved.size()), (Kind::Uint8, bytes.size()));
    assert_eq!(shift_and_flip(&bytes, 0, false, 0.0, Seed::from_number(1)).unwrap(), bytes);
}

#[test]
fn cutout_erases_one_square_a_sample_in_all_channels() {
    let images = images(50);
    let cut = cutout(&images, 2, 0.0, Seed::from_number(2)).unwrap();
    let mut sizes = Vec::new();
    for sample in 0..50 {
        let is_erased = cut.get(sample).eq(0.0);
        assert_eq!(is_erased.get(0), is_erased.get(1));
        let rows = is_erased.get(0).any_dim(1, false).to_kind(Kind::Float);
        let columns = is_erased.get(0).any_dim(0, false).to_kind(Kind::Float);
        assert_eq!(rows.outer(&columns), is_erased.get(0).to_kind(Kind::Float));
        sizes.push(is_erased.get(0).to_kind(Kind::Float).sum(Kind::Float).double_value(&[]));
        let kept = cut.get(sample).eq_tensor(&images.get(sample)).logical_or(&is_erased);
        assert!(bool::try_from(kept.all()).unwrap());
    }
    // Whole squares inside, fewer pixels at the border.
    assert!(sizes.iter().all(|size| [1.0, 2.0, 4.0].contains(size)), "{sizes:?}");
    assert!(sizes.contains(&4.0) && sizes.contains(&2.0), "{sizes:?}");
}

#[test]
fn labels_move_with_their_images_and_have_none_where_nothing_is_seen() {
    let images = images(40).narrow(1, 0, 1);
    let labels = images.to_kind(Kind::Int64);
    let seed = |name| Seed::from_number(4).derive(name, 0);
    let moved = |pixels: &Tensor, outside: f64| {
        let moved = shift_and_flip(pixels, 2, true, outside, seed("shift")).unwrap();
        cutout(&moved, 2, outside, seed("cutout")).unwrap()
    };
    let (moved_images, moved_labels) = (moved(&images, 0.0), moved(&labels, -100.0));
    let is_outside = moved_labels.eq(-100);
    assert_eq!(moved_images.eq(0.0), is_outside);
    assert_eq!(moved_images, moved_labels.masked_fill(&is_outside, 0).to_kind(Kind::Float));
    let share = is_outside.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    assert!((0.3..0.8).contains(&share), "{share}");
    let values = moved(&images, f64::NAN);
    assert_eq!(values.isnan(), is_outside);
}

#[test]
fn mixtures_have_the_moments_of_the_beta_distribution() {
    for alpha in [0.2, 1.0, 4.0] {
        let shares: Vec<f64> = (0..4_000)
            .map(|draw| {
                let mixture = MixUp::draw(3, alpha, Seed::from_number(9).derive("draw", draw), Device::Cpu);
                mixture.unwrap().share
            })
            .collect();
        // The larger of a share and its rest: its squared distance from one half is that of Beta(α, α), whose
        // variance is 1 / (4 (2 α + 1)).
        let variance = shares.iter().map(|share| (share - 0.5).powi(2)).sum::<f64>() / 4_000.0;
        let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((variance / expected - 1.0).abs() < 0.06, "{alpha}: {variance} {expected}");
        assert!(shares.iter().all(|share| (0.5..=1.0).contains(share)));
    }
    let images = images(4);
    let mixture = MixUp::draw(4, 1.0, Seed::from_number(3), Device::Cpu).unwrap();
    let mixed = numbers(&mixture.mix(&images).unwrap());
    let partners = numbers(&mixture.partners_of(&images).unwrap());
    for ((mixed, own), partner) in mixed.iter().zip(numbers(&images)).zip(partners) {
        let expected = mixture.share as f32 * own + (1.0 - mixture.share as f32) * partner;
        assert!((mixed - expected).abs() <= 1e-5 * expected, "{mixed} {expected}");
    }
}
