//! What every proxy must keep to, and what this one makes of its options.

#![allow(clippy::unwrap_used, reason = "a test says where it failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use heirloom_dataset::shared_data;
use heirloom_plugin::{
    Configuration, Context, Direction, Objective, Problem, Proxy, ProxyNeeds, Seed, Space, SpaceSpec, tracing,
};
use heirloom_proxy_zero_cost::{Options, Score, proxy};

fn problem(spec: SpaceSpec) -> Problem {
    let space = Arc::new(Space::compile(spec).unwrap());
    Problem::new(space, Objective { name: "loss".into(), direction: Direction::Minimise })
}

fn cells() -> Problem {
    problem(SpaceSpec::preset("nas-bench-201").unwrap())
}

/// Cells in a network of a few thousand weights.
fn small() -> Options {
    Options {
        batch_size: 8,
        image_size: Some(8),
        stem_channels: Some(4),
        cells_per_stage: Some(1),
        ..Options::default()
    }
}

fn drawn(problem: &Problem, n: usize) -> Vec<Configuration> {
    let mut rng = Seed::from_number(1).rng();
    (0..n).map(|_| problem.space.sample(&mut rng).unwrap()).collect()
}

fn scores(proxy: &dyn Proxy, configurations: &[Configuration], seed: u64) -> Vec<f64> {
    let mut scores = vec![0.0; configurations.len()];
    proxy.score(configurations, Seed::from_number(seed), &mut scores).unwrap();
    scores
}

#[test]
fn every_score_conforms() {
    let problem = cells();
    let configurations = drawn(&problem, 6);
    for score in Score::ALL {
        let make = || proxy(score, small(), &problem, &Context::detached());
        heirloom_plugin_check::proxy(make, configurations.clone()).assert_passed();
    }
}

/// Counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= tracing::Level::WARN
    }
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
    fn enter(&self, _: &tracing::Id) {}
    fn exit(&self, _: &tracing::Id) {}
}

#[test]
fn cells_of_nas_bench_101_have_regions_and_scores_that_are_all_alike_are_told_once() {
    let problem = problem(SpaceSpec::preset("nas-bench-101").unwrap());
    let regions = proxy(Score::LinearRegions, Options::default(), &problem, &Context::detached()).unwrap();
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), || {
        for (n, n_warnings) in [(19, 0), (30, 1), (30, 1)] {
            let scores = scores(&*regions, &drawn(&problem, n), 1);
            assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
            assert_eq!(warnings.0.load(Ordering::Relaxed), n_warnings, "{scores:?}");
        }
    });
}

#[test]
fn the_seed_draws_the_weights() {
    let problem = cells();
    let configurations = drawn(&problem, 2);
    let make = || proxy(Score::Synflow, small(), &problem, &Context::detached()).unwrap();
    assert_eq!(scores(&*make(), &configurations, 1), scores(&*make(), &configurations, 1));
    assert_ne!(scores(&*make(), &configurations, 1), scores(&*make(), &configurations, 2));
}

#[test]
fn norms_need_no_draw_and_count_what_a_space_searches_around_its_cells() {
    let problem = problem(SpaceSpec::preset("image-cells").unwrap());
    let norms = proxy(Score::L2Norm, small(), &problem, &Context::detached()).unwrap();
    let of = |stem_channels: i64, seed| {
        let mut named = problem.space.to_named(&drawn(&problem, 1)[0]);
        named.insert("stem_channels".into(), stem_channels.into());
        scores(&*norms, &[problem.space.from_named(&named).unwrap()], seed)[0]
    };
    assert_eq!(of(8, 1), of(8, 2));
    assert!(of(8, 1) > of(4, 1) && of(4, 1) > 0.0);
}

#[test]
fn a_tables_rows_are_shown_to_perceptrons() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let rows = (0..60)
        .map(|i| format!("{},{},{}\n", i % 7, f64::from(i * i % 11) / 3.0, ["a", "b", "c"][i as usize % 3]));
    std::fs::write(&path, std::iter::once("x,y,class\n".to_owned()).chain(rows).collect::<String>()).unwrap();
    let problem = problem(SpaceSpec::preset("shaped-mlp").unwrap());
    let options = Options { data: Some(path), batch_size: 16, ..Options::default() };
    let configurations = drawn(&problem, 3);
    for score in [Score::Naswot, Score::Snip, Score::Synflow, Score::EpeNas, Score::Zico] {
        let proxy = proxy(score, options.clone(), &problem, &Context::detached()).unwrap();
        let found = scores(&*proxy, &configurations, 1);
        assert!(found.iter().all(|score| score.is_finite()), "{}: {found:?}", score.name());
        assert_eq!(proxy.info().needs, score.needs());
    }
    let missing = Options { data: Some(folder.path().join("no.csv")), ..Options::default() };
    let error = proxy(Score::Snip, missing, &problem, &Context::detached()).err().unwrap();
    assert!(error.message.starts_with("`data`: "), "{}", error.message);
}

#[test]
fn without_data_noise_is_shown_and_nothing_is_needed() {
    let problem = cells();
    let noise = proxy(Score::Snip, small(), &problem, &Context::detached()).unwrap();
    assert_eq!(noise.info().needs, ProxyNeeds::Nothing);
    let Some(folder) = shared_data("fashion-mnist-small") else { return };
    let data = Some(folder.join("train-images-idx3-ubyte.gz"));
    let options = Options { data, image_channels: Some(3), ..small() };
    let shown = proxy(Score::Snip, options, &problem, &Context::detached()).unwrap();
    assert_eq!(shown.info().needs, ProxyNeeds::Gradients);
    let configurations = drawn(&problem, 3);
    assert_ne!(scores(&*noise, &configurations, 1), scores(&*shown, &configurations, 1));
}

#[test]
fn a_space_without_architectures_is_refused_with_a_remedy() {
    let flat = problem(
        serde_json::from_str(r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#)
            .unwrap(),
    );
    let error = proxy(Score::Snip, small(), &flat, &Context::detached()).err().unwrap().message;
    assert!(error.contains("the space has none; hint"), "{error}");
}
