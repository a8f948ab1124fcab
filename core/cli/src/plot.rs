//! Incumbent curves with bands, as SVG.

use std::path::Path;

use heirloom_warm_start::student;
use plotters::prelude::*;

use crate::bench::{Line, mean_and_error};
use crate::failure::Failure;

/// Tableau's ten colours: told apart by most eyes.
const COLOURS: [RGBColor; 10] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
];

/// Draws the mean incumbent of each line over trials (logarithmic), in a band of its 95 % interval.
pub(crate) fn incumbents(path: &Path, title: &str, value: &str, lines: &[Line]) -> miette::Result<()> {
    draw(path, title, value, lines)
        .map_err(|error| Failure::new(format!("cannot draw `{}`: {error}", path.display())).into())
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(path: &Path, title: &str, value: &str, lines: &[Line]) -> Drawn {
    let bands: Vec<Vec<(f64, f64, f64)>> = lines.iter().map(band).collect();
    let points = || bands.iter().flatten();
    let (low, high) = points().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, mean, half)| {
        (low.min(mean - half), high.max(mean + half))
    });
    if points().count() == 0 {
        return Err("there is nothing to draw".into());
    }
    let margin = ((high - low) * 0.05).max(1e-9);
    let n_trials = bands.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let root = SVGBackend::new(path, (860, 520)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d((1f64..n_trials.max(2.0)).log_scale(), low - margin..high + margin)?;
    chart
        .configure_mesh()
        .x_desc("trials")
        .y_desc(value)
        .label_style(("sans-serif", 16))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (index, (line, band)) in lines.iter().zip(&bands).enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let edge = |sign: f64| band.iter().map(move |(x, mean, half)| (*x, mean + sign * half));
        let outline: Vec<_> = edge(1.0).chain(edge(-1.0).rev()).collect();
        chart.draw_series(std::iter::once(Polygon::new(outline, colour.mix(0.18).filled())))?;
        let means = band.iter().map(|(x, mean, _)| (*x, *mean));
        chart
            .draw_series(LineSeries::new(means, colour.stroke_width(2)))?
            .label(format!("{} {}", line.incumbents.strategy, line.incumbents.start))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .label_font(("sans-serif", 16))
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Trial, mean of the incumbent and half its 95 % interval (0 of one seed), for every trial that has a mean.
fn band(line: &Line) -> Vec<(f64, f64, f64)> {
    let n_trials = line.curves.first().map_or(0, Vec::len);
    let point = |trial: usize| {
        let values: Vec<f64> = line.curves.iter().map(|curve| curve[trial]).collect();
        let (mean, error) = mean_and_error(&values);
        let half = student::half_width(values.len()) * error;
        ((trial + 1) as f64, mean, if half.is_finite() { half } else { 0.0 })
    };
    (0..n_trials).map(point).filter(|(_, mean, _)| mean.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Incumbents;

    #[test]
    fn a_band_of_five_seeds_is_as_wide_as_students_interval() {
        let of = |curves: &[[f64; 2]]| {
            let (strategy, start) = ("random".into(), "cold");
            let incumbents = Incumbents { strategy, start, mean: vec![], standard_error: vec![] };
            let curves = curves.iter().map(|curve| curve.to_vec()).collect();
            band(&Line { incumbents, curves, spent: vec![] })
        };
        let none = f64::NAN;
        let five = of(&[[1.0, 1.0], [none, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 5.0]]);
        // Standard error √(2.5 / 5), quantile 2.776 for four degrees of freedom; the first trial has no mean.
        let [(trial, mean, half)] = five[..] else { panic!("{five:?}") };
        assert_eq!((trial, mean), (2.0, 3.0));
        assert!((half - 2.776 * 0.5_f64.sqrt()).abs() < 1e-9, "{half}");
        assert_eq!(of(&[[1.0, 2.0]]), [(1.0, 1.0, 0.0), (2.0, 2.0, 0.0)], "one seed has no band");
    }
}
