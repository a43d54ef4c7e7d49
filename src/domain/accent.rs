//! The newsletter's accent colour, in shades with enough contrast to read.

use std::fmt;

/// Red, green and blue, from 0 to 255 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// Colour of links and buttons, readable on the light background (WCAG 2.2, 1.4.3).
///
/// The lighter shade for dark mode is derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    light: Colour,
    dark: Colour,
}

/// Error of [`Accent::parse`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AccentError {
    /// The text is not a colour.
    #[error("'{0}' is not a colour; expected one like #0b5c4a")]
    Form(String),
    /// The contrast with the light background is too low.
    #[error(
        "{colour} is too light to read (contrast {contrast:.1}:1; at least 4.5:1 needed). Nearest usable shade: {nearest}"
    )]
    TooLight {
        /// The rejected colour.
        colour: Colour,
        /// Its contrast ratio with the light background.
        contrast: f64,
        /// The lightest shade of it with enough contrast.
        nearest: Colour,
    },
}

/// Minimum contrast ratio of text and background (WCAG 2.2, 1.4.3, level AA).
const MIN_CONTRAST: f64 = 4.5;
// Backbackgrounds of text in the accent colour, as in `app.css` and the email templates.
const LIGHT_PAPER: Colour = Colour([0xf7, 0xf4, 0xee]);
const LIGHT_CARD: Colour = Colour([0xff, 0xfd, 0xf9]);
const DARK_PAPER: Colour = Colour([0x14, 0x12, 0x0f]);
const DARK_CARD: Colour = Colour([0x1d, 0x1a, 0x16]);
/// Maximum share of the accent in a soft background.
const MAX_SOFT_SHARE: f64 = 0.16;

impl Colour {
    /// Parses `#rrggbb` or `rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut bytes = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#').unwrap_or(text), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Returns the relative luminance of WCAG 2.2, from 0 to 1.
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

    /// Returns the contrast ratio of WCAG 2.2, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (own, its) = (self.luminance(), other.luminance());
        (own.max(its) + 0.05) / (own.min(its) + 0.05)
    }

    fn mix_with(self, other: Self, share: f64) -> Self {
        let mix = |index: usize| {
            let (own, its) = (f64::from(self.0[index]), f64::from(other.0[index]));
            // A value between two bytes fits into a byte.
            (own + (its - own) * share).round() as u8
        };
        Self([mix(0), mix(1), mix(2)])
    }

    /// Returns the first shade between this colour and `end` with enough contrast to all of
    /// `backbackgrounds`.
    fn darken_until_readable(self, end: Self, backgrounds: &[Self]) -> Self {
        let shades = (0..=255).map(|step| self.mix_with(end, f64::from(step) / 255.0));
        shades
            .into_iter()
            .find(|shade| shade.min_contrast(backgrounds) >= MIN_CONTRAST)
            .unwrap_or(end)
    }

    fn min_contrast(self, backgrounds: &[Self]) -> f64 {
        let contrasts = backgrounds
            .iter()
            .map(|background| self.contrast(*background));
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
    /// Parses the colour for light backgrounds, and derives the one for dark mode.
    ///
    /// # Errors
    /// Returns [`AccentError::Form`] if `text` is not a colour, and
    /// [`AccentError::TooLight`], with the nearest usable shade, if its contrast is too low.
    pub fn parse(text: &str) -> Result<Self, AccentError> {
        let form = || AccentError::Form(text.trim().chars().take(40).collect());
        let colour = Colour::parse(text).ok_or_else(form)?;
        let backgrounds = [LIGHT_PAPER, LIGHT_CARD];
        let contrast = colour.min_contrast(&backgrounds);
        if contrast < MIN_CONTRAST {
            return Err(AccentError::TooLight {
                colour,
                contrast,
                nearest: colour.darken_until_readable(Colour([0; 3]), &backgrounds),
            });
        }
        let built_in = Self::default();
        if colour == built_in.light {
            return Ok(built_in);
        }
        Ok(Self {
            light: colour,
            dark: colour.darken_until_readable(Colour([0xff; 3]), &[DARK_PAPER, DARK_CARD]),
        })
    }

    /// Returns the colour for light backgrounds.
    pub fn light(self) -> Colour {
        self.light
    }

    /// Returns the colour for dark backgrounds.
    pub fn dark(self) -> Colour {
        self.dark
    }

    /// Returns the text colour of buttons in dark mode.
    pub fn on_dark(self) -> Colour {
        DARK_PAPER
    }

    /// Returns a light background tinted with the accent, on which the accent is readable.
    pub fn soft_light(self) -> Colour {
        soft_background(self.light, LIGHT_PAPER)
    }

    /// Returns the same for dark mode.
    pub fn soft_dark(self) -> Colour {
        soft_background(self.dark, DARK_PAPER)
    }
}

fn soft_background(accent: Colour, paper: Colour) -> Colour {
    let backgrounds =
        (0..=16).map(|step| paper.mix_with(accent, MAX_SOFT_SHARE * f64::from(16 - step) / 16.0));
    backgrounds
        .into_iter()
        .find(|background| accent.contrast(*background) >= MIN_CONTRAST)
        .unwrap_or(paper)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrast_matches_wcag_examples() {
        let (black, white) = (Colour([0; 3]), Colour([0xff; 3]));
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        assert!((white.contrast(white) - 1.0).abs() < 1e-9);
        // The well-known example: #767676 on white has 4.54.
        let grey = Colour::parse("#767676").unwrap();
        assert!((grey.contrast(white) - 4.54).abs() < 0.01);
    }

    #[test]
    fn parse_text_that_is_not_a_colour_returns_error() {
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
    fn too_light_colour_is_rejected_with_usable_shade() {
        let Err(AccentError::TooLight {
            nearest, contrast, ..
        }) = Accent::parse("#6fd3b5")
        else {
            panic!("too light");
        };
        assert!(contrast < MIN_CONTRAST);
        assert!(Accent::parse(&nearest.to_string()).is_ok());
        // A shade that is one step lighter would not be enough.
        assert!(nearest.contrast(LIGHT_PAPER) < MIN_CONTRAST + 0.1);
    }

    proptest! {
        #[test]
        fn every_accepted_accent_has_enough_contrast(bytes: [u8; 3]) {
            let colour = Colour(bytes);
            let accent = match Accent::parse(&colour.to_string()) {
                Ok(accent) => accent,
                Err(AccentError::TooLight { nearest, .. }) => Accent::parse(&nearest.to_string()).unwrap(),
                Err(error) => panic!("{error}"),
            };
            for (text, background) in [
                (accent.light(), LIGHT_PAPER),
                (accent.light(), LIGHT_CARD),
                (accent.light(), accent.soft_light()),
                (accent.dark(), DARK_PAPER),
                (accent.dark(), DARK_CARD),
                (accent.dark(), accent.soft_dark()),
                (accent.on_dark(), accent.dark()),
            ] {
                prop_assert!(text.contrast(background) >= MIN_CONTRAST, "{text} on {background}");
            }
        }
    }
}
