use crate::*;

fn array(name: &str, shape: &[usize], values: ArrayValues) -> Array {
    Array { name: name.into(), shape: shape.to_vec(), values }
}

/// Two images of `shape`, all zeros.
fn images(shape: &[usize]) -> Array {
    let shape = [&[2], shape].concat();
    let n = shape.iter().product();
    array("X", &shape, ArrayValues::U8(vec![0; n]))
}

fn numbered(n: usize) -> ArrayValues {
    ArrayValues::Float((0..n).map(|value| value as f64).collect())
}

#[test]
fn labels_of_pixels_are_coded_in_order_and_some_pixels_have_none() {
    let open = |labels: [i64; 12]| {
        let y = array("y", &[2, 3, 2], ArrayValues::Int(labels.to_vec()));
        Dataset::from_arrays("scenes", images(&[3, 2]), y, TargetKind::Auto).unwrap()
    };
    let data = open([7, 0, 255, -1, 0, 2, 7, 7, 7, 2, 0, 0]);
    let none = NO_CLASS;
    let codes = vec![2, 0, none, none, 0, 1, 2, 2, 2, 1, 0, 0];
    let names = ["0", "2", "7"].map(String::from).to_vec();
    assert_eq!(data.target(), &Target::PixelClasses { codes, names, size: [3, 2] });
    assert_eq!(data.n_rows(), 2);
    let other = open([7, 0, 255, -1, 0, 2, 7, 7, 7, 2, 0, 2]);
    assert_ne!(data.fingerprint(), other.fingerprint());
    assert_eq!(data.split(0.5, 0.0, [1; 32]).unwrap().valid.len(), 1);
}

#[test]
fn numbers_of_pixels_stand_channel_by_channel_whatever_their_order_in_the_file() {
    let values = |x: Array, shape: &[usize]| {
        let y = array("y", shape, numbered(shape.iter().product()));
        match Dataset::from_arrays("depth", x, y, TargetKind::Auto).unwrap().target() {
            Target::PixelValues { values, shape } => (values.clone(), *shape),
            other => panic!("{other:?}"),
        }
    };
    let in_order = |n: u32| (0..n).map(f64::from).collect::<Vec<_>>();
    assert_eq!(values(images(&[5, 6]), &[2, 5, 6]), (in_order(60), [1, 5, 6]));
    assert_eq!(values(images(&[3, 5, 6]), &[2, 2, 5, 6]), (in_order(120), [2, 5, 6]));
    let (last, shape) = values(images(&[5, 6, 3]), &[2, 5, 6, 2]);
    assert_eq!((shape, &last[..3], &last[30..32]), ([2, 5, 6], &[0.0, 2.0, 4.0][..], &[1.0, 3.0][..]));
    assert_eq!(last[60], 60.0);
    // As many channels as rows and columns: as in the image.
    assert_eq!(values(images(&[5, 5, 3]), &[2, 5, 5, 5]).0[1], 5.0);
    assert_eq!(values(images(&[3, 5, 5]), &[2, 5, 5, 5]).0[1], 1.0);
}

#[test]
fn the_kind_of_a_pixels_target_is_told_from_its_type() {
    let kind = |values: ArrayValues, kind| {
        let y = array("y", &[2, 1, 2, 2], values);
        match Dataset::from_arrays("t", images(&[2, 2]), y, kind).unwrap().target() {
            Target::PixelClasses { names, .. } => names.len(),
            Target::PixelValues { .. } => 0,
            other => panic!("{other:?}"),
        }
    };
    let whole = || ArrayValues::Int(vec![0, 1, 2, 3, 4, 5, 0, 1]);
    assert_eq!(kind(whole(), TargetKind::Auto), 6);
    assert_eq!(kind(whole(), TargetKind::Regression), 0);
    assert_eq!(
        kind(ArrayValues::Bool(vec![true, false, true, true, true, true, true, true]), TargetKind::Auto),
        2
    );
    assert_eq!(kind(numbered(8), TargetKind::Auto), 0);
    assert_eq!(kind(numbered(8), TargetKind::Classification), 8);
}

