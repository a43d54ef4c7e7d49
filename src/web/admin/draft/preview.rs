//! How the preview of the next issue is shown.

use serde::Serialize;

/// Options of the preview.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PreviewOptions {
    /// Whether the plain text part is shown instead of the HTML part.
    pub text: bool,
    /// Whether the frame is as narrow as a phone.
    pub phone: bool,
    /// Whether the dark theme is shown.
    pub dark: bool,
}

impl PreviewOptions {
    /// Parses the fields `show`, `width` and `theme`. Unknown values select the default.
    pub fn parse(show: &str, width: &str, theme: &str) -> Self {
        Self {
            text: show == "text",
            phone: width == "phone",
            dark: theme == "dark",
        }
    }

    /// Returns the query parameters that restore the options, each with a leading `&`.
    pub fn to_query(self) -> String {
        let parameters = [
            (self.text, "&show=text"),
            (self.phone, "&width=phone"),
            (self.dark, "&theme=dark"),
        ];
        let parameters = parameters.iter().filter(|(is_set, _)| *is_set);
        parameters.map(|(_, parameter)| *parameter).collect()
    }
}

/// Rewrites the media queries of an email, so that the preview shows the dark or the light
/// theme whatever the browser prefers.
pub fn force_color_scheme(html: &str, dark: bool) -> String {
    let (always, never) = ("(min-width:0)", "(max-width:0)");
    let (if_dark, if_light, scheme) = if dark {
        (always, never, "dark")
    } else {
        (never, always, "light")
    };
    let mut html = html.to_owned();
    for space in ["", " "] {
        for (theme, condition) in [("dark", if_dark), ("light", if_light)] {
            let query = format!("(prefers-color-scheme:{space}{theme})");
            html = html.replace(&query, condition);
        }
        let both = format!("color-scheme:{space}light dark");
        html = html.replace(&both, &format!("color-scheme:{scheme}"));
    }
    let meta = "name=\"color-scheme\" content=\"light dark\"";
    html.replace(meta, &format!("name=\"color-scheme\" content=\"{scheme}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_color_scheme_replaces_theme_queries() {
        let mail = "<meta name=\"color-scheme\" content=\"light dark\"><style>:root{color-scheme:light dark}\
            @media (prefers-color-scheme: dark){a}@media (prefers-color-scheme:dark){b}</style>";

        let dark = force_color_scheme(mail, true);
        let light = force_color_scheme(mail, false);

        assert!(dark.contains("@media (min-width:0){a}@media (min-width:0){b}"));
        assert!(dark.contains("content=\"dark\"") && dark.contains("{color-scheme:dark}"));
        assert!(light.contains("@media (max-width:0){a}") && light.contains("content=\"light\""));
    }

    #[test]
    fn force_color_scheme_covers_built_in_template() {
        let mail = concat!(
            include_str!("../../../../email-templates/base.html"),
            include_str!("../../../../email-templates/digest/body.html"),
        );

        for dark in [true, false] {
            let shown = force_color_scheme(mail, dark);
            assert!(!shown.contains("prefers-color-scheme"));
            assert!(!shown.contains("{color-scheme:light dark"));
        }
    }

    #[test]
    fn preview_options_round_trip_through_query() {
        let default = PreviewOptions::parse("html", "desktop", "light");
        let changed = PreviewOptions::parse("text", "phone", "dark");

        assert_eq!(default.to_query(), "");
        assert_eq!(changed.to_query(), "&show=text&width=phone&theme=dark");
    }
}
