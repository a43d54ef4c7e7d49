//! How the list grew, as a line.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::growth::{DAY, WEEKS, Week};
use crate::web::pages::millis;

/// The drawing's own units; the page stretches it.
const WIDTH: i64 = 660;
const HEIGHT: i64 = 100;
/// Spaces between the lines that the scale may have.
const MOST_STEPS: i64 = 4;

#[derive(Clone, Debug, Serialize)]
pub struct GrowthWeek {
    #[serde(serialize_with = "millis")]
    pub ends_at: Timestamp,
    pub readers: i64,
    pub came: i64,
    pub went: i64,
}

/// The chart of the overview, and its figures.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    pub weeks: Vec<GrowthWeek>,
    /// `points` of an SVG polyline in a box of 660 × 100.
    pub line: String,
    /// The same, closed along the bottom.
    pub area: String,
    /// What the box's upper and lower edge stand for.
    pub top: i64,
    pub bottom: i64,
}

impl Growth {
    /// `None` while nobody ever read.
    pub fn new(weeks: &[Week; WEEKS]) -> Option<Self> {
        if weeks.iter().all(|week| week.readers == 0 && week.went == 0) {
            return None;
        }
        let readers = || weeks.iter().map(|week| week.readers);
        let (bottom, top) = scale(
            readers().min().unwrap_or(0).max(0),
            readers().max().unwrap_or(0).max(0),
        );
        let points: Vec<String> = (0..)
            .zip(readers())
            .map(|(index, readers)| {
                let x = index * WIDTH / (WEEKS as i64 - 1);
                let down = (top - readers) as f64 / (top - bottom) as f64;
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
            // Noon, so that the date is that day's in nearly every zone.
            ends_at: Timestamp::from_millis(week.last_day * day + day / 2),
            readers: week.readers,
            came: week.came,
            went: week.went,
        }
    }
}

/// Round numbers below and above.
fn scale(least: i64, most: i64) -> (i64, i64) {
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_i64.saturating_pow(power)));
    let step = steps
        .into_iter()
        .find(|step| (most - least) / step < MOST_STEPS)
        .unwrap_or(1);
    let bottom = least / step * step;
    let top = (most / step + 1) * step;
    (bottom, top)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(readers: [i64; WEEKS]) -> [Week; WEEKS] {
        readers.map(|readers| Week {
            last_day: 20_000,
            readers,
            came: 0,
            went: 0,
        })
    }

    #[test]
    fn the_scale_is_round_and_has_room() {
        for (least, most, scaled) in [
            (0, 0, (0, 1)),
            (0, 3, (0, 4)),
            (1100, 1284, (1100, 1300)),
            (0, 1_000_000, (0, 1_500_000)),
            (999_990, 1_000_000, (999_990, 1_000_005)),
        ] {
            assert_eq!(scale(least, most), scaled, "{least} to {most}");
        }
    }

    #[test]
    fn the_line_goes_from_edge_to_edge() {
        let growth = Growth::new(&weeks([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])).unwrap();
        assert!(growth.line.starts_with("0,100.0 60,100.0 ") && growth.line.ends_with(" 660,25.0"));
        assert!(growth.area.ends_with(" 660,100"));
        assert!(Growth::new(&weeks([0; WEEKS])).is_none());
    }
}