#[test]
fn what_is_wrong_with_a_pixel_is_said_with_its_place() {
    let error = |x: Array, y: Array, kind| Dataset::from_arrays("t", x, y, kind).unwrap_err().to_string();
    let labels = |label: i64| array("y", &[2, 2, 2], ArrayValues::Int(vec![0, 1, 0, 1, 0, 0, label, 1]));
    let message = error(images(&[2, 2]), labels(256), TargetKind::Auto);
    assert!(
        message.starts_with("`y` has the value `256` at `[1, 1, 0]` (counted from 0); hint: labels"),
        "{message}"
    );
    assert!(error(images(&[2, 2]), labels(-100), TargetKind::Auto).contains("`-100`"));
    let halves = array("y", &[2, 2, 2], ArrayValues::Float(vec![0.5; 8]));
    assert!(
        error(images(&[2, 2]), halves.clone(), TargetKind::Classification).contains("`0.5` at `[0, 0, 0]`")
    );
    let infinite = array("y", &[2, 2, 2], ArrayValues::Float(vec![f64::INFINITY; 8]));
    assert!(error(images(&[2, 2]), infinite, TargetKind::Auto).contains("NaN where a pixel has none"));
    let message = error(images(&[2, 3]), halves.clone(), TargetKind::Auto);
    assert!(message.starts_with("targets `y`: shape `[2, 2, 2]` does not fit; hint: "), "{message}");
    let message = error(array("X", &[2, 4], numbered(8)), halves.clone(), TargetKind::Auto);
    assert!(message.starts_with("targets `y`: shape"), "{message}");
    let channels = array("y", &[2, 3, 2, 2], numbered(24));
    let message = error(images(&[2, 2]), channels, TargetKind::Classification);
    assert!(message.contains("one label for each pixel"), "{message}");
    let holed = array("X", &[2, 2, 2], ArrayValues::Float(vec![f64::NAN; 8]));
    assert!(error(holed, halves, TargetKind::Auto).contains("`X` has the value `NaN` at `[0, 0, 0]`"));
}

#[test]
fn arrays_of_numbers_are_images_where_rows_have_a_height_and_a_width() {
    let y = || array("y", &[2], ArrayValues::Int(vec![0, 1]));
    let open = |shape: &[usize]| {
        let x = array("X", shape, numbered(shape.iter().product()));
        Dataset::from_arrays("t", x, y(), TargetKind::Auto).unwrap()
    };
    let images = open(&[2, 3, 5, 4]);
    assert_eq!(images.pixels().unwrap().layout(), Some(([3, 5, 4], false)));
    assert_eq!(images.column(59)[..], [59.0, 119.0]);
    assert!(open(&[2, 12]).pixels().is_none());
    assert_eq!(open(&[2, 3, 4]).fingerprint(), open(&[2, 12]).fingerprint(), "the numbers are the same");
}

#[test]
fn the_channels_are_the_smaller_of_the_first_and_the_last_dimension() {
    let y = || array("y", &[2], ArrayValues::Int(vec![0, 1]));
    let open = |shape: &[usize]| Dataset::from_arrays("t", images(shape), y(), TargetKind::Auto);
    let layout = |shape: &[usize]| open(shape).unwrap().pixels().unwrap().layout().unwrap();
    assert_eq!(layout(&[16, 16, 6]), ([6, 16, 16], true));
    assert_eq!(layout(&[6, 16, 16]), ([6, 16, 16], false));
    assert_eq!(layout(&[4, 4, 3]), ([3, 4, 4], true));
    assert_eq!(layout(&[4, 4, 1]), ([1, 4, 4], true));
    assert_eq!(layout(&[3, 8, 3]), ([3, 8, 3], false));
    assert_eq!(layout(&[1, 8, 1]), ([1, 8, 1], false));
    let message = open(&[8, 8, 8]).unwrap_err().to_string();
    assert!(
        message.starts_with("images `X`: shape `[2, 8, 8, 8]` does not fit; hint: the channels"),
        "{message}"
    );
}
