//! Small plots as SVG. Each is a few paths, so that a page with hundreds of them stays small; its numbers stand in a table.

use std::fmt::Write as _;

/// Width and height of a plot, in its own units.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 64.0;

/// Bars, one for each day: what is good below, what is bad on top of it. `title` says what it shows, `full` is the value
/// that fills the plot.
pub fn bars(title: &str, values: &[(u64, u64)], full: u64) -> String {
    let full = full.max(1) as f64;
    let step = WIDTH / values.len().max(1) as f64;
    let (mut good, mut bad) = (String::new(), String::new());
    for (at, (below, above)) in values.iter().enumerate() {
        let x = at as f64 * step;
        let height = |value: u64| value as f64 / full * HEIGHT;
        bar(&mut good, x, step * 0.8, HEIGHT - height(*below), height(*below));
        bar(&mut bad, x, step * 0.8, HEIGHT - height(*below) - height(*above), height(*above));
    }
    svg(title, &format!("<path class=\"good\" d=\"{good}\"/><path class=\"bad\" d=\"{bad}\"/>"))
}

fn bar(path: &mut String, x: f64, width: f64, y: f64, height: f64) {
    if height > 0.0 {
        // One of which there is little is still to be seen.
        let (y, height) = if height < 1.0 { (y + height - 1.0, 1.0) } else { (y, height) };
        let _ = write!(path, "M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z");
    }
}

/// A line over the days.
pub fn line(title: &str, values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / values.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    for (at, value) in values.iter().enumerate() {
        let (x, y) = (at as f64 * step, HEIGHT - *value as f64 / most * HEIGHT);
        let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
    }
    svg(title, &format!("<path class=\"line\" d=\"{path}\"/>"))
}

fn svg(title: &str, inside: &str) -> String {
    let title = super::escape(title);
    format!(
        "<svg viewBox=\"0 -2 {WIDTH} {}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}\">{inside}</svg>",
        HEIGHT + 4.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_what_is_full_fills_the_plot() {
        let plot = bars("runs", &[(1, 1), (0, 0), (2, 0)], 2);
        assert!(plot.contains("class=\"good\" d=\"M0.0 32.0h80.0v32.0h-80.0zM200.0 0.0h80.0v64.0h-80.0z\""), "{plot}");
        assert!(plot.contains("class=\"bad\" d=\"M0.0 0.0h80.0v32.0h-80.0z\""), "{plot}");
        assert!(bars("share", &[(50, 0)], 100).contains("d=\"M0.0 32.0h240.0v32.0h-240.0z\""));
        assert!(bars("none", &[], 0).contains("d=\"\""));
    }

    #[test]
    fn a_line_goes_from_edge_to_edge() {
        assert!(line("size", &[0, 1, 2]).contains("d=\"M0.0 64.0L150.0 32.0L300.0 0.0\""));
        assert!(line("\"x\"", &[5]).contains("aria-label=\"&quot;x&quot;\""));
    }
}
