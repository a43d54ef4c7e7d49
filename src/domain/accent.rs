//! The newsletter's own colour, in shades that can be read.

use std::fmt;

/// Red, green and blue, each of 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// A colour for links and buttons that can be read on paper by day (WCAG 2.2, 1.4.3); its
/// lighter shade for the night follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    light: Colour,
    dark: Colour,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AccentError {
    #[error("'{0}' is no colour; expected one like #0b5c4a")]
    Form(String),
    #[error(
        "{asked} is too light to be read on paper ({contrast:.1}:1, and it takes 4.5:1); the nearest that can be is {nearest}"
    )]
    TooLight {
        asked: Colour,
        contrast: f64,
        nearest: Colour,
    },
}

/// Text must stand out by so much from what it stands on.
const ENOUGH: f64 = 4.5;
/// The grounds that text in the accent stands on, as in `app.css` and the mails.
const LIGHT_PAPER: Colour = Colour([0xf7, 0xf4, 0xee]);
const LIGHT_CARD: Colour = Colour([0xff, 0xfd, 0xf9]);
const DARK_PAPER: Colour = Colour([0x14, 0x12, 0x0f]);
const DARK_CARD: Colour = Colour([0x1d, 0x1a, 0x16]);
/// How much of the accent a soft ground has, at most.
const SOFT: f64 = 0.16;

impl Colour {
    /// `#rrggbb`, or `rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut bytes = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#').unwrap_or(text), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// WCAG 2.2's relative luminance, of 1.
    fn luminance(self) -> f64 {
        let linear = |byte: u8| {
            let share = f64::from(byte) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG 2.2's contrast ratio, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn mixed(self, other: Self, share: f64) -> Self {
        let mix = |index: usize| {
            let (own, its) = (f64::from(self.0[index]), f64::from(other.0[index]));
            // Between two bytes lies a byte.
            (own + (its - own) * share).round() as u8
        };
        Self([mix(0), mix(1), mix(2)])
    }

    /// The first shade on the way to `end` that stands out from all of `grounds`.
    fn darken_until_readable(self, end: Self, grounds: &[Self]) -> Self {
        let shades = (0..=255).map(|step| self.mixed(end, f64::from(step) / 255.0));
        shades
            .into_iter()
            .find(|shade| shade.least_contrast(grounds) >= ENOUGH)
            .unwrap_or(end)
    }

    fn least_contrast(self, grounds: &[Self]) -> f64 {
        let contrasts = grounds.iter().map(|ground| self.contrast(*ground));
        contrasts.fold(f64::INFINITY, f64::min)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", hex::encode(self.0))
    }
}

impl Default for Accent {
    /// The green of `app.css`.
    fn default() -> Self {
        Self {
            light: Colour([0x0b, 0x5c, 0x4a]),
            dark: Colour([0x6f, 0xd3, 0xb5]),
        }
    }
}

impl Accent {
    /// # Errors
    /// When it is no colour, or too light: with the nearest shade that is dark enough.
    pub fn parse(text: &str) -> Result<Self, AccentError> {
        let form = || AccentError::Form(text.trim().chars().take(40).collect());
        let asked = Colour::parse(text).ok_or_else(form)?;
        let grounds = [LIGHT_PAPER, LIGHT_CARD];
        let contrast = asked.least_contrast(&grounds);
        if contrast < ENOUGH {
            return Err(AccentError::TooLight {
                asked,
                contrast,
                nearest: asked.darken_until_readable(Colour([0; 3]), &grounds),
            });
        }
        let built_in = Self::default();
        if asked == built_in.light {
            return Ok(built_in);
        }
        Ok(Self {
            light: asked,
            dark: asked.darken_until_readable(Colour([0xff; 3]), &[DARK_PAPER, DARK_CARD]),
        })
    }

    /// By day.
    pub fn light(self) -> Colour {
        self.light
    }

    /// By night.
    pub fn dark(self) -> Colour {
        self.dark
    }

    /// For words on a button by night.
    pub fn on_dark(self) -> Colour {
        DARK_PAPER
    }

    /// A ground with a touch of the accent by day, on which the accent can be read.
    pub fn soft_light(self) -> Colour {
        soft(self.light, LIGHT_PAPER)
    }

    /// The same by night.
    pub fn soft_dark(self) -> Colour {
        soft(self.dark, DARK_PAPER)
    }
}

fn soft(accent: Colour, paper: Colour) -> Colour {
    let grounds = (0..=16).map(|step| paper.mixed(accent, SOFT * f64::from(16 - step) / 16.0));
    grounds
        .into_iter()
        .find(|ground| accent.contrast(*ground) >= ENOUGH)
        .unwrap_or(paper)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrast_is_wcags() {
        let (black, white) = (Colour([0; 3]), Colour([0xff; 3]));
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        assert!((white.contrast(white) - 1.0).abs() < 1e-9);
        // #767676 on white is the textbook's 4.54.
        let grey = Colour::parse("#767676").unwrap();
        assert!((grey.contrast(white) - 4.54).abs() < 0.01);
    }

    #[test]
    fn what_is_no_colour_is_told() {
        for text in ["", "green", "#12345", "#1234567", "#12345g", "rgb(1,2,3)"] {
            assert!(
                matches!(Accent::parse(text), Err(AccentError::Form(_))),
                "{text}"
            );
        }
        assert_eq!(Accent::parse(" #0B5C4A "), Ok(Accent::default()));
        assert_eq!(Accent::parse("0b5c4a"), Ok(Accent::default()));
    }

    #[test]
    fn too_light_a_colour_is_refused_and_the_nearest_passes() {
        let Err(AccentError::TooLight {
            nearest, contrast, ..
        }) = Accent::parse("#6fd3b5")
        else {
            panic!("too light");
        };
        assert!(contrast < ENOUGH);
        assert!(Accent::parse(&nearest.to_string()).is_ok());
        // One shade lighter would not do.
        assert!(nearest.contrast(LIGHT_PAPER) < ENOUGH + 0.1);
    }

    proptest! {
        #[test]
        fn every_accent_can_be_read_by_day_and_by_night(bytes: [u8; 3]) {
            let colour = Colour(bytes);
            let accent = match Accent::parse(&colour.to_string()) {
                Ok(accent) => accent,
                Err(AccentError::TooLight { nearest, .. }) => Accent::parse(&nearest.to_string()).unwrap(),
                Err(error) => panic!("{error}"),
            };
            for (text, ground) in [
                (accent.light(), LIGHT_PAPER),
                (accent.light(), LIGHT_CARD),
                (accent.light(), accent.soft_light()),
                (accent.dark(), DARK_PAPER),
                (accent.dark(), DARK_CARD),
                (accent.dark(), accent.soft_dark()),
                (accent.on_dark(), accent.dark()),
            ] {
                prop_assert!(text.contrast(ground) >= ENOUGH, "{text} on {ground}");
            }
        }
    }
}
