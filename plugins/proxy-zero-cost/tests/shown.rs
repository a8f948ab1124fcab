//! What networks are shown of a table.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

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
    // Other rows are held out.
    assert_ne!(found(classes.clone()), found(Options { test_fraction: 0.5, ..classes }));
}
