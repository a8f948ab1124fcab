//! What networks are shown of a table.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::path::Path;
use std::sync::Arc;

use heirloom_plugin::{Context, Direction, Objective, Problem, Seed, Space, SpaceSpec};
use heirloom_proxy_zero_cost::{Options, Score, TargetChoice, proxy};

#[test]
fn a_table_is_read_and_split_as_its_options_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let rows = (0..600).map(|row| format!("name-{row},{}.5,{}.0\n", row * row % 17, row % 2));
    std::fs::write(&path, std::iter::once("id,x,y\n".to_owned()).chain(rows).collect::<String>()).unwrap();
    let space = Arc::new(Space::compile(SpaceSpec::preset("shaped-mlp").unwrap()).unwrap());
    let problem = Problem::new(space, Objective { name: "loss".into(), direction: Direction::Minimise });
    let make = |score: Score, options: Options| proxy(score, options, &problem, &Context::detached());
    // It compares classes.
    let refused = |options: Options| make(Score::EpeNas, options).err().unwrap().message;
    let plain = Options { data: Some(path), batch_size: 16, ..Options::default() };
    assert!(refused(plain.clone()).contains("column `id` has 360 different values"));
    let without_id = Options { ignore: vec!["id".into()], ..plain };
    assert!(refused(without_id.clone()).contains("the target is a number"));
    let classes = Options { kind: TargetChoice::Classification, ..without_id };
    let configurations = [problem.space.default_configuration()];
    let found = |options: Options| {
        let mut scores = [0.0];
        make(Score::GradNorm, options)
            .unwrap()
            .score(&configurations, Seed::from_number(1), &mut scores)
            .unwrap();
        scores
    };
    make(Score::EpeNas, classes.clone()).unwrap();
    assert_eq!(found(classes.clone()), found(classes.clone()));
    // Of 360 rows, `zico` shows half to each of its batches.
    let zico = |batch_size: u32| {
        let mut scores = [0.0];
        let options = Options { batch_size, ..classes.clone() };
        make(Score::Zico, options)
            .unwrap()
            .score(&configurations, Seed::from_number(1), &mut scores)
            .unwrap();
        scores[0]
    };
    assert!(zico(180).is_finite() && zico(180) != 0.0);
    assert_eq!([zico(360), zico(720), zico(1_000)], [zico(180); 3]);
    // Other rows are held out.
    assert_ne!(found(classes.clone()), found(Options { test_fraction: 0.5, ..classes }));
}

#[test]
fn options_that_contradict_the_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let rows: String = (0..60).map(|row| format!("{}.5,{}\n", row % 17, ["a", "b"][row % 2])).collect();
    std::fs::write(&table, format!("x,y\n{rows}")).unwrap();
    // Forty images of three channels, 4 × 4.
    let n = 40_u8;
    let header = |sizes: &[u8]| -> Vec<u8> {
        let sizes_32 = sizes.iter().flat_map(|&size| u32::from(size).to_be_bytes());
        [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes_32).collect()
    };
    let pixels = (0..n).flat_map(|row| (0..48).map(move |place| row.wrapping_mul(place)));
    let images = folder.path().join("colour-images-idx3-ubyte");
    std::fs::write(&images, header(&[n, 3, 4, 4]).into_iter().chain(pixels).collect::<Vec<_>>()).unwrap();
    let labels = header(&[n]).into_iter().chain((0..n).map(|row| row % 2)).collect::<Vec<_>>();
    std::fs::write(folder.path().join("colour-labels-idx1-ubyte"), labels).unwrap();
    let made = |preset: &str, data: &Path, options: Options| {
        let space = Arc::new(Space::compile(SpaceSpec::preset(preset).unwrap()).unwrap());
        let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
        let options = Options { data: Some(data.into()), ..options };
        let made = proxy(Score::Snip, options, &Problem::new(space, objective), &Context::detached());
        made.err().map(|error| error.message)
    };
    let refused = |preset: &str, data: &Path, options: Options, expected: &str| {
        let message = made(preset, data, options).unwrap();
        assert!(message.contains(expected) && message.contains("hint"), "{message}");
    };
    let channels = |n| Options { image_channels: Some(n), ..Options::default() };
    let size = Options { image_size: Some(8), ..Options::default() };
    let features = Options { n_features: Some(2), ..Options::default() };
    refused("shaped-mlp", &table, features, "`n_features = 2`");
    refused("shaped-mlp", &table, size.clone(), "`image_size = 8` is for images");
    refused("shaped-mlp", &table, channels(3), "`image_channels = 3` is for images");
    refused("nas-bench-201", &images, channels(1), "the images have 3");
    assert_eq!(made("nas-bench-201", &images, channels(3)), None);
    assert_eq!(made("nas-bench-201", &images, size), None);
    assert_eq!(made("shaped-mlp", &table, Options::default()), None);
}
