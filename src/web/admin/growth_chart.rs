//! Line chart of the number of subscribers in the last weeks.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::growth::{CHART_WEEKS, DAY, Week};
use crate::web::render::millis;

/// Width of the drawing in its own units; the page stretches it.
const WIDTH: i64 = 660;
/// Height of the drawing.
const HEIGHT: i64 = 100;
/// Maximum number of steps between the lower and the upper end of the scale.
const MAX_STEPS: i64 = 4;

/// One week of the chart.
#[derive(Clone, Debug, Serialize)]
pub struct GrowthWeek {
    /// The last day of the week, at noon UTC.
    #[serde(serialize_with = "millis")]
    pub ends_at: Timestamp,
    /// Active subscribers at the end of the week.
    pub subscribers: i64,
    /// Subscribers who became active.
    pub subscribed: i64,
    /// Subscribers who are no longer active.
    pub unsubscribed: i64,
}

/// The chart and the figures it shows.
#[derive(Clone, Debug, Serialize)]
pub struct GrowthChart {
    /// The weeks, oldest first.
    pub weeks: Vec<GrowthWeek>,
    /// `points` of an SVG polyline in a box of 660 × 100 units.
    pub line: String,
    /// `points` of the polygon below the line.
    pub area: String,
    /// Number of subscribers at the upper edge.
    pub top: i64,
    /// Number of subscribers at the lower edge.
    pub bottom: i64,
}

impl GrowthChart {
    /// Draws the chart. Returns `None` if there was never an active subscriber.
    pub fn new(weeks: &[Week; CHART_WEEKS]) -> Option<Self> {
        if weeks
            .iter()
            .all(|week| week.confirmed == 0 && week.left == 0)
        {
            return None;
        }
        let subscribers = || weeks.iter().map(|week| week.confirmed);
        let (bottom, top) = scale(
            subscribers().min().unwrap_or(0).max(0),
            subscribers().max().unwrap_or(0).max(0),
        );
        let points: Vec<String> = (0..)
            .zip(subscribers())
            .map(|(index, subscribers)| {
                let x = index * WIDTH / (CHART_WEEKS as i64 - 1);
                let down = (top - subscribers) as f64 / (top - bottom) as f64;
                format!("{x},{:.1}", down * HEIGHT as f64)
            })
            .collect();
        let line = points.join(" ");
        Some(Self {
            area: format!("0,{HEIGHT} {line} {WIDTH},{HEIGHT}"),
            line,
            top,
            bottom,
            weeks: weeks.iter().map(GrowthWeek::from).collect(),
        })
    }
}

impl From<&Week> for GrowthWeek {
    fn from(week: &Week) -> Self {
        let day = DAY.as_millis() as i64;
        Self {
            // Noon, so that the date is the same in nearly every time zone.
            ends_at: Timestamp::from_millis(week.last_day * day + day / 2),
            subscribers: week.confirmed,
            subscribed: week.joined,
            unsubscribed: week.left,
        }
    }
}

/// Returns round numbers at or below `min` and above `max`.
fn scale(min: i64, max: i64) -> (i64, i64) {
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_i64.saturating_pow(power)));
    let step = steps
        .into_iter()
        .find(|step| (max - min) / step < MAX_STEPS)
        .unwrap_or(1);
    let bottom = min / step * step;
    let top = (max / step + 1) * step;
    (bottom, top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(confirmed: [i64; CHART_WEEKS]) -> [Week; CHART_WEEKS] {
        confirmed.map(|confirmed| Week {
            last_day: 20_000,
            confirmed,
            joined: 0,
            left: 0,
        })
    }

    #[test]
    fn scale_has_round_ends_with_space_above() {
        for (min, max, expected) in [
            (0, 0, (0, 1)),
            (0, 3, (0, 4)),
            (1100, 1284, (1100, 1300)),
            (0, 1_000_000, (0, 1_500_000)),
            (999_990, 1_000_000, (999_990, 1_000_005)),
        ] {
            assert_eq!(scale(min, max), expected, "{min} to {max}");
        }
    }

    #[test]
    fn line_spans_the_whole_width() {
        let chart = GrowthChart::new(&weeks([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])).unwrap();
        assert!(chart.line.starts_with("0,100.0 60,100.0 ") && chart.line.ends_with(" 660,25.0"));
        assert!(chart.area.ends_with(" 660,100"));
        assert!(GrowthChart::new(&weeks([0; CHART_WEEKS])).is_none());
    }
}
